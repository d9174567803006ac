//! The `expected_output` field: its validation, and the compiled forms of its schema and patterns.
//!
//! Owns: what makes a schema or a pattern acceptable. Every pattern runs in linear time and within a bounded size,
//! because a reply is somebody else's text. Does not own: the check of a reply, see `check`.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::raw::unknown_keys;
use super::references;
use super::violation::{Violation, shown_text, shown_value};
use super::{Check, Expectation, ExpectedOutput, Format, MAX_SCHEMA_BYTES};

/// Largest compiled pattern, in bytes: a hundred times what people write.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Most checks of one contract; each runs over the whole reply.
const MAX_CHECKS: usize = 100;
/// Deepest schema, in levels; validation recurses.
const MAX_SCHEMA_DEPTH: usize = 64;

/// The field out of its JSON form.
pub(super) fn expectation(value: Value) -> Result<Expectation, Vec<Violation>> {
    match value {
        Value::String(text) => Ok(Expectation::Text(text)),
        Value::Object(map) => structured(map).map(Expectation::Structured),
        other => Err(vec![Violation::new(
            "expected_output",
            shown_value(&other),
            "text, or an object of description, format, schema and checks",
        )]),
    }
}

fn structured(mut map: Map<String, Value>) -> Result<ExpectedOutput, Vec<Violation>> {
    let mut wrong = Vec::new();
    let mut take = |key: &str| map.remove(key).filter(|value| !value.is_null());
    let description = take("description").and_then(|value| match value {
        Value::String(text) => Some(text),
        other => {
            let held = shown_value(&other);
            wrong.push(Violation::new("expected_output.description", held, "text"));
            None
        }
    });
    let (format, schema, checks) = (take("format"), take("schema"), take("checks"));
    let format = format.and_then(|value| note(&mut wrong, format_word(&value)));
    let schema = schema.and_then(|value| note(&mut wrong, schema_value(value)));
    let checks = match checks {
        Some(value) => check_list(value, &mut wrong),
        None => Vec::new(),
    };
    let takes = "nothing: an expected_output has description, format, schema and checks";
    wrong.extend(unknown_keys(&map, "expected_output.", takes));
    if let (Some(_), Some(Format::Text | Format::Markdown | Format::Diff)) = (&schema, format) {
        let takes = "`json`, or nothing: a schema means JSON";
        wrong.push(Violation::new(
            "expected_output.format",
            "another form beside a schema",
            takes,
        ));
    }
    if wrong.is_empty() {
        Ok(ExpectedOutput {
            description,
            format,
            schema,
            checks,
        })
    } else {
        Err(wrong)
    }
}

fn note<T>(wrong: &mut Vec<Violation>, result: Result<T, Violation>) -> Option<T> {
    result.map_err(|violation| wrong.push(violation)).ok()
}

fn format_word(value: &Value) -> Result<Format, Violation> {
    serde_json::from_value(value.clone()).map_err(|_| {
        let takes = "text, markdown, json or diff";
        Violation::new("expected_output.format", shown_value(value), takes)
    })
}

fn schema_value(schema: Value) -> Result<Value, Violation> {
    let field = "expected_output.schema";
    if !schema.is_object() && !schema.is_boolean() {
        let takes = "a JSON Schema: an object, true or false";
        return Err(Violation::new(field, shown_value(&schema), takes));
    }
    let bytes = size_of(&schema);
    if bytes > MAX_SCHEMA_BYTES {
        let takes = format!("at most {MAX_SCHEMA_BYTES} bytes");
        return Err(Violation::new(
            field,
            format!("{bytes} bytes when encoded"),
            takes,
        ));
    }
    if depth(&schema) > MAX_SCHEMA_DEPTH {
        let takes = format!("at most {MAX_SCHEMA_DEPTH} levels");
        return Err(Violation::new(field, "a schema nested too deep", takes));
    }
    if let Some(reference) = remote_reference(&schema) {
        let takes = "references within the schema only, such as #/$defs/name";
        return Err(Violation::new(
            field,
            format!("a reference to {}", shown_text(reference)),
            takes,
        ));
    }
    if let Some(name) = inner_id(&schema) {
        let takes = "an $id at the root only; subschemas are named with $defs or $anchor";
        let held = format!("a subschema with the id {}", shown_text(name));
        return Err(Violation::new(field, held, takes));
    }
    let takes = "references that come to an end, a few at each place";
    match references::search(&schema) {
        references::Finding::Good => {}
        references::Finding::Loop => {
            let held = "references that lead back to themselves";
            return Err(Violation::new(field, held, takes));
        }
        references::Finding::Multiplies => {
            return Err(Violation::new(field, "references that multiply", takes));
        }
    }
    match compile_schema(&schema) {
        Ok(_) => Ok(schema),
        Err(why) => {
            let held = format!("a schema that is no schema ({})", shown_text(&why));
            Err(Violation::new(
                field,
                held,
                "a valid JSON Schema with linear-time patterns",
            ))
        }
    }
}

