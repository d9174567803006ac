//! Whether what came of a row is what was expected.
//!
//! Owns: the comparisons; each that fails is a sentence, and all of them are said.

use std::time::Duration;

use fleet_testkit::model_server::{
    CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS,
};
use serde_json::{Value, json};

use super::play::Play;
use super::rows::{Check, Row};
use crate::fleet::{Said, holds_within};

/// What a turn has for its processes to end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Compares everything; what does not hold is added to the problems.
pub(super) fn check(row: &Row, play: &mut Play) {
    let mut problems = end(row, play);
    for check in &row.checks {
        let (wanted, found) = compare(check, play);
        if wanted != found {
            problems.push(format!("{check:?}: wanted {wanted}, found {found}"));
        }
    }
    play.problems.extend(problems);
}

fn end(row: &Row, play: &Play) -> Vec<String> {
    let Some(said) = play.ends.last() else {
        return vec!["nothing was sent".to_owned()];
    };
    let last = play.last();
    let wanted = [
        ("state", json!(row.end.state), last["state"].clone()),
        ("reason", json!(row.end.reason), last["reason"].clone()),
        ("kind", json!(row.end.kind), last["error"]["kind"].clone()),
        ("exit code", json!(row.end.exit), json!(said.code)),
    ];
    let mut problems: Vec<String> = wanted
        .into_iter()
        .filter(|(_, wanted, found)| wanted != found)
        .map(|(what, wanted, found)| format!("{what}: wanted {wanted}, found {found}"))
        .collect();
    let sentence = last["error"].to_string();
    for word in row
        .end
        .words
        .iter()
        .filter(|word| !sentence.contains(**word))
    {
        problems.push(format!("no {word:?} in {sentence}"));
    }
    problems
}

/// What was wanted and what was found, in one form.
fn compare(check: &Check, play: &Play) -> (Value, Value) {
    let last = play.last();
    let reply = last["reply"].as_str().unwrap_or_default();
    let at_least = |wanted: usize, found: usize| (json!(wanted), json!(found.min(wanted)));
    match check {
        Check::Reply(text) => (json!(text), json!(reply)),
        Check::ReplyHolds(text) => (json!(true), json!(reply.contains(text))),
        Check::ReplyLacks(text) => (json!(false), json!(reply.contains(text))),
        Check::Deltas(count) => at_least(*count, lines(play, |line| !line["delta"].is_null())),
        Check::Told(word, count) => at_least(*count, told(play, word)),
        Check::Asked(count) => (json!(count), json!(asked(play))),
        Check::File(path, there) => {
            let path = play.scene.fleet.path("repo").join(path);
            (json!(there), json!(path.exists()))
        }
        Check::Refused(count) => (
            json!(count),
            json!(last["refused"].as_array().map(Vec::len)),
        ),
        Check::Calls(calls) => (charged(*calls), used(&last["usage"])),
        Check::ToTheToken(turns) => to_the_token(*turns, play),
        Check::Within(limit) => {
            let took = last["elapsed_ms"].as_u64().unwrap_or(u64::MAX);
            (json!(limit), json!(took.max(*limit)))
        }
        Check::NoTool => {
            holds_within(ENDS_WITHIN, || play.scene.tools().is_empty());
            (json!([]), json!(play.scene.tools()))
        }
    }
}

fn lines(play: &Play, counts: impl Fn(&Value) -> bool) -> usize {
    let lines = play.scene.transcript(&play.last_id());
    lines.iter().filter(|line| counts(line)).count()
}

fn told(play: &Play, word: &str) -> usize {
    lines(play, |line| line.to_string().contains(word))
}

/// Requests in the whole conversation.
fn asked(play: &Play) -> usize {
    lines(play, |line| {
        line["state"] == "input_required" && line.to_string().contains("request_id")
    })
}

fn used(usage: &Value) -> Value {
    json!({
        "input": usage["input_tokens"], "cache_write": usage["cache_write_tokens"],
        "cache_read": usage["cache_read_tokens"], "output": usage["output_tokens"],
    })
}

fn charged(calls: u64) -> Value {
    json!({
        "input": calls * INPUT_TOKENS, "cache_write": calls * CACHE_WRITE_TOKENS,
        "cache_read": calls * CACHE_READ_TOKENS, "output": calls * OUTPUT_TOKENS,
    })
}

/// The sum over all turns, what the budget says was spent, and what the server charged.
fn to_the_token(turns: u64, play: &Play) -> (Value, Value) {
    let sum = |name: &str| -> u64 {
        let figure = |said: &Said| said.json()["usage"][name].as_u64().unwrap_or_default();
        play.ends.iter().map(figure).sum()
    };
    let calls = play.scene.model.answered();
    let found = json!({
        "input_tokens": sum("input_tokens"), "cache_write_tokens": sum("cache_write_tokens"),
        "cache_read_tokens": sum("cache_read_tokens"), "output_tokens": sum("output_tokens"),
    });
    let shown = play.scene.ok(&["budget", "show", "app", "--json"]).json();
    let spent = &shown["budgets"][0];
    let counted = calls * (INPUT_TOKENS + CACHE_WRITE_TOKENS + OUTPUT_TOKENS);
    (
        json!([charged(calls), counted, turns]),
        json!([
            used(&found),
            spent["tokens"]["spent"],
            spent["turns"]["spent"]
        ]),
    )
}
