//! Our extensions of A2A: what they are called and what travels under them.
//!
//! Owns: the URIs and the JSON shapes. Does not own: when they are sent (client, receiver).

pub mod dispatch;
pub mod events;
pub mod usage;

pub use dispatch::{DispatchMeta, Grant};
pub use events::{
    Choice, Decision, EndReason, FleetEvent, PermissionAnswer, PermissionRequest, Refusal,
};
pub use usage::Usage;
