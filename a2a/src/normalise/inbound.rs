//! What a caller sends to a receiver: normalised, then checked, so that each mistake is named.
//!
//! Owns: the checks of a message's shape. Does not own: the contract it may carry, see [`crate::contract`].

use serde_json::{Map, Value};

use crate::contract::{Violation, shown_value};
use crate::ids::{ContextId, IdError, MessageId, TaskId};
use crate::types::{Message, Role, SendMessageRequest};

use super::message_value;

/// Ids that a caller may leave to the receiver.
const OPTIONAL_IDS: [&str; 2] = ["contextId", "taskId"];

/// A message that a caller sent, in any dialect, with every field that is wrong named as on the wire.
///
/// # Errors
/// The violations, at least one, for `BadRequest.fieldViolations`.
pub fn inbound_message(value: Value) -> Result<Message, Vec<Violation>> {
    let Value::Object(mut map) = value else {
        let held = shown_value(&value);
        return Err(vec![Violation::new("message", held, "a message object")]);
    };
    // Protobuf knows no difference between an empty text and none, and some clients write it down.
    map.retain(|key, value| !(OPTIONAL_IDS.contains(&key.as_str()) && value == ""));
    let mut wrong = field_types(&map);
    let message: Message = match serde_json::from_value(message_value(Value::Object(map))) {
        Ok(message) => message,
        Err(error) => {
            if wrong.is_empty() {
                wrong.push(Violation::new(
                    "message",
                    error.to_string(),
                    "a message of A2A 1.0, each part with one of text, raw, url and data",
                ));
            }
            return Err(wrong);
        }
    };
    check_content(&message, &mut wrong);
    if wrong.is_empty() {
        Ok(message)
    } else {
        Err(wrong)
    }
}

/// The params of SendMessage and SendStreamingMessage, in any dialect.
///
/// # Errors
/// The violations, at least one.
pub fn inbound_send_request(value: Value) -> Result<SendMessageRequest, Vec<Violation>> {
    let Value::Object(mut map) = value else {
        let held = shown_value(&value);
        return Err(vec![Violation::new("params", held, "an object")]);
    };
    if let Some(root) = map.get("contextId") {
        return Err(vec![Violation::new(
            "params.contextId",
            shown_value(root),
            "nothing: contextId stands in params.message",
        )]);
    }
    let message = inbound_message(map.remove("message").unwrap_or(Value::Null))?;
    let configuration = match map.remove("configuration") {
        None | Some(Value::Null) => None,
        Some(Value::Object(configuration)) => Some(configuration_object(configuration)),
        Some(other) => {
            let held = shown_value(&other);
            return Err(vec![Violation::new("configuration", held, "an object")]);
        }
    };
    let configuration = configuration
        .map(|map| serde_json::from_value(Value::Object(map)))
        .transpose()
        .map_err(|e: serde_json::Error| {
            vec![Violation::new(
                "configuration",
                e.to_string(),
                "a configuration of A2A 1.0",
            )]
        })?;
    let metadata = match map.remove("metadata") {
        Some(Value::Object(metadata)) => Some(metadata.into_iter().collect()),
        Some(_) | None => None,
    };
    Ok(SendMessageRequest {
        message,
        configuration,
        metadata,
        tenant: map.get("tenant").and_then(Value::as_str).map(str::to_owned),
    })
}

/// Whole numbers that came as 50.0, because they passed through a protobuf Struct, become 50 again.
pub fn integral_numbers(map: &mut Map<String, Value>, keys: &[&str]) {
    /// The range in which every double that is whole is one integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    for key in keys {
        let whole = map
            .get(*key)
            .filter(|value| value.is_f64())
            .and_then(Value::as_f64)
            .filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
        if let Some(number) = whole {
            #[allow(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            map.insert((*key).to_owned(), Value::from(number as i64));
        }
    }
}

fn configuration_object(mut map: Map<String, Value>) -> Map<String, Value> {
    integral_numbers(&mut map, &["historyLength"]);
    // A2A 0.3 says it the other way round.
    if let Some(blocking) = map.remove("blocking").and_then(|v| v.as_bool()) {
        map.entry("returnImmediately")
            .or_insert(Value::Bool(!blocking));
    }
    map
}

/// Types that the tolerant normaliser would mend, but a caller should hear of.
fn field_types(map: &Map<String, Value>) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let mut check = |key: &str, good: fn(&Value) -> bool, takes: &str| {
        if let Some(value) = map.get(key).filter(|v| !v.is_null() && !good(v)) {
            let field = format!("message.{key}");
            wrong.push(Violation::new(field, shown_value(value), takes));
        }
    };
    for key in ["messageId", "contextId", "taskId"] {
        check(key, Value::is_string, "text of 1 to 256 characters");
    }
    check("parts", Value::is_array, "a list of at least one part");
    check("metadata", Value::is_object, "an object");
    check("extensions", text_list, "a list of URIs");
    check("referenceTaskIds", text_list, "a list of task ids");
    if let Some(Value::Array(parts)) = map.get("parts") {
        for (at, part) in parts.iter().enumerate().filter(|(_, p)| !p.is_object()) {
            let field = format!("message.parts[{at}]");
            wrong.push(Violation::new(field, shown_value(part), "a part object"));
        }
    }
    wrong
}

fn text_list(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|all| all.iter().all(Value::is_string))
}

fn check_content(message: &Message, wrong: &mut Vec<Violation>) {
    if message.role == Role::Unspecified {
        let takes = "ROLE_USER or ROLE_AGENT";
        wrong.push(Violation::new("message.role", "no known role", takes));
    }
    if message.parts.is_empty() && !wrong.iter().any(|v| v.field == "message.parts") {
        let takes = "a list of at least one part";
        wrong.push(Violation::new("message.parts", "no part", takes));
    }
    let mut id = |field: &str, error: Option<IdError>| {
        if let Some(error) = error
            && !wrong.iter().any(|v| v.field == field)
        {
            let takes = "text of 1 to 256 characters without control characters";
            let held = match error {
                IdError::Empty { .. } => "no text".to_owned(),
                IdError::TooLong { chars, .. } => format!("{chars} characters"),
                IdError::Control { .. } => "a control character".to_owned(),
            };
            wrong.push(Violation::new(field, held, takes));
        }
    };
    id(
        "message.messageId",
        MessageId::new(message.message_id.as_str()).err(),
    );
    if let Some(context) = &message.context_id {
        id("message.contextId", ContextId::new(context.as_str()).err());
    }
    if let Some(task) = &message.task_id {
        id("message.taskId", TaskId::new(task.as_str()).err());
    }
}
