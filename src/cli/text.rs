//! Views in words: a dispatch, a budget, an elapsed time.
//!
//! Owns: how they read for a person. Does not own: printing, and JSON.

use fleet_a2a::ext::{Decision, PermissionRequest, Usage};
use serde_json::Value;

use super::args::GlobalArgs;
use crate::control::{Amounts, AnswerRefused, BudgetView, DispatchView, Notice};
pub(crate) use crate::domain::grouped;
use crate::domain::{DispatchState, PeerText, Reason, SafeText, Verification};

/// The state as a person reads it.
pub(crate) fn state_words(state: DispatchState) -> &'static str {
    match state {
        DispatchState::InputRequired => "waiting for you",
        DispatchState::Queued
        | DispatchState::Sending
        | DispatchState::Working
        | DispatchState::Completed
        | DispatchState::Failed
        | DispatchState::Rejected
        | DispatchState::Canceled
        | DispatchState::Expired
        | DispatchState::Unknown => state.word(),
    }
}

/// The reason as a person reads it.
pub(crate) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Canceled => "a person canceled it",
        Reason::Budget => "its budget is used up",
        Reason::Deadline => "its deadline passed",
        Reason::Interrupted => "the receiver stopped during the turn",
        Reason::AgentError => "the agent failed",
        Reason::Unauthenticated => "a login or another token is wanted",
        Reason::Untrusted => "the settings of its repo are not accepted",
        Reason::Unreachable => "the peer could not be reached",
        Reason::Duplicate => "the peer is busy with this conversation",
        Reason::Resolved => "a person said so",
    }
}

/// What the checks said.
pub(crate) fn verification_words(verification: Verification) -> &'static str {
    match verification {
        Verification::Verified => "verified",
        Verification::Unverified => "unverified",
        Verification::Rejected => "rejected by its checks",
    }
}

/// State, checks and reason on one line: `completed, verified` or `canceled: its budget is used up`.
pub(crate) fn outcome(view: &DispatchView) -> String {
    let checks = view.verification.map(verification_words);
    let checks = checks.map_or_else(String::new, |words| format!(", {words}"));
    let reason = view.reason.map(reason_words);
    let reason = reason.map_or_else(String::new, |words| format!(": {words}"));
    let late = if view.late { ", late" } else { "" };
    format!("{}{checks}{reason}{late}", state_words(view.state))
}

/// What is told when a dispatch has ended, besides its reply.
pub(crate) fn ending(view: &DispatchView) -> SafeText {
    let mut lines = vec![format!(
        "{}: {} after {}, {}",
        view.peer,
        outcome(view),
        elapsed(view.elapsed_ms),
        usage(&view.usage)
    )];
    for check in &view.failed_checks {
        lines.push(format!("  failed check: {}", check.safe_line()));
    }
    for refusal in &view.refused {
        let reason = refusal.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        let line = format!("refused: {} {}{reason}", refusal.tool, refusal.arguments);
        lines.push(format!("  {}", SafeText::line_of(&line)));
    }
    if let Some(error) = &view.error {
        lines.push(super::output::failure_text(error).to_string());
    }
    SafeText::of(&lines.join("\n"))
}

