//! A2A (Agent2Agent) as fleet speaks it: the wire types behind a facade, our two
//! extensions, the dispatch contract, and the client.
//!
//! Owns: what goes over the wire and what it means. Does not own: processes, databases,
//! configuration files, or anything a terminal shows.

#![deny(missing_docs)]

pub mod client;
pub mod clock;
pub mod contract;
pub mod ext;
pub mod health;
mod ids;
pub mod normalise;
pub mod rpc;
pub mod types;

pub use ids::{ContextId, IdError, MAX_ID_CHARS, MessageId, TaskId};
