//! Receivers: small A2A servers that put one coding-agent CLI each behind the protocol.
//!
//! Owns: the server, the durable tasks, the adapters and the processes below them. Does not own: which receivers there
//! should be, their ports and tokens (the daemon), or what a dispatch may spend over time (the ledger).

pub mod adapter;
pub mod child;
pub mod config;
mod mode;

pub use mode::{Mode, ModeError};