/// A whole dispatch, one fact a line, its reply at the end.
pub(crate) fn dispatch(view: &DispatchView) -> SafeText {
    let detail = &view.detail;
    let reply_to = String::from(detail.reply_to.clone());
    let mut facts = vec![
        ("dispatch", view.dispatch_id.to_string()),
        ("peer", view.peer.to_string()),
        ("state", outcome(view)),
        ("accepted", detail.accepted_at.clone()),
        ("elapsed", elapsed(view.elapsed_ms)),
        ("deadline", fleet_a2a::clock::rfc3339(detail.deadline_at_ms)),
        ("context", view.context_id.clone()),
        ("task", line(view.task_id.as_ref())),
        ("reply to", reply_to),
        ("usage", usage(&view.usage)),
        ("instruction", detail.instruction.safe_line().to_string()),
    ];
    for check in &view.failed_checks {
        facts.push(("failed check", line(Some(check))));
    }
    for request in &detail.permissions {
        if request.questions.is_empty() {
            let asks = format!(
                "{} asks for {} {}",
                request.request_id, request.tool, request.arguments
            );
            facts.push(("question", asks));
        }
        let lines = super::question::lines(request);
        facts.extend(lines.into_iter().map(|line| ("question", line)));
        if let Some(refused) = answer_refused(view, request) {
            let reason = refused.reason.safe_line();
            facts.push(("not taken", format!("your last answer: {reason}")));
        }
        let answer = "fleet dispatches answer";
        let choices = choices(request);
        facts.push((
            "answer with",
            format!("{answer} {} {choices}", view.dispatch_id),
        ));
    }
    for refusal in &view.refused {
        facts.push(("refused", format!("{} {}", refusal.tool, refusal.arguments)));
    }
    for artifact in &view.artifacts {
        facts.push(("artifact", artifact_name(artifact)));
    }
    if let Some(error) = &view.error {
        facts.push(("error", error.message.clone()));
        facts.push(("try", error.remedy.clone()));
    }
    let mut out = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        out.push_str(&format!("{name:<13} {}\n", SafeText::line_of(value)));
    }
    if let Some(reply) = &view.reply {
        out.push_str(&format!("\n{}", reply.safe()));
    }
    SafeText::of(&out)
}

/// The answers that a request takes, as a command line takes them.
pub(crate) fn choices(request: &PermissionRequest) -> String {
    if !request.questions.is_empty() {
        return format!("{} (or: deny)", super::question::flags(request));
    }
    let word = |decision: &Decision| match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Always => "always",
    };
    request
        .choices
        .iter()
        .map(word)
        .collect::<Vec<_>>()
        .join("|")
}

fn artifact_name(artifact: &Value) -> String {
    let named = |key: &str| artifact.get(key).and_then(Value::as_str);
    named("name")
        .or_else(|| named("artifactId"))
        .unwrap_or("unnamed")
        .to_owned()
}

fn line(text: Option<&PeerText>) -> String {
    text.map_or_else(String::new, |text| text.safe_line().to_string())
}

/// Tokens and money.
pub(crate) fn usage(usage: &Usage) -> String {
    let about = if usage.estimated { "about " } else { "" };
    let cost = usage
        .cost_usd
        .map_or_else(String::new, |usd| format!(", ${usd:.4}"));
    let tokens = usage.counted_tokens();
    let word = if tokens == 1 { "token" } else { "tokens" };
    format!("{about}{} {word}{cost}", grouped(tokens))
}

/// A duration as a person reads it.
pub(crate) fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000.. => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// One figure of a budget: `12,345 + 50,000 held / 200,000`, or what is spent where nothing is limited. What is topped up
/// counts as limit.
pub(crate) fn amounts(amounts: &Amounts<u64>) -> String {
    let spent = grouped(amounts.spent);
    let held = match amounts.granted {
        0 => String::new(),
        granted => format!(" + {} held", grouped(granted)),
    };
    let limit = amounts
        .limit
        .map(|limit| limit.saturating_add(amounts.topped_up));
    let limit = limit.map_or_else(String::new, |limit| format!(" / {}", grouped(limit)));
    format!("{spent}{held}{limit}")
}

/// A notice with whom it is about.
pub(crate) fn notice(notice: &Notice) -> SafeText {
    let about = notice.peer.as_ref();
    let about = about.map_or_else(String::new, |peer| format!("{peer}: "));
    SafeText::line_of(&format!("{about}{}", notice.text.raw()))
}

/// The window and its end.
pub(crate) fn window(budget: &BudgetView) -> String {
    let word = budget.window.map_or("", crate::domain::Window::word);
    let until = budget.resets_at.as_ref();
    until.map_or_else(|| word.to_owned(), |until| format!("{word}, until {until}"))
}

