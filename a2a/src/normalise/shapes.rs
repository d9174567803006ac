//! The objects of the protocol, from every dialect to 1.0.
//!
//! Owns: JSON to JSON, field by field. Unknown fields pass untouched; what cannot be understood is left for the strict
//! parser to refuse.

use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// A message of any dialect as one of A2A 1.0.
#[must_use]
pub fn message_value(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(message_object(map)),
        other => other,
    }
}

/// A task of any dialect as one of A2A 1.0.
#[must_use]
pub fn task_value(value: Value, context_id: Option<&str>) -> Value {
    match value {
        Value::Object(map) => Value::Object(task_object(map, context_id)),
        other => other,
    }
}

/// The result of a send, wrapped as A2A 1.0 wants it.
#[must_use]
pub fn send_response_value(value: Value, context_id: Option<&str>) -> Value {
    stream_value(value, context_id)
}

/// An event of a stream, wrapped as A2A 1.0 wants it.
#[must_use]
pub fn stream_value(value: Value, context_id: Option<&str>) -> Value {
    let Value::Object(mut map) = value else {
        return value;
    };
    for kind in Kind::ALL {
        if map.get(kind.key()).is_some_and(Value::is_object)
            && let Some(Value::Object(inner)) = map.remove(kind.key())
        {
            return kind.wrap(inner, context_id);
        }
    }
    match kind_of(&map) {
        Some(kind) => kind.wrap(map, context_id),
        None => Value::Object(map),
    }
}

/// A page of tasks as A2A 1.0 wants it.
#[must_use]
pub fn list_response_value(value: Value) -> Value {
    let Value::Object(mut map) = value else {
        return value;
    };
    let tasks: Vec<Value> = match map.remove("tasks") {
        Some(Value::Array(tasks)) => tasks.into_iter().map(|t| task_value(t, None)).collect(),
        Some(_) | None => Vec::new(),
    };
    let count = tasks.len();
    map.insert("tasks".to_owned(), Value::Array(tasks));
    if !map.get("nextPageToken").is_some_and(Value::is_string) {
        map.insert("nextPageToken".to_owned(), json!(""));
    }
    for key in ["pageSize", "totalSize"] {
        super::integral_numbers(&mut map, &[key]);
        if !map.get(key).is_some_and(Value::is_i64) {
            map.insert(key.to_owned(), json!(count));
        }
    }
    Value::Object(map)
}

#[derive(Clone, Copy)]
enum Kind {
    Task,
    Message,
    Status,
    Artifact,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Task, Self::Message, Self::Status, Self::Artifact];

    fn key(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Message => "message",
            Self::Status => "statusUpdate",
            Self::Artifact => "artifactUpdate",
        }
    }

    fn wrap(self, inner: Object, context_id: Option<&str>) -> Value {
        let inner = match self {
            Self::Task => task_object(inner, context_id),
            Self::Message => message_object(inner),
            Self::Status => status_update_object(inner, context_id),
            Self::Artifact => artifact_update_object(inner, context_id),
        };
        let mut map = Object::new();
        map.insert(self.key().to_owned(), Value::Object(inner));
        Value::Object(map)
    }
}

/// What an un-wrapped object is: by its `kind` (0.3), else by the fields that only one of them has.
fn kind_of(map: &Object) -> Option<Kind> {
    match map.get("kind").and_then(Value::as_str) {
        Some("task") => return Some(Kind::Task),
        Some("message") => return Some(Kind::Message),
        Some("status-update") => return Some(Kind::Status),
        Some("artifact-update") => return Some(Kind::Artifact),
        Some(_) | None => {}
    }
    let has = |key: &str| map.contains_key(key);
    if has("taskId") && has("artifact") {
        Some(Kind::Artifact)
    } else if has("taskId") && has("status") {
        Some(Kind::Status)
    } else if has("id") && has("status") {
        Some(Kind::Task)
    } else if has("parts") && (has("role") || has("messageId")) {
        Some(Kind::Message)
    } else {
        None
    }
}

fn message_object(mut map: Object) -> Object {
    map.remove("kind");
    text_ids(&mut map, &["messageId", "contextId", "taskId"]);
    map.entry("messageId").or_insert_with(|| json!(""));
    let role = role_word(map.get("role"));
    map.insert("role".to_owned(), json!(role));
    each(&mut map, "parts", part_value);
    map.entry("parts").or_insert_with(|| json!([]));
    keep_objects(&mut map, &["metadata"]);
    keep_text_lists(&mut map, &["extensions", "referenceTaskIds"]);
    map
}

fn task_object(mut map: Object, context_id: Option<&str>) -> Object {
    map.remove("kind");
    text_ids(&mut map, &["id", "contextId"]);
    fill_context(&mut map, context_id);
    status_field(&mut map);
    each(&mut map, "artifacts", artifact_value);
    each(&mut map, "history", message_value);
    keep_objects(&mut map, &["metadata"]);
    map
}

fn status_update_object(mut map: Object, context_id: Option<&str>) -> Object {
    map.remove("kind");
    map.remove("final");
    text_ids(&mut map, &["taskId", "contextId"]);
    fill_context(&mut map, context_id);
    status_field(&mut map);
    keep_objects(&mut map, &["metadata"]);
    map
}

fn artifact_update_object(mut map: Object, context_id: Option<&str>) -> Object {
    map.remove("kind");
    text_ids(&mut map, &["taskId", "contextId"]);
    fill_context(&mut map, context_id);
    if let Some(artifact) = map.remove("artifact") {
        map.insert("artifact".to_owned(), artifact_value(artifact));
    }
    for key in ["append", "lastChunk"] {
        if map.get(key).is_some_and(|v| !v.is_boolean()) {
            map.remove(key);
        }
    }
    keep_objects(&mut map, &["metadata"]);
    map
}

