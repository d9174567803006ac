//! References of a JSON Schema that lead back to themselves, or multiply.
//!
//! Owns: the search for a cycle that validation would follow for ever, because no step of it goes into the instance,
//! and the count of subschemas that one place of the instance is held against. `{"$ref": "#"}` is a cycle; a tree
//! whose children refer to the root is none.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Keywords whose subschemas apply to the same place of the instance.
const SAME_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SAME_PLACE: [&str; 4] = ["not", "if", "then", "else"];
const SAME_PLACE_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Most subschemas that one place may be held against; a schema of 64 KiB that is written out has fewer.
const MAX_WEIGHT: u64 = 10_000;

/// What is wrong with the references of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing.
    Good,
    /// A subschema leads back to itself at the same place of the instance.
    Loop,
    /// One place would be held against more than [`MAX_WEIGHT`] subschemas.
    Multiplies,
}

/// Searches a whole schema.
pub(super) fn search(schema: &Value) -> Finding {
    let mut search = Search {
        root: schema,
        weights: HashMap::new(),
        open: HashSet::new(),
    };
    search.everywhere(schema)
}

struct Search<'a> {
    root: &'a Value,
    /// How many subschemas apply where one does, by its address.
    weights: HashMap<*const Value, u64>,
    /// Subschemas on the way from the start to here.
    open: HashSet<*const Value>,
}

impl<'a> Search<'a> {
    fn everywhere(&mut self, value: &'a Value) -> Finding {
        let children: Vec<&'a Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(map) => {
                match self.weight(value) {
                    None => return Finding::Loop,
                    Some(weight) if weight > MAX_WEIGHT => return Finding::Multiplies,
                    Some(_) => {}
                }
                map.values().collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        children
            .into_iter()
            .map(|child| self.everywhere(child))
            .find(|finding| *finding != Finding::Good)
            .unwrap_or(Finding::Good)
    }

    /// `None` for a subschema that leads back to itself.
    fn weight(&mut self, value: &'a Value) -> Option<u64> {
        let id = std::ptr::from_ref(value);
        if self.open.contains(&id) {
            return None;
        }
        if let Some(weight) = self.weights.get(&id) {
            return Some(*weight);
        }
        self.open.insert(id);
        let mut weight = 1u64;
        for next in self.same_place(value) {
            weight = weight.saturating_add(self.weight(next)?);
        }
        self.open.remove(&id);
        self.weights.insert(id, weight);
        Some(weight)
    }

    /// The subschemas that apply to the same place of the instance as `value`.
    fn same_place(&self, value: &'a Value) -> Vec<&'a Value> {
        let Value::Object(map) = value else {
            return Vec::new();
        };
        let mut next: Vec<&'a Value> = Vec::new();
        for key in super::expectation::REFERENCES {
            if let Some(Value::String(target)) = map.get(key) {
                next.extend(self.target(target));
            }
        }
        for key in SAME_PLACE_LISTS {
            if let Some(Value::Array(items)) = map.get(key) {
                next.extend(items);
            }
        }
        next.extend(SAME_PLACE.iter().filter_map(|key| map.get(*key)));
        for key in SAME_PLACE_MAPS {
            if let Some(Value::Object(inner)) = map.get(key) {
                next.extend(inner.values());
            }
        }
        next
    }

    /// Where a reference within the schema leads: a JSON pointer, or an anchor.
    fn target(&self, reference: &str) -> Vec<&'a Value> {
        let fragment = reference.trim_start_matches('#');
        if fragment.is_empty() {
            return vec![self.root];
        }
        if fragment.starts_with('/') {
            return self
                .root
                .pointer(&percent_decoded(fragment))
                .into_iter()
                .collect();
        }
        let mut named = Vec::new();
        anchors(self.root, fragment, &mut named);
        named
    }
}

fn anchors<'a>(value: &'a Value, name: &str, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| anchors(item, name, out)),
        Value::Object(map) => {
            let is = |key: &str| map.get(key).and_then(Value::as_str) == Some(name);
            if is("$anchor") || is("$dynamicAnchor") || is("$id") {
                out.push(value);
            }
            map.values().for_each(|item| anchors(item, name, out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn percent_decoded(text: &str) -> String {
    // The parser of form data decodes percent signs; a plus sign must not become a space.
    let protected = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    url::form_urlencoded::parse(protected.as_bytes())
        .next()
        .map_or_else(|| text.to_owned(), |(key, _)| key.into_owned())
}
