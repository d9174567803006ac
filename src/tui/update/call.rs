//! A call of a tool in words.
//!
//! Owns: how its arguments read in the stream. Does not own: the permission box, which shows all of them.

use serde_json::Value;

use crate::domain::PeerText;

/// Longest arguments in the stream; the transcript holds all of them.
const MAX_ARGUMENT_CHARS: usize = 2_000;
/// The tool by which an agent asks a person; the questions themselves follow the call.
const QUESTION_TOOL: &str = "AskUserQuestion";

/// A tool call, its arguments as the permission box shows them; a long one is cut with a word about where the rest is.
pub(super) fn call_text(tool: &str, arguments: &Value) -> PeerText {
    let is_question = tool == QUESTION_TOOL && arguments.get("questions").is_some();
    if is_question {
        return PeerText::new(tool);
    }
    let arguments = arguments_text(arguments);
    let gap = if arguments.starts_with('\n') { "" } else { " " };
    let mut text = format!("{tool}{gap}");
    text.extend(arguments.chars().take(MAX_ARGUMENT_CHARS));
    let all = arguments.chars().count();
    if all > MAX_ARGUMENT_CHARS {
        let rest = all - MAX_ARGUMENT_CHARS;
        text.push_str(&format!(" … {rest} more characters: see the transcript"));
    }
    PeerText::new(text)
}

/// Each argument by name, a line each where there are several; what is no text stays JSON.
fn arguments_text(arguments: &Value) -> String {
    let Value::Object(fields) = arguments else {
        return arguments.to_string();
    };
    let field = |(name, value): (&String, &Value)| match value {
        Value::String(text) => {
            // Lines of an argument stand further in, so that none looks like one of the stream.
            format!("{name}: {}", text.trim_end().replace('\n', "\n    "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}: {value}")
        }
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    match fields.as_slice() {
        [] => "{}".to_owned(),
        [one] => one.clone(),
        several => format!("\n  {}", several.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_told_as_a_person_reads_it() {
        let told = |tool, arguments| call_text(tool, &arguments).raw().to_owned();
        assert_eq!(told("Bash", json!({"command": "ls"})), "Bash command: ls");
        let write = json!({"content": "a\n? allowed\n", "file_path": "/r/a", "mode": 7});
        assert_eq!(
            told("Write", write),
            "Write\n  content: a\n    ? allowed\n  file_path: /r/a\n  mode: 7"
        );
        assert_eq!(told("Stop", json!({})), "Stop {}");
        assert_eq!(told("Odd", json!([1])), "Odd [1]");
        // Its questions come as lines of their own.
        let asks = json!({"questions": [{"question": "Which?"}]});
        assert_eq!(told(QUESTION_TOOL, asks), QUESTION_TOOL);
        let long = told("Bash", json!({"command": "x".repeat(MAX_ARGUMENT_CHARS)}));
        assert!(
            long.ends_with("9 more characters: see the transcript"),
            "{long}"
        );
    }
}
