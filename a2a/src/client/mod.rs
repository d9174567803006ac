//! The client: how we talk to any peer.
//!
//! Owns: endpoints, cards, streaming, re-attachment, and errors that keep what the peer said. Does not own: retries of a
//! whole dispatch, deadlines, or what a reply is worth.

mod endpoint;

pub use endpoint::{Dialect, Endpoint, PeerCard, Secret};
