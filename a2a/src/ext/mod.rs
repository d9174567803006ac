//! Our extensions of A2A: what they are called and what travels under them.
//!
//! Owns: the URIs and the JSON shapes. Does not own: when they are sent (client, receiver).

pub mod dispatch;
pub mod events;
mod parts;
pub mod question;
pub mod usage;

pub use dispatch::{DispatchMeta, Grant};
pub use events::{
    Choice, Decision, EndReason, FleetEvent, PermissionAnswer, PermissionRequest, Refusal,
};
pub use parts::{
    Answer, Metadata, answer_of, event_part, events_in, events_of, usage_in, usage_metadata,
    usage_of,
};
pub use question::{Chosen, Question, QuestionOption, Ruling};
pub use usage::Usage;
