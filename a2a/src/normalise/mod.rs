//! The normaliser: what peers really send, turned into strict A2A 1.0 before it is parsed.
//!
//! Owns: the reading of A2A 0.3, of the original fleet's dialect and of unknown enum values. Every inbound body goes
//! through it, at the client and at the receiver. It changes JSON into JSON, never panics, and changes nothing the
//! second time. Does not own: encoding in those dialects, see [`crate::client::Dialect`].

mod card;
mod inbound;
mod shapes;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::types::{
    AgentCard, ListTasksResponse, Message, SendMessageResponse, StreamResponse, Task,
};

pub use card::agent_card_value;
pub use inbound::{inbound_message, inbound_send_request, integral_numbers};
pub use shapes::{
    list_response_value, message_value, send_response_value, stream_value, task_value,
};

/// Why a body is not A2A even after normalising.
#[derive(Debug, thiserror::Error)]
#[error("not {what}: {source}")]
pub struct NormaliseError {
    /// What it was to be.
    pub what: &'static str,
    /// What the strict parser said.
    #[source]
    pub source: serde_json::Error,
}

fn strict<T: DeserializeOwned>(what: &'static str, value: Value) -> Result<T, NormaliseError> {
    serde_json::from_value(value).map_err(|source| NormaliseError { what, source })
}

/// A message; missing ids of a peer that mints none become empty text.
///
/// # Errors
/// [`NormaliseError`] when it is no message in any dialect.
pub fn message(value: Value) -> Result<Message, NormaliseError> {
    strict("a message", message_value(value))
}

/// A task. `context_id` fills in where the peer named none.
///
/// # Errors
/// [`NormaliseError`] when it is no task in any dialect.
pub fn task(value: Value, context_id: Option<&str>) -> Result<Task, NormaliseError> {
    strict("a task", task_value(value, context_id))
}

/// The result of a send: a task or a message, wrapped or not.
///
/// # Errors
/// [`NormaliseError`] when it is neither in any dialect.
pub fn send_response(
    value: Value,
    context_id: Option<&str>,
) -> Result<SendMessageResponse, NormaliseError> {
    strict(
        "a task or a message",
        send_response_value(value, context_id),
    )
}

/// One event of a stream, wrapped or not.
///
/// # Errors
/// [`NormaliseError`] when it is none of the four in any dialect.
pub fn stream_response(
    value: Value,
    context_id: Option<&str>,
) -> Result<StreamResponse, NormaliseError> {
    strict("a stream event", stream_value(value, context_id))
}

/// A page of tasks.
///
/// # Errors
/// [`NormaliseError`] when it is none in any dialect.
pub fn list_response(value: Value) -> Result<ListTasksResponse, NormaliseError> {
    strict("a list of tasks", list_response_value(value))
}

/// An agent card of any version as a card of A2A 1.0.
///
/// # Errors
/// [`NormaliseError`] when it has no name or no interface.
pub fn agent_card(value: Value) -> Result<AgentCard, NormaliseError> {
    strict("an agent card", agent_card_value(value))
}

#[cfg(test)]
mod tests;
