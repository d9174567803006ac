//! The events of a task as they are stored and sent: A2A 1.0 `StreamResponse` objects, strict.
//!
//! Owns: their JSON. Does not own: their order and numbers (the store), nor frames and envelopes (the server).

use std::collections::BTreeMap;

use fleet_a2a::clock::rfc3339;
use fleet_a2a::ext::{FleetEvent, PermissionRequest, Usage, events, usage};
use fleet_a2a::types::Part;
use fleet_a2a::{ContextId, TaskId};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::machine::End;
use crate::store::TaskState;

/// The artifact that the reply is.
pub(crate) const REPLY_ARTIFACT: &str = "reply";

/// Builds the events of one task.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    task: TaskId,
    context: ContextId,
}

/// How an artifact update relates to what was sent of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The first piece of the reply.
    First,
    /// A further piece.
    Next,
    /// All of it, in place of the pieces.
    Whole,
}

impl Wire {
    pub(crate) fn new(task: TaskId, context: ContextId) -> Self {
        Self { task, context }
    }

    /// Event 1: the task itself.
    pub(crate) fn task(&self, status: &Value, message: &Value) -> Value {
        json!({"task": {
            "id": self.task, "contextId": self.context, "status": status, "history": [message],
        }})
    }

    /// A status without a message.
    pub(crate) fn status(state: TaskState, at_ms: i64) -> Value {
        json!({"state": state.wire(), "timestamp": rfc3339(at_ms)})
    }

    /// A status that carries an event of ours, and a text for agents that do not know it.
    pub(crate) fn status_with(&self, state: TaskState, event: &FleetEvent, at_ms: i64) -> Value {
        let mut status = Self::status(state, at_ms);
        let mut parts = vec![json!({
            "data": event,
            "mediaType": "application/json",
            "metadata": {events::URI: true},
        })];
        if let Some(text) = plain(event) {
            parts.push(json!({"text": text}));
        }
        status["message"] = json!({
            "messageId": Uuid::now_v7(),
            "role": "ROLE_AGENT",
            "taskId": self.task,
            "contextId": self.context,
            "parts": parts,
            "extensions": [events::URI],
        });
        status
    }

    /// An update of the status.
    pub(crate) fn status_update(&self, status: &Value, spent: Option<&Usage>) -> Value {
        let mut update = json!({"taskId": self.task, "contextId": self.context, "status": status});
        add_usage(&mut update, spent);
        json!({"statusUpdate": update})
    }

    /// A piece of the reply, or all of it.
    pub(crate) fn reply(&self, text: &str, piece: Piece, spent: Option<&Usage>) -> Value {
        let artifact = json!({
            "artifactId": REPLY_ARTIFACT, "name": REPLY_ARTIFACT, "parts": [{"text": text}],
        });
        let mut update = json!({
            "taskId": self.task, "contextId": self.context, "artifact": artifact,
            "append": piece == Piece::Next, "lastChunk": piece == Piece::Whole,
        });
        add_usage(&mut update, spent);
        json!({"artifactUpdate": update})
    }

    /// A further artifact, whole.
    pub(crate) fn artifact(&self, name: &str, parts: &[Part], spent: Option<&Usage>) -> Value {
        let artifact = json!({"artifactId": name, "name": name, "parts": parts});
        let mut update = json!({
            "taskId": self.task, "contextId": self.context, "artifact": artifact,
            "append": false, "lastChunk": true,
        });
        add_usage(&mut update, spent);
        json!({"artifactUpdate": update})
    }
}

/// The last event of a turn.
pub(crate) fn end_event(end: &End) -> FleetEvent {
    FleetEvent::End {
        reason: end.reason,
        detail: end.detail.clone(),
        refused: end.refused.clone(),
    }
}

fn add_usage(update: &mut Value, spent: Option<&Usage>) {
    if let Some(spent) = spent {
        update["metadata"] = json!({usage::URI: spent});
    }
}

/// What an agent without our extension is told in words. Everything that it would miss, nothing else.
fn plain(event: &FleetEvent) -> Option<String> {
    match event {
        FleetEvent::PermissionRequest(request) => Some(asked(request)),
        FleetEvent::End { detail, .. } if !detail.is_empty() => Some(detail.clone()),
        FleetEvent::Session { .. }
        | FleetEvent::Thought { .. }
        | FleetEvent::Subagent { .. }
        | FleetEvent::ToolCall { .. }
        | FleetEvent::ToolResult { .. }
        | FleetEvent::Retry { .. }
        | FleetEvent::Note { .. }
        | FleetEvent::PermissionAnswered { .. }
        | FleetEvent::End { .. } => None,
    }
}

fn asked(request: &PermissionRequest) -> String {
    let PermissionRequest {
        request_id,
        tool,
        expires_at,
        questions,
        ..
    } = request;
    if questions.is_empty() {
        return format!(
            "The agent asks whether it may use {tool}. Answer allow or deny on this task before {expires_at}."
        );
    }
    let mut lines = vec!["The agent asks:".to_owned()];
    for question in questions {
        lines.push(question.question.clone());
        for option in &question.options {
            lines.push(format!("- {}: {}", option.label, option.description));
        }
    }
    lines.push(format!(
        "Answer on this task before {expires_at}: the text deny, or a data part {{\"request_id\": {}, \"decision\": \"allow\", \
         \"answers\": [...]}} with one answer to each question, a label or other words; a list where several may be chosen.",
        json!(request_id)
    ));
    lines.join("\n")
}