/// Compiles a schema: nothing is fetched, and patterns run in linear time.
pub(super) fn compile_schema(schema: &Value) -> Result<jsonschema::Validator, String> {
    let patterns = jsonschema::PatternOptions::regex()
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES);
    jsonschema::options()
        .offline()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Compiles the pattern of a check.
pub(super) fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("larger than {limit} bytes when compiled")
            }
            // The message shows the pattern over many lines; its last line says what is wrong.
            other => last_line(&other.to_string()),
        })
}

fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn check_list(value: Value, wrong: &mut Vec<Violation>) -> Vec<Check> {
    let field = "expected_output.checks";
    let items = match value {
        Value::Array(items) if items.len() <= MAX_CHECKS => items,
        other => {
            let takes = format!("a list of at most {MAX_CHECKS} checks");
            wrong.push(Violation::new(field, shown_value(&other), takes));
            return Vec::new();
        }
    };
    items
        .into_iter()
        .enumerate()
        .filter_map(|(at, item)| note(wrong, check_item(&format!("{field}[{at}]"), &item)))
        .collect()
}

fn check_item(field: &str, item: &Value) -> Result<Check, Violation> {
    let takes =
        r#"one of {"matches": pattern}, {"not_matches": pattern} and {"min_chars": number}"#;
    let bad = || Violation::new(field, shown_value(item), takes);
    let map = item
        .as_object()
        .filter(|map| map.len() == 1)
        .ok_or_else(bad)?;
    let (kind, value) = map.iter().next().ok_or_else(bad)?;
    match (kind.as_str(), value) {
        ("matches", Value::String(text)) => pattern(field, kind, text).map(Check::Matches),
        ("not_matches", Value::String(text)) => pattern(field, kind, text).map(Check::NotMatches),
        ("min_chars", value) => min_chars(value).map(Check::MinChars).ok_or_else(|| {
            let takes = "a whole number of characters";
            Violation::new(format!("{field}.min_chars"), shown_value(value), takes)
        }),
        _ => Err(bad()),
    }
}

fn pattern(field: &str, kind: &str, text: &str) -> Result<String, Violation> {
    match compile_pattern(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(Violation::new(
            format!("{field}.{kind}"),
            format!("{} ({why})", shown_text(text)),
            "a regular expression without look-around and back references",
        )),
    }
}

fn min_chars(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let whole = number.fract() == 0.0 && (0.0..=1e15).contains(&number);
        whole.then(|| format!("{number:.0}").parse().ok()).flatten()
    })
}

/// The bytes of a value when it is encoded.
pub(super) fn size_of(value: &Value) -> usize {
    value.to_string().len()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

pub(super) const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

fn remote_reference(value: &Value) -> Option<&str> {
    match value {
        Value::Array(items) => items.iter().find_map(remote_reference),
        Value::Object(map) => map.iter().find_map(|(key, value)| match value {
            Value::String(target) if REFERENCES.contains(&key.as_str()) => {
                (!target.starts_with('#')).then_some(target.as_str())
            }
            other => remote_reference(other),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// An id below the root changes what `#` means below it, and hides references that never end.
fn inner_id(schema: &Value) -> Option<&str> {
    let old = schema
        .get("$schema")
        .and_then(Value::as_str)
        .is_some_and(|name| name.contains("draft-03") || name.contains("draft-04"));
    let key = if old { "id" } else { "$id" };
    fn below<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
        match value {
            Value::Array(items) => items.iter().find_map(|item| named(item, key)),
            Value::Object(map) => map.values().find_map(|item| named(item, key)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    fn named<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
        value
            .get(key)
            .and_then(Value::as_str)
            .or_else(|| below(value, key))
    }
    below(schema, key)
}
