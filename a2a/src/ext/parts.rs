//! Our extensions in and out of protocol objects.
//!
//! Owns: where events and usage stand in messages and updates, and reading them from whoever sent them: numbers may
//! be doubles, events may be of a newer version. Does not own: their shapes, see the files beside this one.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::normalise::integral_numbers;
use crate::types::{Message, Part, PartContent, StreamResponse};

use super::events::{self, Decision, FleetEvent, PermissionAnswer};
use super::usage::{self, Usage};

/// The `metadata` of an object of the protocol.
pub type Metadata = HashMap<String, Value>;

/// An event as a part of a status message.
#[must_use]
pub fn event_part(event: &FleetEvent) -> Part {
    let mut part = Part::data(json!(event)).with_media_type("application/json");
    part.metadata = Some(HashMap::from([(events::URI.to_owned(), json!(true))]));
    part
}

/// The events in a message. One that we do not know becomes a note with its JSON, so that nothing is lost.
#[must_use]
pub fn events_of(message: &Message) -> Vec<FleetEvent> {
    message
        .parts
        .iter()
        .filter(|part| is_ours(part))
        .filter_map(|part| match &part.content {
            PartContent::Data(data) => Some(event_of(data)),
            PartContent::Text(_) | PartContent::Raw(_) | PartContent::Url(_) => None,
        })
        .collect()
}

/// The events in an update, or in the status of a snapshot.
#[must_use]
pub fn events_in(body: &StreamResponse) -> Vec<FleetEvent> {
    let message = match body {
        StreamResponse::Task(task) => task.status.message.as_ref(),
        StreamResponse::StatusUpdate(update) => update.status.message.as_ref(),
        StreamResponse::Message(message) => Some(message),
        StreamResponse::ArtifactUpdate(_) => None,
    };
    message.map(events_of).unwrap_or_default()
}

fn is_ours(part: &Part) -> bool {
    part.metadata
        .as_ref()
        .is_some_and(|metadata| metadata.contains_key(events::URI))
}

fn event_of(data: &Value) -> FleetEvent {
    let mut mended = data.clone();
    if let Value::Object(map) = &mut mended {
        integral_numbers(map, &["attempt", "max_attempts"]);
    }
    serde_json::from_value(mended).unwrap_or_else(|_| FleetEvent::Note {
        text: data.to_string(),
    })
}

/// Metadata that carries a running total.
#[must_use]
pub fn usage_metadata(usage: &Usage) -> Metadata {
    HashMap::from([(usage::URI.to_owned(), json!(usage))])
}

/// The running total in a `metadata`; `None` when there is none, or none that can be read.
#[must_use]
pub fn usage_of(metadata: Option<&Metadata>) -> Option<Usage> {
    serde_json::from_value(metadata?.get(usage::URI)?.clone()).ok()
}

/// The running total in an event of a stream.
#[must_use]
pub fn usage_in(body: &StreamResponse) -> Option<Usage> {
    match body {
        StreamResponse::Task(task) => usage_of(task.metadata.as_ref()),
        StreamResponse::Message(message) => usage_of(message.metadata.as_ref()),
        StreamResponse::StatusUpdate(update) => usage_of(update.metadata.as_ref()),
        StreamResponse::ArtifactUpdate(update) => usage_of(update.metadata.as_ref()),
    }
}

/// An answer to a permission request, as a message carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It names its request.
    Named(PermissionAnswer),
    /// The bare word: it answers the request that is open.
    Word(Decision),
}

/// The answer in a message: a data part `{request_id, decision, reason?}`, or exactly the text `allow` or `deny`.
#[must_use]
pub fn answer_of(message: &Message) -> Option<Answer> {
    let [part] = message.parts.as_slice() else {
        return None;
    };
    match &part.content {
        PartContent::Data(Value::Object(map)) => named_answer(map).map(Answer::Named),
        PartContent::Text(text) => match text.as_str() {
            "allow" => Some(Answer::Word(Decision::Allow)),
            "deny" => Some(Answer::Word(Decision::Deny)),
            _ => None,
        },
        PartContent::Data(_) | PartContent::Raw(_) | PartContent::Url(_) => None,
    }
}

fn named_answer(map: &Map<String, Value>) -> Option<PermissionAnswer> {
    serde_json::from_value(Value::Object(map.clone())).ok()
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