/// The artifacts that a sequence of artifact updates amounts to, in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct Artifacts {
    order: Vec<String>,
    by_id: BTreeMap<String, Value>,
}

impl Artifacts {
    /// Applies one stored `{"artifactUpdate": ...}`.
    pub(crate) fn apply(&mut self, event: &Value) {
        let update = &event["artifactUpdate"];
        let artifact = &update["artifact"];
        let Some(id) = artifact["artifactId"].as_str() else {
            return;
        };
        match self.by_id.get_mut(id) {
            Some(known) if update["append"] == json!(true) => append(known, artifact),
            Some(known) => *known = artifact.clone(),
            None => {
                self.order.push(id.to_owned());
                self.by_id.insert(id.to_owned(), artifact.clone());
            }
        }
    }

    /// All of them.
    pub(crate) fn into_values(mut self) -> Vec<Value> {
        let ids = self.order.into_iter();
        ids.filter_map(|id| self.by_id.remove(&id)).collect()
    }
}

/// Adds parts; plain text joins plain text, so that a reply in progress is one text.
fn append(known: &mut Value, more: &Value) {
    let Some(parts) = known.get_mut("parts").and_then(Value::as_array_mut) else {
        return;
    };
    for part in more["parts"].as_array().into_iter().flatten() {
        match (parts.last_mut().and_then(plain_text), part["text"].as_str()) {
            (Some(last), Some(text)) if part.as_object().map(Map::len) == Some(1) => {
                last.push_str(text);
            }
            _ => parts.push(part.clone()),
        }
    }
}

fn plain_text(part: &mut Value) -> Option<&mut String> {
    let map = part.as_object_mut().filter(|map| map.len() == 1)?;
    match map.get_mut("text") {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_a2a::ext::{Decision, EndReason};
    use fleet_a2a::types::StreamResponse;

    fn wire() -> Wire {
        Wire::new(TaskId::new("t1").unwrap(), ContextId::new("c1").unwrap())
    }

    /// Every path in a value, sorted; timestamps differ in their form only.
    fn keys(value: &Value) -> Vec<String> {
        let mut all = match value {
            Value::Object(map) => map
                .iter()
                .flat_map(|(key, value)| keys(value).into_iter().map(move |k| format!("{key}.{k}")))
                .collect(),
            Value::Array(list) => list.iter().flat_map(keys).collect(),
            leaf => vec![leaf.to_string().replace(".000Z", "Z").replace(".001Z", "Z")],
        };
        all.retain(|path| !path.starts_with("timestamp"));
        all.sort();
        all
    }

    #[test]
    fn the_official_types_take_everything_we_send() {
        let wire = wire();
        let end = FleetEvent::End {
            reason: Some(EndReason::Budget),
            detail: "Too much.".to_owned(),
            refused: Vec::new(),
        };
        let question = FleetEvent::PermissionRequest(PermissionRequest {
            request_id: "r".to_owned(),
            tool: "Write".to_owned(),
            arguments: json!({}),
            choices: vec![Decision::Allow],
            expires_at: rfc3339(0),
            questions: serde_json::from_value(
                json!([{"question": "Which?", "options": [{"label": "A"}]}]),
            )
            .unwrap(),
        });
        let spent = Usage::estimate(4, 8);
        let message = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]});
        let all = [
            wire.task(&Wire::status(TaskState::Submitted, 0), &message),
            wire.status_update(
                &wire.status_with(TaskState::Canceled, &end, 1),
                Some(&spent),
            ),
            wire.status_update(
                &wire.status_with(TaskState::InputRequired, &question, 1),
                None,
            ),
            wire.status_update(&Wire::status(TaskState::Working, 1), None),
            wire.reply("a", Piece::First, None),
            wire.reply("b", Piece::Next, Some(&spent)),
            wire.artifact("file", &[Part::text("x").with_filename("x.txt")], None),
        ];
        for event in all {
            let typed: StreamResponse = serde_json::from_value(event.clone()).unwrap();
            let again = serde_json::to_value(&typed).unwrap();
            assert_eq!(keys(&again), keys(&event));
        }
    }

    #[test]
    fn pieces_join_and_the_whole_replaces_them() {
        let wire = wire();
        let mut artifacts = Artifacts::default();
        artifacts.apply(&wire.reply("a", Piece::First, None));
        artifacts.apply(&wire.artifact("file", &[Part::text("x")], None));
        artifacts.apply(&wire.reply("b", Piece::Next, None));
        let so_far = artifacts.into_values();
        assert_eq!(so_far[0]["parts"], json!([{"text": "ab"}]));
        assert_eq!(so_far[1]["artifactId"], "file");

        let mut artifacts = Artifacts::default();
        artifacts.apply(&wire.reply("a", Piece::First, None));
        artifacts.apply(&wire.reply("abc", Piece::Whole, None));
        assert_eq!(
            artifacts.into_values()[0]["parts"],
            json!([{"text": "abc"}])
        );
    }
}
