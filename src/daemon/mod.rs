//! The daemon: the one process that owns a fleet's state.
//!
//! Owns: the lock, the control socket, and the wiring of store, ledger, transcripts, dispatch and supervision.

mod commands;
mod connection;
mod core;
pub mod dispatch;
mod fleet;
mod handover;
pub mod ledger;
mod lock;
mod notices;
pub mod peers;
mod run;
mod snapshot;
mod socket;
pub mod store;
mod supervisor;
pub mod transcript;

pub use run::run;

#[cfg(test)]
mod tests;
