//! The client: how we talk to any peer.
//!
//! Owns: endpoints, cards, streaming, re-attachment, and errors that keep what the peer said. Does not own: retries of a
//! whole dispatch, deadlines, or what a reply is worth.

mod answer;
mod attach;
mod calls;
mod card;
mod endpoint;
mod error;
mod frames;
mod http;
mod rpc_error;
mod stream;
mod transport;

pub use calls::ReturnWhen;
pub use card::endpoint_of_card;
pub use endpoint::{Dialect, Endpoint, PeerCard, ProofRule, Secret};
pub use error::{ClientError, Delivery, Duplicate};
pub use frames::MAX_EVENT_BYTES;
pub use http::Client;
pub use rpc_error::{Call, DUPLICATE_DISPATCH, ErrorInfo, FLEET_DOMAIN, RpcError};
pub use stream::{EventStream, PeerEvent, is_final};
