//! An incoming message, read and checked: what it asks for, and what is kept of it.
//!
//! Owns: the hash that tells a repeat from another message. Does not own: the contract's rules (fleet-a2a).

use fleet_a2a::contract::{Contract, ReceivedDispatch, Violation};
use fleet_a2a::types::Message;
use fleet_a2a::{ContextId, IdError, MessageId, TaskId};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::refused::Refused;
use crate::store::StoredMessage;

/// A message that was read.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// As it is kept.
    pub(crate) stored: StoredMessage,
    /// As it came.
    pub(crate) message: Message,
}

/// What a message asks for.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The message.
    pub(crate) message: Message,
    /// Its id.
    pub(crate) message_id: MessageId,
    /// The contract and the grant in it.
    pub(crate) dispatch: ReceivedDispatch,
}

impl Work {
    /// Reads the contract; `default_deadline_s` counts where the message names no deadline.
    pub(crate) fn read(incoming: &Incoming, default_deadline_s: u32) -> Result<Self, Refused> {
        Ok(Self {
            dispatch: Contract::from_message(&incoming.message, default_deadline_s)?,
            message: incoming.message.clone(),
            message_id: incoming.stored.message_id.clone(),
        })
    }
}

impl Incoming {
    /// Reads the ids and the hash of a message.
    pub(crate) fn read(message: Message) -> Result<Self, Refused> {
        let id = |field: &str, error: IdError| {
            Refused::from(Violation::new(
                format!("message.{field}"),
                error.to_string(),
                "an id",
            ))
        };
        let stored = StoredMessage {
            message_id: MessageId::new(message.message_id.clone())
                .map_err(|error| id("messageId", error))?,
            context_given: given(message.context_id.as_ref())
                .map(ContextId::new)
                .transpose()
                .map_err(|error| id("contextId", error))?,
            task_given: given(message.task_id.as_ref())
                .map(TaskId::new)
                .transpose()
                .map_err(|error| id("taskId", error))?,
            parts_hash: hash(&message),
            json: serde_json::to_string(&message).unwrap_or_default(),
        };
        Ok(Self { stored, message })
    }
}

/// An empty id is an absent one: protobuf cannot tell them apart.
fn given(id: Option<&String>) -> Option<String> {
    id.filter(|text| !text.is_empty()).cloned()
}

/// Hash of the parts, the same for every order of keys.
fn hash(message: &Message) -> String {
    let mut canonical = String::new();
    let parts = serde_json::to_value(&message.parts).unwrap_or_default();
    write_canonical(&parts, &mut canonical);
    Sha256::digest(canonical.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// JSON with sorted keys. Bodies are at most 64 levels deep, so the recursion is bounded.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for key in keys {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for item in list {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            out.push_str(&leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_a2a::types::{Part, Role};
    use serde_json::json;

    fn message(parts: Vec<Part>) -> Message {
        Message::new(Role::User, parts)
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        let hash = |value: Value| hash(&message(vec![Part::text("x"), Part::data(value)]));
        let one = hash(json!({"a": 1, "b": {"c": [1, 2], "d": null}}));
        let two = hash(json!({"b": {"d": null, "c": [1, 2]}, "a": 1}));
        assert_eq!(one, two);
        assert_ne!(one, hash(json!({"a": 1, "b": {"c": [2, 1], "d": null}})));
        assert_ne!(one, hash(json!({"a": 1, "b": {"c": [1, 2]}})));
    }

    #[test]
    fn ids_are_checked_and_empty_ones_absent() {
        let mut message = message(vec![Part::text("x")]);
        message.context_id = Some(String::new());
        assert_eq!(
            Incoming::read(message.clone())
                .unwrap()
                .stored
                .context_given,
            None
        );
        message.context_id = Some("a\u{0}b".to_owned());
        let error = Incoming::read(message).unwrap_err();
        assert!(error.to_string().contains("message.contextId"), "{error}");
    }
}
