//! What is written to the CLI's standard input: one JSON object a line.
//!
//! Owns: the form of these lines.

use serde_json::{Value, json};

use super::events::Ask;
use super::question;

/// Told to the agent when a person said no without a reason.
const DENIED: &str = "The person who was asked for permission said no.";

/// Opens the control protocol.
pub(super) fn initialize() -> String {
    let request = json!({ "subtype": "initialize", "hooks": null });
    line(
        &json!({ "type": "control_request", "request_id": "fleet-initialize", "request": request }),
    )
}

/// The message of the turn. One that begins with a slash would be a command to the CLI itself, such as `/clear`; what a peer
/// sends is for the model, so a line end goes before it. `id` names it in what the CLI says of it.
pub(super) fn user(prompt: &str, id: &str) -> String {
    let before = if prompt.starts_with('/') { "\n" } else { "" };
    let content = json!([{ "type": "text", "text": format!("{before}{prompt}") }]);
    line(&json!({
        "type": "user", "message": { "role": "user", "content": content },
        "parent_tool_use_id": null, "session_id": "", "uuid": id,
    }))
}

/// Asks it to stop what it does.
pub(super) fn interrupt() -> String {
    let request = json!({ "subtype": "interrupt" });
    line(&json!({ "type": "control_request", "request_id": "fleet-interrupt", "request": request }))
}

/// Allows what it asked for, and what `updates` grant beyond.
pub(super) fn allow(ask: &Ask, updates: &[Value]) -> String {
    let mut answer = json!({ "behavior": "allow", "updatedInput": ask.input });
    if !updates.is_empty() {
        answer["updatedPermissions"] = Value::from(updates);
    }
    success(&ask.request_id, &answer)
}

/// Refuses what it asked for.
pub(super) fn deny(ask: &Ask, reason: Option<&str>) -> String {
    let without_reason = if ask.tool == question::TOOL {
        question::DENIED
    } else {
        DENIED
    };
    success(
        &ask.request_id,
        &json!({ "behavior": "deny", "message": reason.unwrap_or(without_reason) }),
    )
}

/// Says that a request of this kind is not served.
pub(super) fn unserved(request_id: &str, subtype: &str) -> String {
    let error = format!("requests of the kind {subtype:?} are not served");
    response(&json!({ "subtype": "error", "request_id": request_id, "error": error }))
}

fn success(request_id: &str, answer: &Value) -> String {
    response(&json!({ "subtype": "success", "request_id": request_id, "response": answer }))
}

fn response(response: &Value) -> String {
    line(&json!({ "type": "control_response", "response": response }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
