//! What tools, subagents and retries say, as it is told on.
//!
//! Owns: the bound of it, and the words. No I/O.

use serde_json::Value;

use crate::adapter::AdapterEvent;

/// Bytes of a tool's result, or of a subagent's words, that are told on; a reader wants the gist, and the agent has the whole.
const MAX_RESULT_BYTES: usize = 16 * 1024;

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A tool's result: a string, or blocks of which the text ones count. What is over the bound is named.
pub(super) fn result_text(content: &Value) -> String {
    let whole = match content {
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block["text"].as_str())
                .collect();
            texts.join("\n")
        }
        other => text(other).to_owned(),
    };
    bounded(whole)
}

pub(super) fn bounded(mut whole: String) -> String {
    if whole.len() > MAX_RESULT_BYTES {
        let kept = whole.floor_char_boundary(MAX_RESULT_BYTES);
        let more = whole.len() - kept;
        whole.truncate(kept);
        whole.push_str(&format!("\n[{more} further bytes are not shown]"));
    }
    whole
}

pub(super) fn retry(value: &Value) -> AdapterEvent {
    let number = |name: &str| {
        value[name]
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0)
    };
    let status = value["error_status"].as_u64();
    let error = match text(&value["error"]) {
        "" => "no reason given",
        error => error,
    };
    let what = match status {
        Some(status) => format!("the model's API answered {status} ({error})"),
        None => format!("the model's API could not be asked ({error})"),
    };
    let seconds = value["retry_delay_ms"].as_f64().unwrap_or(0.0) / 1_000.0;
    AdapterEvent::Retry {
        attempt: number("attempt"),
        max_attempts: number("max_retries"),
        text: format!("{what}; next try in {seconds:.1} s"),
    }
}
