//! Why a turn of Claude Code failed.
//!
//! Owns: the reasons, how they are told from the CLI's result line, and the sentence with the next step for each. No I/O.

use serde_json::Value;

use super::LOGIN_REMEDY;

/// The CLI's word for a missing or refused login.
const NO_LOGIN: &str = "authentication_failed";
/// The CLI's word for an account without credit.
const NO_CREDIT: &str = "billing_error";

/// A reason, as far as a person would do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Overloaded,
    RateLimited,
    ServerError,
    BadRequest,
    ContextTooLong,
    NoCredit,
    NotLoggedIn,
    Unreachable,
    MaxTurns,
    MaxBudget,
    /// Somebody stopped it.
    Aborted,
    /// It ended without a result.
    NoResult,
    UnknownSession,
    Other,
}

impl Reason {
    /// Of a result line that is a failure; `error` is the CLI's word in its last message.
    pub(super) fn of(result: &Value, error: &str) -> Self {
        let word = |name: &str| result[name].as_str().unwrap_or_default();
        let status = result["api_error_status"].as_u64();
        if says_unknown(result) {
            return Self::UnknownSession;
        }
        match (word("subtype"), word("terminal_reason"), error) {
            (_, reason, _) if reason.starts_with("aborted") => Self::Aborted,
            (_, _, NO_LOGIN) => Self::NotLoggedIn,
            (_, _, NO_CREDIT) => Self::NoCredit,
            (_, "prompt_too_long" | "blocking_limit", _) => Self::ContextTooLong,
            ("error_max_turns", ..) => Self::MaxTurns,
            ("error_max_budget_usd", ..) => Self::MaxBudget,
            (_, reason, _) => Self::of_status(status, reason == "api_error"),
        }
    }

    fn of_status(status: Option<u64>, is_api_error: bool) -> Self {
        match status {
            Some(401) => Self::NotLoggedIn,
            Some(429) => Self::RateLimited,
            Some(529) => Self::Overloaded,
            Some(500..=599) => Self::ServerError,
            Some(400..=499) => Self::BadRequest,
            None if is_api_error => Self::Unreachable,
            Some(_) | None => Self::Other,
        }
    }

    /// What happened, in the CLI's words, and what to do next.
    pub(super) fn sentence(self, words: &str) -> String {
        let words = words.trim().trim_end_matches('.');
        let (what, next) = self.parts();
        match what {
            "" => format!("Claude Code failed ({words}). {next}"),
            what => format!("{what} ({words}). {next}"),
        }
    }

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Overloaded => (
                "The model's API is overloaded",
                "Send it again in a few minutes; the conversation is kept.",
            ),
            Self::RateLimited => (
                "The model's API refused the call because of a rate limit",
                "Wait until the limit is renewed, then send it again; the conversation is kept.",
            ),
            Self::ServerError => (
                "The model's API failed",
                "Send it again in a moment; if it keeps failing, see the status page of the API's provider.",
            ),
            Self::BadRequest => (
                "The model's API refused the request",
                "Check the peer's model; if it is the conversation that is refused, begin a new one.",
            ),
            Self::ContextTooLong => (
                "The conversation no longer fits into the model",
                "Begin a new conversation, under another context id, or send less.",
            ),
            Self::NoCredit => (
                "The account behind the agent has no credit",
                "Buy some at https://console.anthropic.com/settings/billing, or log in with another account.",
            ),
            Self::NotLoggedIn => ("Claude Code has no valid login", LOGIN_REMEDY),
            Self::Unreachable => (
                "The model's API cannot be reached",
                "Check the network, and ANTHROPIC_BASE_URL where the receiver is deployed from, then send it again.",
            ),
            Self::MaxTurns | Self::MaxBudget => (
                "Claude Code stopped at a limit of its own settings",
                "Send another message in this context to let it go on.",
            ),
            Self::Aborted => (
                "Claude Code was interrupted by somebody else than this fleet",
                "Send another message in this context to let it go on.",
            ),
            Self::NoResult => (
                "Claude Code ended without a result",
                "What it did until then is in its repo and its conversation; send another message to let it go on.",
            ),
            Self::UnknownSession => (
                "Claude Code does not know this conversation any more",
                "Begin a new one, under another context id.",
            ),
            Self::Other => ("", "Send another message in this context to let it go on."),
        }
    }
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
    use super::*;

    #[test]
    fn each_reason_is_a_sentence_with_a_next_step() {
        for reason in [
            Reason::Overloaded,
            Reason::RateLimited,
            Reason::ServerError,
            Reason::BadRequest,
            Reason::ContextTooLong,
            Reason::NoCredit,
            Reason::Unreachable,
            Reason::MaxTurns,
            Reason::MaxBudget,
            Reason::Aborted,
            Reason::NoResult,
            Reason::UnknownSession,
            Reason::Other,
        ] {
            let sentence = reason.sentence(" its words. ");
            assert!(sentence.contains("(its words). "), "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
        }
    }
}
