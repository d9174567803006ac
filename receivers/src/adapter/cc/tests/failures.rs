//! Every way to fail that Claude Code 2.1.329 was recorded in, and what a person is told of it.

use serde_json::Value;

use super::recorded::{fixture, read};
use crate::adapter::TurnOutcome;
use crate::adapter::cc::{outcome, reason};

#[test]
fn retries_are_told_with_the_status_in_words() {
    let (words, ..) = read("overloaded", false);
    assert_eq!(
        words[0],
        "retry 1/2 the model's API answered 529 (overloaded); next try in 1.2 s"
    );
    let (words, ..) = read("connection-refused", false);
    assert!(
        words[0].starts_with("retry 1/1 the model's API could not be asked (unknown)"),
        "{words:?}"
    );
}

/// Each way to fail that was recorded, and how the sentence for it begins and ends.
#[test]
fn every_failure_says_what_happened_and_what_to_do_next() {
    for (name, begins, ends) in [
        (
            "overloaded",
            "The model's API is overloaded (API Error: Repeated 529",
            "in a few minutes; the conversation is kept.",
        ),
        (
            "rate-limited",
            "The model's API refused the call because of a rate limit (API Error: Request rejected (429)",
            "Wait until the limit is renewed, then send it again; the conversation is kept.",
        ),
        (
            "server-error",
            "The model's API failed (API Error: 500",
            "see the status page of the API's provider.",
        ),
        (
            "bad-request",
            "The model's API refused the request (API Error: 400 bad request scripted)",
            "begin a new one.",
        ),
        (
            "context-too-long",
            "The conversation no longer fits into the model (Prompt is too long",
            "Begin a new conversation, under another context id, or send less.",
        ),
        (
            "no-credit",
            "The account behind the agent has no credit (Credit balance is too low)",
            "or log in with another account.",
        ),
        (
            "connection-refused",
            "The model's API cannot be reached (API Error: Connection refused",
            "then send it again.",
        ),
        (
            "max-turns",
            "Claude Code stopped at a limit of its own settings (Reached maximum number of turns (2))",
            "to let it go on.",
        ),
        (
            "max-budget",
            "Claude Code stopped at a limit of its own settings (Reached maximum budget ($0.003))",
            "to let it go on.",
        ),
        (
            "slow-interrupted",
            "Claude Code was interrupted by somebody else than this fleet (aborted_streaming)",
            "to let it go on.",
        ),
        (
            "unknown-session",
            "Claude Code does not know this conversation any more (No conversation found",
            "under another context id.",
        ),
    ] {
        let (_, outcome, _) = read(name, false);
        let TurnOutcome::Failed { detail } = outcome else {
            panic!("{name}: {outcome:?}")
        };
        assert!(detail.starts_with(begins), "{name}: {detail}");
        assert!(detail.ends_with(ends), "{name}: {detail}");
    }
}

#[test]
fn a_missing_and_a_wrong_login_are_told_apart_from_failures() {
    for name in ["not-logged-in", "bad-key"] {
        let (_, outcome, _) = read(name, false);
        let TurnOutcome::Unauthenticated { detail } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(detail.contains("/login"), "{detail}");
    }
}

#[test]
fn an_unknown_session_is_recognised() {
    let text = fixture("unknown-session");
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(reason::says_unknown(&result));
    assert!(outcome::says_in_use(
        "Error: Session ID 60499cd9-7c60-4d0c-8ff1-ddd31cf6ce9a is already in use."
    ));
}
