//! Receivers: small A2A servers that put one coding-agent CLI each behind the protocol.
//!
//! Owns: the server, the durable tasks, the adapters and the processes below them. Does not own: which receivers there
//! should be, their ports and tokens (the daemon), or what a dispatch may spend over time (the ledger).

#![deny(missing_docs)]

pub mod adapter;
pub mod child;
pub mod config;
pub mod folder;
pub mod harness;
mod mode;
mod registry;
mod serve;
mod server;
mod store;
mod version;

pub use mode::{Mode, ModeError};
pub use serve::{ServeError, Stop, serve, serve_until_signal, serve_with};
pub use version::version;
