//! The daemon: the one process that owns a fleet's state.
//!
//! Owns: the lock, the control socket, and the wiring of store, ledger, transcripts, dispatch and supervision.

pub mod dispatch;
pub mod ledger;
pub mod peers;
pub mod store;
pub mod transcript;