fn artifact_value(value: Value) -> Value {
    let Value::Object(mut map) = value else {
        return value;
    };
    text_ids(&mut map, &["artifactId", "name", "description"]);
    map.entry("artifactId").or_insert_with(|| json!(""));
    each(&mut map, "parts", part_value);
    map.entry("parts").or_insert_with(|| json!([]));
    keep_objects(&mut map, &["metadata"]);
    keep_text_lists(&mut map, &["extensions"]);
    Value::Object(map)
}

fn status_field(map: &mut Object) {
    let status = match map.remove("status") {
        Some(Value::Object(status)) => status,
        Some(word @ (Value::String(_) | Value::Number(_))) => {
            Object::from_iter([("state".to_owned(), word)])
        }
        Some(_) | None => Object::new(),
    };
    map.insert("status".to_owned(), Value::Object(status_object(status)));
}

fn status_object(mut map: Object) -> Object {
    let state = state_word(map.get("state"));
    map.insert("state".to_owned(), json!(state));
    if let Some(Value::Object(message)) = map.remove("message") {
        map.insert("message".to_owned(), Value::Object(message_object(message)));
    }
    if let Some(at) = map.remove("timestamp").as_ref().and_then(timestamp) {
        map.insert("timestamp".to_owned(), json!(at));
    }
    map
}

/// RFC 3339 in UTC. Python's `isoformat()` names no zone and means UTC; anything else that is no time is dropped.
fn timestamp(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let at = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| format!("{text}Z").parse())
        .ok()?;
    let shown = at.to_string();
    (!shown.starts_with('-')).then_some(shown)
}

fn part_value(value: Value) -> Value {
    let Value::Object(mut map) = value else {
        return value;
    };
    if map.get("kind").is_some_and(Value::is_string) {
        map.remove("kind");
    }
    if let Some(mime) = map.remove("mimeType") {
        map.entry("mediaType").or_insert(mime);
    }
    if map.get("file").is_some_and(Value::is_object)
        && let Some(Value::Object(file)) = map.remove("file")
    {
        spread_file(&mut map, file);
    }
    keep_objects(&mut map, &["metadata"]);
    Value::Object(map)
}

/// `{"file": {name, mimeType, bytes | uri}}` of 0.3 as the flat part of 1.0.
fn spread_file(map: &mut Object, mut file: Object) {
    for (from, to) in [
        ("bytes", "raw"),
        ("uri", "url"),
        ("name", "filename"),
        ("mimeType", "mediaType"),
    ] {
        if let Some(value) = file.remove(from)
            && value.is_string()
        {
            map.entry(to).or_insert(value);
        }
    }
}

fn role_word(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::String(word)) => match word.as_str() {
            "ROLE_USER" | "user" => "ROLE_USER",
            "ROLE_AGENT" | "agent" => "ROLE_AGENT",
            _ => "ROLE_UNSPECIFIED",
        },
        Some(Value::Number(number)) => match number.as_i64() {
            Some(1) => "ROLE_USER",
            Some(2) => "ROLE_AGENT",
            _ => "ROLE_UNSPECIFIED",
        },
        _ => "ROLE_UNSPECIFIED",
    }
}

/// The states of 1.0 in the order of their numbers in the protocol buffer.
const STATES: [&str; 9] = [
    "TASK_STATE_UNSPECIFIED",
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_REJECTED",
    "TASK_STATE_AUTH_REQUIRED",
];

fn state_word(value: Option<&Value>) -> &'static str {
    let unspecified = STATES[0];
    match value {
        Some(Value::String(word)) => {
            let word = word.to_ascii_uppercase().replace('-', "_");
            let word = word.strip_prefix("TASK_STATE_").unwrap_or(&word);
            let word = if word == "CANCELLED" {
                "CANCELED"
            } else {
                word
            };
            STATES
                .into_iter()
                .find(|state| state.strip_prefix("TASK_STATE_") == Some(word))
                .unwrap_or(unspecified)
        }
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| STATES.get(n).copied())
            .unwrap_or(unspecified),
        _ => unspecified,
    }
}

/// Ids that came as numbers become text; ids of any other type are dropped.
fn text_ids(map: &mut Object, keys: &[&str]) {
    for key in keys {
        match map.get(*key) {
            Some(Value::Number(number)) => {
                let text = number.to_string();
                map.insert((*key).to_owned(), json!(text));
            }
            Some(Value::String(_)) | None => {}
            Some(_) => {
                map.remove(*key);
            }
        }
    }
}

fn fill_context(map: &mut Object, context_id: Option<&str>) {
    map.entry("contextId")
        .or_insert_with(|| json!(context_id.unwrap_or_default()));
}

fn each(map: &mut Object, key: &str, change: fn(Value) -> Value) {
    if let Some(Value::Array(items)) = map.remove(key) {
        let items = items.into_iter().map(change).collect();
        map.insert(key.to_owned(), Value::Array(items));
    }
}

fn keep_objects(map: &mut Object, keys: &[&str]) {
    for key in keys {
        if map.get(*key).is_some_and(|v| !v.is_object()) {
            map.remove(*key);
        }
    }
}

fn keep_text_lists(map: &mut Object, keys: &[&str]) {
    for key in keys {
        let good = map
            .get(*key)
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().all(Value::is_string));
        if !good {
            map.remove(*key);
        }
    }
}
