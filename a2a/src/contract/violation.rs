//! What is wrong with an input: field by field, each as one sentence.
//!
//! Owns: [`Violation`], [`ContractError`] and the safe showing of what a field held. Does not own: the rules.

use std::fmt;

use serde_json::Value;

use crate::types::FieldViolation;

/// Most characters of a refused value that a message repeats; more would bury the sentence.
const SHOWN_CHARS: usize = 60;

/// One field that does not keep to its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field as the contract or the wire names it, with the way to it: `expected_output.checks[1]`.
    pub field: String,
    /// What it held, safe to print and shortened with a note of its length.
    pub held: String,
    /// What it takes.
    pub takes: String,
}

impl Violation {
    /// A violation of `field`, which held `held` and takes `takes`.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        held: impl Into<String>,
        takes: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            held: held.into(),
            takes: takes.into(),
        }
    }

    /// The form of `BadRequest.fieldViolations`.
    #[must_use]
    pub fn to_field_violation(&self) -> FieldViolation {
        FieldViolation {
            field: self.field.clone(),
            description: format!("held {}; takes {}", self.held, self.takes),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} held {}; it takes {}.",
            self.field, self.held, self.takes
        )
    }
}

/// A contract that cannot be sent or accepted, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ContractError {
    /// At least one.
    pub violations: Vec<Violation>,
}

impl ContractError {
    /// An error of one violation.
    #[must_use]
    pub fn one(violation: Violation) -> Self {
        Self {
            violations: vec![violation],
        }
    }
}

/// A text as a message may repeat it: control and invisible characters escaped, shortened with a note of its length.
#[must_use]
pub fn shown_text(text: &str) -> String {
    let total = text.chars().count();
    let mut out = String::from("\"");
    for c in text.chars().take(SHOWN_CHARS) {
        if c == '"' || c == '\\' || c.is_control() || invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('"');
    if total > SHOWN_CHARS {
        out.push_str(&format!("… ({total} characters)"));
    }
    out
}

/// A JSON value as a message may repeat it.
#[must_use]
pub fn shown_value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => shown_text(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(map) => format!("an object with {} keys", map.len()),
    }
}

/// Characters that change how text around them is shown, or show nothing.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{061C}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_field_held_is_shown_safely_and_short() {
        assert_eq!(shown_text("soon"), "\"soon\"");
        assert_eq!(shown_text("\u{1b}[2J\u{202e}"), r#""\u{1b}[2J\u{202e}""#);
        let long = shown_text(&"x".repeat(1000));
        assert!(long.ends_with("… (1000 characters)"), "{long}");
        assert!(long.len() < 100);
    }
}
