//! How a turn ended.
//!
//! Owns: the judgement over the CLI's result line, or over an end without one. The exit code alone never decides. Does not own:
//! why a turn failed (see `reason`). No I/O.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

use super::LOGIN_REMEDY;
use super::reason::Reason;
use crate::adapter::TurnOutcome;

/// Marks an entry of `errors` that is for the CLI's makers.
const DIAGNOSTIC: &str = "[ede_diagnostic]";

/// What else is known when a turn is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// We asked it to stop.
    pub(super) interrupted: bool,
    /// The CLI's word for what was wrong, in its last message.
    pub(super) error: String,
    /// The text of its last message.
    pub(super) last_text: String,
}

/// Judges a result line.
pub(super) fn of_result(result: &Value, known: &Known) -> TurnOutcome {
    let is_error = result["is_error"].as_bool().unwrap_or(false) || result["subtype"] != "success";
    let text = result["result"].as_str();
    if !is_error {
        return TurnOutcome::Completed {
            reply: text.unwrap_or(&known.last_text).to_owned(),
        };
    }
    let words = said(result, text);
    match Reason::of(result, &known.error) {
        Reason::Aborted if known.interrupted => TurnOutcome::Interrupted,
        Reason::NotLoggedIn => TurnOutcome::Unauthenticated {
            detail: format!("Claude Code has no valid login ({words}): {LOGIN_REMEDY}."),
        },
        reason => TurnOutcome::Failed {
            detail: reason.sentence(&words),
        },
    }
}

/// Judges an end without a result line.
pub(super) fn of_exit(status: Option<ExitStatus>, stderr: &str, known: &Known) -> TurnOutcome {
    if known.interrupted {
        return TurnOutcome::Interrupted;
    }
    let how = match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((None, Some(signal))) => format!("killed by signal {signal}"),
        Some((None, None)) | None => "it had to be killed".to_owned(),
    };
    let words = if stderr.is_empty() {
        how
    } else {
        format!("{how}; it said: {stderr}")
    };
    TurnOutcome::Failed {
        detail: Reason::NoResult.sentence(&words),
    }
}

/// The CLI's own words for what went wrong.
fn said(result: &Value, text: Option<&str>) -> String {
    let errors: Vec<&str> = result["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|error| !error.starts_with(DIAGNOSTIC))
        .collect();
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => text.to_owned(),
        None if !errors.is_empty() => errors.join("; "),
        None => {
            let word = |name: &str| result[name].as_str();
            let word = word("terminal_reason").or_else(|| word("subtype"));
            word.unwrap_or("no reason given").to_owned()
        }
    }
}

/// Whether the CLI says that a session which was to be begun exists already.
pub(super) fn says_in_use(stderr: &str) -> bool {
    stderr.contains("Session ID") && stderr.contains("already in use")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn completed(result: &Value, last_text: &str) -> TurnOutcome {
        let known = Known {
            last_text: last_text.to_owned(),
            ..Known::default()
        };
        of_result(result, &known)
    }

    fn failed(result: &Value, error: &str) -> String {
        let known = Known {
            error: error.to_owned(),
            ..Known::default()
        };
        match of_result(result, &known) {
            TurnOutcome::Failed { detail } => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_reply_is_the_results_text_and_else_the_last_message() {
        let reply = |reply: &str| TurnOutcome::Completed {
            reply: reply.to_owned(),
        };
        let ok = json!({ "subtype": "success", "is_error": false, "result": "PONG" });
        assert_eq!(completed(&ok, "last"), reply("PONG"));
        let no_text = json!({ "subtype": "success", "is_error": false });
        assert_eq!(completed(&no_text, "last"), reply("last"));
    }

    /// The rows of which there is no recording.
    #[test]
    fn the_table_of_failures() {
        let api = |status: Option<u64>| {
            json!({
                "subtype": "success", "is_error": true, "terminal_reason": "api_error",
                "api_error_status": status, "result": "API Error: words",
            })
        };
        for (result, begins) in [
            (api(Some(503)), "The model's API failed (API Error: words)."),
            (api(Some(404)), "The model's API refused the request"),
            (api(None), "The model's API cannot be reached"),
            (
                json!({ "subtype": "success", "is_error": true, "terminal_reason": "blocking_limit", "result": "Prompt is too long" }),
                "The conversation no longer fits",
            ),
            (
                json!({ "subtype": "error_during_execution", "is_error": true, "errors": ["[ede_diagnostic] x"] }),
                "Claude Code failed (error_during_execution).",
            ),
            (
                json!({ "subtype": "error_during_execution", "is_error": true, "errors": ["No conversation found with session ID: x"] }),
                "Claude Code does not know this conversation any more",
            ),
        ] {
            let detail = failed(&result, "");
            assert!(detail.starts_with(begins), "{detail}");
        }
    }

    #[test]
    fn a_missing_login_names_its_remedy() {
        let result = json!({ "subtype": "success", "is_error": true, "terminal_reason": "api_error", "api_error_status": null, "result": "Not logged in" });
        let known = Known {
            error: "authentication_failed".to_owned(),
            ..Known::default()
        };
        let TurnOutcome::Unauthenticated { detail } = of_result(&result, &known) else {
            panic!()
        };
        assert!(
            detail.contains("Not logged in") && detail.contains("/login"),
            "{detail}"
        );
        let refused = json!({ "subtype": "success", "is_error": true, "api_error_status": 401, "result": "Invalid API key" });
        assert!(matches!(
            of_result(&refused, &Known::default()),
            TurnOutcome::Unauthenticated { .. }
        ));
    }

    #[test]
    fn an_abort_is_ours_only_if_we_asked_for_it() {
        let result = json!({ "subtype": "error_during_execution", "is_error": true, "terminal_reason": "aborted_tools" });
        let asked = Known {
            interrupted: true,
            ..Known::default()
        };
        assert_eq!(of_result(&result, &asked), TurnOutcome::Interrupted);
        assert!(failed(&result, "").contains("somebody else"));
        // It was done before the request reached it.
        let done = json!({ "subtype": "success", "is_error": false, "result": "PONG" });
        assert!(matches!(
            of_result(&done, &asked),
            TurnOutcome::Completed { .. }
        ));
    }

    #[test]
    fn an_end_without_a_result_is_told_with_its_last_words() {
        let status = Some(ExitStatus::from_raw(1 << 8));
        let outcome = of_exit(status, "Error: bad flag", &Known::default());
        let TurnOutcome::Failed { detail } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            detail.starts_with(
                "Claude Code ended without a result (exit code 1; it said: Error: bad flag). "
            ),
            "{detail}"
        );
    }
}