/// At most so many characters, and a mark that tells when there were more.
pub(crate) fn shortened(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}… ({} more bytes)", &text[..end], text.len() - end),
        None => text.to_owned(),
    }
}

/// The last answer to this request, if the peer did not take it.
pub(crate) fn answer_refused<'a>(
    view: &'a DispatchView,
    request: &PermissionRequest,
) -> Option<&'a AnswerRefused> {
    let refused = view.detail.answer_refused.as_ref();
    refused.filter(|refused| refused.request_id == request.request_id)
}

/// A word as a shell takes it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How this fleet is called on a command line: `fleet` and the flags that named it.
pub(crate) fn program(global: &GlobalArgs) -> String {
    let mut words = "fleet".to_owned();
    let flags = [
        ("--config", &global.config),
        ("--state-dir", &global.state_dir),
    ];
    for (flag, path) in flags {
        if let Some(path) = path {
            words.push_str(&format!(" {flag} {}", quoted(&path.to_string_lossy())));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::samples;
    use crate::domain::{ErrorKind, Failure};

    #[test]
    fn a_dispatch_in_words() {
        insta::assert_snapshot!(dispatch(&samples::completed()));
        insta::assert_snapshot!(ending(&samples::completed()), @"echo: completed, verified after 1.2 s, 1,234 tokens");
    }

    #[test]
    fn an_ending_lists_failed_checks_refusals_and_the_remedy() {
        let mut view = samples::completed();
        view.state = DispatchState::Failed;
        view.reason = Some(Reason::AgentError);
        view.verification = None;
        view.failed_checks = vec!["The reply\nis no JSON.".into()];
        view.refused = vec![fleet_a2a::ext::Refusal {
            tool: "Write\u{1b}".to_owned(),
            arguments: serde_json::json!({"path": "a"}),
            reason: Some("not today".to_owned()),
        }];
        view.error = Some(Failure::new(
            ErrorKind::Agent,
            "The API says 529.",
            "Try later.",
        ));
        insta::assert_snapshot!(ending(&view), @r#"
        echo: failed: the agent failed after 1.2 s, 1,234 tokens
          failed check: The reply␊is no JSON.
          refused: Write␛ {"path":"a"}: not today
        error: The API says 529.
          try: Try later.
        "#);
    }

    #[test]
    fn questions_stand_in_a_dispatch_with_their_options() {
        let words = dispatch(&samples::questioning());
        let asked: Vec<&str> = words
            .as_str()
            .lines()
            .filter(|line| line.starts_with("question") || line.starts_with("answer"))
            .collect();
        insta::assert_snapshot!(asked.join("\n"), @r"
        question      1 of 2: Colour: Which colour should it be?
        question        1 Red: like a rose
        question        2 Blue: like the sky
        question      2 of 2: Which sizes are needed? (several may be chosen)
        question        1 S
        question        2 M, wide: medium
        question        3 L
        answer with   fleet dispatches answer 0193a5b0-0000-7000-8000-000000000001 --request r1 --choose N|TEXT --choose N,N|TEXT (or: deny)
        ");
    }

    #[test]
    fn budgets_and_times_in_words() {
        let budget = &samples::status().peers[0].budget;
        assert_eq!(amounts(&budget.tokens), "12,345 + 50,000 held / 200,000");
        assert_eq!(window(budget), "day, until 2025-11-22T00:00:00.000Z");
        let times = [0, 999, 1_000, 59_999, 60_000, 3_723_000].map(elapsed);
        assert_eq!(
            times,
            [
                "0 ms",
                "999 ms",
                "1.0 s",
                "59.9 s",
                "1 min 0 s",
                "62 min 3 s"
            ]
        );
    }

    proptest! {
        #[test]
        fn grouping_loses_no_digit(number in any::<u64>()) {
            prop_assert_eq!(grouped(number).replace(',', ""), number.to_string());
        }

        #[test]
        fn a_quoted_word_is_one_word(word in "[a-z' $`\\\\\"]{0,8}") {
            let out = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(&word))])
                .output()
                .unwrap();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
