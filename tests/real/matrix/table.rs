//! The table of results in `docs/claude-code.md`.
//!
//! Owns: its lines, and the comparison of the committed one with the one of this run. No time is in it, and nothing else
//! that differs from run to run.

use std::path::PathBuf;

use serde_json::Value;

use super::play::Play;
use super::rows::{Phase, Row, Step};

const PAGE: &str = "docs/claude-code.md";
const BEGIN: &str = "<!-- the matrix: written by the run, not by hand -->\n";
const END: &str = "<!-- the end of the matrix -->\n";
const HEAD: &str = "| what happens | what was sent | state | reason | exit code | in words | left over |\n|---|---|---|---|---|---|---|\n";
/// Characters of a reply that are shown.
const MAX_REPLY_CHARS: usize = 60;
/// Set to `write`, the run writes the table instead of comparing it.
const HOW: &str = "FLEET_MATRIX";
const RENEW: &str =
    "FLEET_MATRIX=write cargo test --locked --test real matrix -- --ignored --nocapture";

/// The line of one row.
pub(super) fn line(row: &Row, play: &Play, left: &[String]) -> String {
    let last = play.last();
    let word = |name: &str| last[name].as_str().unwrap_or("-").to_owned();
    let exit = play.ends.last().map_or(-1, |said| said.code);
    let left = if left.is_empty() {
        "nothing".to_owned()
    } else {
        left.join(", ")
    };
    let cells = [
        row.name.to_owned(),
        row.steps.iter().map(told).collect::<Vec<_>>().join(", "),
        word("state"),
        word("reason"),
        exit.to_string(),
        plain(&words(&last), play),
        left,
    ];
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

/// Its sentence; of work that was done, what it said and what it was refused.
fn words(dispatch: &Value) -> String {
    if let Some(sentence) = dispatch["error"]["message"].as_str() {
        return sentence.to_owned();
    }
    let reply = dispatch["reply"].as_str().unwrap_or_default();
    let refused = dispatch["refused"].as_array().into_iter().flatten();
    let refused =
        refused.filter_map(|refused| Some(format!("; refused: {}", refused["tool"].as_str()?)));
    format!("\"{}\"{}", shortened(reply), refused.collect::<String>())
}

fn shortened(reply: &str) -> String {
    let mut chars = reply.chars();
    let begin: String = chars.by_ref().take(MAX_REPLY_CHARS).collect();
    if chars.next().is_some() {
        format!("{begin}...")
    } else {
        begin
    }
}

/// A step in words.
fn told(step: &Step) -> String {
    match step {
        Step::Send(sent) | Step::Begin(sent) => {
            let flags = sent
                .flags
                .iter()
                .map(|flag| format!("{flag} "))
                .collect::<String>();
            // A code span holds no line end and no backquote.
            let text = sent.text.replace('\n', "⏎").replace('\t', "⇥");
            format!("`` {flags}{text} ``")
        }
        Step::End => "its end".to_owned(),
        Step::Until(Phase::Asks) => "until it asks".to_owned(),
        Step::Until(Phase::Thinks) => "until it thinks".to_owned(),
        Step::Until(Phase::Streams) => "until it streams".to_owned(),
        Step::Until(Phase::InTool) => "until a command runs".to_owned(),
        Step::Answer(decision) => format!("answer {decision}"),
        Step::Cancel => "cancel".to_owned(),
        Step::Restart => "stop, start".to_owned(),
        Step::ForgetSessions => "session files deleted".to_owned(),
        Step::Big(bytes) => format!("`` BIG `` and {bytes} bytes in all"),
        Step::TwoContexts => "`` PONG `` in two at once, then `` HISTORY `` in both".to_owned(),
        Step::Many { turns, contexts } => {
            format!("`` PONG `` {turns} times in {contexts} conversations")
        }
    }
}

/// A sentence without what is of this run only: its folder, its ports, its ids.
fn plain(text: &str, play: &Play) -> String {
    let folder = play.scene.fleet.path("").display().to_string();
    let model = play.scene.model.addr.to_string();
    let text = text
        .replace(folder.trim_end_matches('/'), "DIR")
        .replace(&model, "MODEL")
        .replace('\n', " ");
    let mut words: Vec<&str> = text.split(' ').collect();
    for at in 0..words.len() {
        // How many tokens depends on where the folder is and on the moment.
        let next = words.get(at + 1).copied().unwrap_or_default();
        if is_id(words[at]) {
            words[at] = "ID";
        } else if next.starts_with("tokens") && words[at].starts_with(is_of_a_number) {
            words[at] = "N";
        }
    }
    words.join(" ")
}

fn is_of_a_number(c: char) -> bool {
    c == '~' || c.is_ascii_digit()
}

fn is_id(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    word.len() == 36 && word.matches('-').count() == 4
}

/// Compares the table of this run with the committed one, or writes it.
pub(super) fn keep<'a>(lines: impl Iterator<Item = &'a str>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the matrix");
    let (committed, after) = rest.split_once(END).expect("the end of the matrix");
    let table = format!("\n{HEAD}{}\n", lines.collect::<String>());
    if committed == table {
        return;
    }
    if std::env::var(HOW).is_ok_and(|how| how == "write") {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect(PAGE);
        eprintln!("{PAGE} was written anew");
        return;
    }
    for line in table.lines().filter(|line| !committed.contains(line)) {
        eprintln!("now:       {line}");
    }
    for line in committed.lines().filter(|line| !table.contains(line)) {
        eprintln!("committed: {line}");
    }
    panic!("{PAGE} shows other results than this run. If the new ones are right: {RENEW}");
}
