//! How a turn ended.
//!
//! Owns: the judgement over the CLI's result line, or over an end without one. The exit code alone never decides. No I/O.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

use super::LOGIN_REMEDY;
use crate::adapter::TurnOutcome;

/// Marks an entry of `errors` that is for the CLI's makers.
const DIAGNOSTIC: &str = "[ede_diagnostic]";
/// The CLI's word for a missing or refused login.
pub(super) const NO_LOGIN: &str = "authentication_failed";

/// What else is known when a turn is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// We asked it to stop.
    pub(super) interrupted: bool,
    /// A message of it said that there is no valid login.
    pub(super) no_login: bool,
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
    let aborted = result["terminal_reason"]
        .as_str()
        .is_some_and(|reason| reason.starts_with("aborted"));
    if aborted && known.interrupted {
        return TurnOutcome::Interrupted;
    }
    let words = said(result, text);
    if known.no_login || result["api_error_status"] == 401 {
        return TurnOutcome::Unauthenticated {
            detail: format!("Claude Code has no valid login ({words}): {LOGIN_REMEDY}."),
        };
    }
    if aborted {
        return TurnOutcome::Failed {
            detail: "Claude Code was interrupted by somebody else than this fleet.".to_owned(),
        };
    }
    TurnOutcome::Failed { detail: words }
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
    let detail = format!("Claude Code ended without a result ({how}).");
    TurnOutcome::Failed {
        detail: if stderr.is_empty() {
            detail
        } else {
            format!("{detail} It said: {stderr}")
        },
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
            let subtype = result["subtype"].as_str().unwrap_or("no reason given");
            format!("Claude Code failed: {subtype}")
        }
    }
}

/// Whether the CLI says that a session which was to be begun exists already.
pub(super) fn says_in_use(stderr: &str) -> bool {
    stderr.contains("Session ID") && stderr.contains("already in use")
}

/// Whether the CLI says that a session which was to be resumed does not exist.
pub(super) fn says_unknown(result: &Value) -> bool {
    result["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|error| error.starts_with("No conversation found"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(result: &Value, known: &Known) -> TurnOutcome {
        of_result(result, known)
    }

    #[test]
    fn the_table_of_results() {
        let plain = Known {
            last_text: "last".to_owned(),
            ..Known::default()
        };
        let ok = json!({ "subtype": "success", "is_error": false, "result": "PONG" });
        assert_eq!(
            judged(&ok, &plain),
            TurnOutcome::Completed {
                reply: "PONG".to_owned()
            }
        );
        let no_text = json!({ "subtype": "success", "is_error": false });
        assert_eq!(
            judged(&no_text, &plain),
            TurnOutcome::Completed {
                reply: "last".to_owned()
            }
        );
        let api = json!({ "subtype": "success", "is_error": true, "terminal_reason": "api_error", "api_error_status": 529, "result": "API Error: 529" });
        assert_eq!(
            judged(&api, &plain),
            TurnOutcome::Failed {
                detail: "API Error: 529".to_owned()
            }
        );
        let turns = json!({ "subtype": "error_max_turns", "is_error": true, "errors": ["Reached maximum number of turns (2)"] });
        assert_eq!(
            judged(&turns, &plain),
            TurnOutcome::Failed {
                detail: "Reached maximum number of turns (2)".to_owned()
            }
        );
        let odd = json!({ "subtype": "error_during_execution", "is_error": true, "errors": ["[ede_diagnostic] x"] });
        assert_eq!(
            judged(&odd, &plain),
            TurnOutcome::Failed {
                detail: "Claude Code failed: error_during_execution".to_owned()
            }
        );
    }

    #[test]
    fn a_missing_login_names_its_remedy() {
        let result = json!({ "subtype": "success", "is_error": true, "terminal_reason": "api_error", "api_error_status": null, "result": "Not logged in" });
        let known = Known {
            no_login: true,
            ..Known::default()
        };
        let TurnOutcome::Unauthenticated { detail } = judged(&result, &known) else {
            panic!()
        };
        assert!(
            detail.contains("Not logged in") && detail.contains("/login"),
            "{detail}"
        );
        let refused = json!({ "subtype": "success", "is_error": true, "api_error_status": 401, "result": "Invalid API key" });
        assert!(matches!(
            judged(&refused, &Known::default()),
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
        assert_eq!(judged(&result, &asked), TurnOutcome::Interrupted);
        assert!(matches!(
            judged(&result, &Known::default()),
            TurnOutcome::Failed { .. }
        ));
        // It was done before the request reached it.
        let done = json!({ "subtype": "success", "is_error": false, "result": "PONG" });
        assert!(matches!(
            judged(&done, &asked),
            TurnOutcome::Completed { .. }
        ));
    }

    #[test]
    fn an_end_without_a_result_is_told_with_its_last_words() {
        let outcome = of_exit(
            Some(ExitStatus::from_raw(1 << 8)),
            "Error: bad flag",
            &Known::default(),
        );
        assert_eq!(
            outcome,
            TurnOutcome::Failed {
                detail:
                    "Claude Code ended without a result (exit code 1). It said: Error: bad flag"
                        .to_owned()
            }
        );
    }
}
