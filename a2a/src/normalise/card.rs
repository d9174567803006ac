//! Agent cards of every version as a card of A2A 1.0.
//!
//! Owns: where the interfaces stand in each version. Does not own: which dialect a peer speaks, see the client's cards.

use serde_json::{Map, Value, json};

/// A card of any version as one of A2A 1.0; interfaces that are no objects with a url are dropped.
#[must_use]
pub fn agent_card_value(value: Value) -> Value {
    let Value::Object(mut map) = value else {
        return value;
    };
    let listed = match map.remove("supportedInterfaces") {
        Some(Value::Array(listed)) => listed,
        Some(_) | None => legacy_interfaces(&map),
    };
    let interfaces = listed.into_iter().filter_map(interface).collect();
    for key in [
        "url",
        "preferredTransport",
        "additionalInterfaces",
        "protocolVersion",
        "security",
    ] {
        map.remove(key);
    }
    map.insert("supportedInterfaces".to_owned(), Value::Array(interfaces));
    for key in ["name", "version"] {
        if !map.get(key).is_some_and(Value::is_string) {
            map.insert(key.to_owned(), json!(""));
        }
    }
    let capabilities = capabilities(map.remove("capabilities"));
    map.insert("capabilities".to_owned(), capabilities);
    keep_skills(&mut map);
    // What a client of ours never reads, and whose form differs between the versions.
    for key in [
        "securitySchemes",
        "securityRequirements",
        "signatures",
        "provider",
    ] {
        map.remove(key);
    }
    Value::Object(map)
}

fn legacy_interfaces(map: &Map<String, Value>) -> Vec<Value> {
    let mut all = Vec::new();
    if let Some(url) = map.get("url").and_then(Value::as_str) {
        let transport = map
            .get("preferredTransport")
            .and_then(Value::as_str)
            .unwrap_or("JSONRPC");
        let version = map.get("protocolVersion").cloned().unwrap_or(json!("0.3"));
        all.push(json!({"url": url, "protocolBinding": transport, "protocolVersion": version}));
    }
    if let Some(Value::Array(more)) = map.get("additionalInterfaces") {
        all.extend(more.iter().cloned());
    }
    all
}

fn interface(value: Value) -> Option<Value> {
    let Value::Object(mut map) = value else {
        return None;
    };
    if !map.get("url").is_some_and(Value::is_string) {
        return None;
    }
    if let Some(transport) = map.remove("transport") {
        map.entry("protocolBinding").or_insert(transport);
    }
    for (key, default) in [("protocolBinding", "JSONRPC"), ("protocolVersion", "0.3")] {
        if !map.get(key).is_some_and(Value::is_string) {
            map.insert(key.to_owned(), json!(default));
        }
    }
    if map.get("tenant").is_some_and(|v| !v.is_string()) {
        map.remove("tenant");
    }
    Some(Value::Object(map))
}

fn capabilities(value: Option<Value>) -> Value {
    let Some(Value::Object(mut map)) = value else {
        return json!({});
    };
    for key in ["streaming", "pushNotifications", "extendedAgentCard"] {
        if map.get(key).is_some_and(|v| !v.is_boolean()) {
            map.remove(key);
        }
    }
    if let Some(extensions) = map.remove("extensions") {
        let good: Vec<Value> = match extensions {
            Value::Array(all) => all.into_iter().filter_map(extension).collect(),
            _ => Vec::new(),
        };
        map.insert("extensions".to_owned(), Value::Array(good));
    }
    Value::Object(map)
}

fn extension(value: Value) -> Option<Value> {
    let Value::Object(mut map) = value else {
        return None;
    };
    if !map.get("uri").is_some_and(Value::is_string) {
        return None;
    }
    if map.get("description").is_some_and(|v| !v.is_string()) {
        map.remove("description");
    }
    if map.get("required").is_some_and(|v| !v.is_boolean()) {
        map.remove("required");
    }
    if map.get("params").is_some_and(|v| !v.is_object()) {
        map.remove("params");
    }
    Some(Value::Object(map))
}

/// Descriptions, modes and skills are for people: what is malformed is left out rather than making the peer unusable.
fn keep_skills(map: &mut Map<String, Value>) {
    for key in ["description", "documentationUrl", "iconUrl"] {
        if map.get(key).is_some_and(|v| !v.is_string()) {
            map.remove(key);
        }
    }
    for key in ["defaultInputModes", "defaultOutputModes"] {
        let good = map
            .get(key)
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().all(Value::is_string));
        if !good {
            map.remove(key);
        }
    }
    let skills: Vec<Value> = match map.remove("skills") {
        Some(Value::Array(all)) => all.into_iter().filter_map(skill).collect(),
        Some(_) | None => Vec::new(),
    };
    map.insert("skills".to_owned(), Value::Array(skills));
}

fn skill(value: Value) -> Option<Value> {
    let Value::Object(map) = value else {
        return None;
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text("id")?;
    let tags: Vec<&str> = map
        .get("tags")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let name = text("name").unwrap_or_else(|| id.clone());
    let description = text("description").unwrap_or_default();
    Some(json!({"id": id, "name": name, "description": description, "tags": tags}))
}
