//! Stand-ins for tests and for trying fleet by hand.
//!
//! Owns: a scripted model server, and where to find the agent CLIs that tests drive against it. Never published.

pub mod claude;
pub mod model_server;

pub use model_server::{ModelServer, Options};
