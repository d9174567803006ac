//! Rows about turns that end otherwise: errors of the API, cancels, deadlines, budgets, a CLI that cannot work.

use super::rows::Check::{Deltas, NoTool, ReplyHolds, Told, Within};
use super::rows::{End, Phase, Row, Sent, Step, begin, completed, row, send};
use crate::scene::Cli;

/// Every deadline here, in seconds.
const DEADLINE: &[&str] = &["--deadline", "6"];
/// With 2 s to end the turn and its processes, and 2 s for a busy machine.
const OVER_BY_MS: u64 = 10_000;
const FULL: &str = "permissions = \"full\"";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = api();
    rows.extend(canceled());
    rows.extend(expired());
    rows.push(budget());
    rows.extend(unable());
    rows
}

fn failed(words: &'static [&'static str]) -> End {
    End {
        state: Some("failed"),
        reason: Some("agent_error"),
        kind: Some("agent"),
        exit: 1,
        words,
    }
}

fn api() -> Vec<Row> {
    let fails = |name, text, end, checks| row(name, vec![send(text)], end, checks);
    vec![
        fails("HTTP 400", "FAIL400", failed(&["400"]), vec![]),
        fails("HTTP 401", "FAIL401", no_login(), vec![]),
        fails(
            "HTTP 429",
            "FAIL429",
            failed(&["429"]),
            vec![Told("retry", 1)],
        ),
        fails(
            "HTTP 500",
            "FAIL500",
            failed(&["500"]),
            vec![Told("retry", 1)],
        ),
        fails(
            "HTTP 529",
            "FAIL529",
            failed(&["529"]),
            vec![Told("retry", 1)],
        ),
        fails(
            "broken stream",
            "FAILMID",
            completed(),
            vec![ReplyHolds("partial answer then fail")],
        ),
        fails(
            "dead endpoint",
            "PONG",
            failed(&["onnect"]),
            vec![Told("retry", 1)],
        )
        .on(Cli::DeadEndpoint),
        fails("context overflow", "FAILCTX", failed(&["too long"]), vec![]),
        fails("no credit", "FAILBILL", failed(&["redit"]), vec![]),
    ]
}

fn no_login() -> End {
    End {
        state: Some("failed"),
        reason: Some("unauthenticated"),
        kind: Some("unauthenticated"),
        exit: 4,
        words: &["/login"],
    }
}

fn canceled() -> Vec<Row> {
    let rows = [
        (
            "cancel while thinking",
            "PONDER",
            Phase::Thinks,
            vec![NoTool],
        ),
        (
            "cancel while streaming",
            "SLOW",
            Phase::Streams,
            vec![Deltas(1), NoTool],
        ),
        ("cancel in a tool", "SLEEP", Phase::InTool, vec![NoTool]),
        (
            "cancel in a tool that left a process behind",
            "DFORK",
            Phase::InTool,
            vec![NoTool],
        ),
    ];
    let end = || End {
        state: Some("canceled"),
        reason: Some("canceled"),
        kind: Some("state"),
        exit: 1,
        words: &[],
    };
    rows.into_iter()
        .map(|(name, text, phase, checks)| {
            let steps = vec![begin(text), Step::Until(phase), Step::Cancel, Step::End];
            row(name, steps, end(), checks).with(FULL)
        })
        .collect()
}

fn expired() -> Vec<Row> {
    let rows = [
        (
            "deadline while thinking",
            "PONDER",
            vec![Told("thought", 1), NoTool],
        ),
        ("deadline while streaming", "SLOW", vec![Deltas(1), NoTool]),
        (
            "deadline in a tool",
            "SLEEP",
            vec![Told("tool_call", 1), NoTool],
        ),
        (
            "deadline in a tool that left a process behind",
            "DFORK",
            vec![Told("tool_call", 1), NoTool],
        ),
    ];
    let end = || End {
        state: Some("expired"),
        reason: Some("deadline"),
        kind: Some("deadline"),
        exit: 5,
        words: &[],
    };
    rows.into_iter()
        .map(|(name, text, mut checks)| {
            checks.push(Within(OVER_BY_MS));
            let flags = DEADLINE;
            row(name, vec![Step::Send(Sent { text, flags })], end(), checks).with(FULL)
        })
        .collect()
}

/// 50 commands are 51 calls; the third passes what is granted.
fn budget() -> Row {
    let end = End {
        state: Some("canceled"),
        reason: Some("budget"),
        kind: Some("budget"),
        exit: 3,
        words: &[],
    };
    row(
        "a loop that passes its grant",
        vec![send("LOOP")],
        end,
        vec![Told("tool_call", 2), NoTool],
    )
    .with("permissions = \"edit\"\nbudget = { tokens = 10000, per_dispatch_tokens = 400 }")
}

fn unable() -> Vec<Row> {
    let unable = |name, cli, end| row(name, vec![send("PONG")], end, vec![]).on(cli);
    let unfit = |words| End {
        reason: Some("unreachable"),
        kind: Some("no_agent"),
        words,
        ..no_login()
    };
    vec![
        unable("CLI missing", Cli::Missing, unfit(&["claude", "install"])),
        unable("CLI too old", Cli::TooOld, unfit(&["1.0.3"])),
        unable("not logged in", Cli::NoLogin, no_login()),
    ]
}
