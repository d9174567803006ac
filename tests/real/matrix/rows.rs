//! What a row is made of, and all of them.
//!
//! Owns: the words in which rows are written. The rows themselves are in `rows_turns` and `rows_ends`.

use super::{rows_ends, rows_turns};
use crate::scene::Cli;

/// One thing that can happen.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is about, as the table says it.
    pub(super) name: &'static str,
    pub(super) cli: Cli,
    /// Further lines of the peer in fleet.toml.
    pub(super) peer: &'static str,
    pub(super) steps: Vec<Step>,
    /// How the last dispatch ended.
    pub(super) end: End,
    /// What else must hold then.
    pub(super) checks: Vec<Check>,
}

/// One thing that is done. The last dispatch of a row is the one that is judged.
#[derive(Debug)]
pub(super) enum Step {
    /// `fleet send`, and waiting for its end.
    Send(Sent),
    /// The same without waiting.
    Begin(Sent),
    /// Waits for the end of the dispatch that was begun.
    End,
    /// Waits until the dispatch that was begun is so far.
    Until(Phase),
    /// `fleet dispatches answer`.
    Answer(&'static str),
    /// `fleet dispatches cancel`.
    Cancel,
    /// `fleet stop`, `fleet start`.
    Restart,
    /// Deletes what Claude Code keeps of its sessions.
    ForgetSessions,
    /// A prompt of so many bytes, on standard input.
    Big(usize),
    /// Two at once, each in a conversation of its own, and then two more.
    TwoContexts,
    /// So many turns, in so many conversations, after as many in each for comparison.
    Many { turns: usize, contexts: usize },
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) text: &'static str,
    pub(super) flags: &'static [&'static str],
}

/// How far a turn is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Asks,
    Thinks,
    Streams,
    InTool,
}

/// How a dispatch ended.
#[derive(Debug)]
pub(super) struct End {
    /// None: it was refused before there was one.
    pub(super) state: Option<&'static str>,
    pub(super) reason: Option<&'static str>,
    /// The kind of the error.
    pub(super) kind: Option<&'static str>,
    pub(super) exit: i32,
    /// Words that its sentence and remedy hold, whatever else they say.
    pub(super) words: &'static [&'static str],
}

/// What else must hold.
#[derive(Debug)]
pub(super) enum Check {
    /// The reply is this.
    Reply(&'static str),
    /// The reply holds this.
    ReplyHolds(&'static str),
    /// The reply does not hold this.
    ReplyLacks(&'static str),
    /// The transcript has at least so many pieces of text.
    Deltas(usize),
    /// The transcript has at least so many lines that hold this.
    Told(&'static str, usize),
    /// So many times a person was asked.
    Asked(usize),
    /// A path from the repo exists, or does not.
    File(&'static str, bool),
    /// So many tools were refused.
    Refused(usize),
    /// The last dispatch used what the server charged for so many calls.
    Calls(u64),
    /// All dispatches together used what the server charged, and the budget says the same.
    ToTheToken(u64),
    /// It took at most so many milliseconds, from submission to its end.
    Within(u64),
    /// No command of the model is left, although nothing was stopped.
    NoTool,
}

/// Every row, in the order of the table.
pub(super) fn all() -> Vec<Row> {
    let mut rows = rows_turns::rows();
    rows.extend(rows_ends::rows());
    rows
}

pub(super) fn row(name: &'static str, steps: Vec<Step>, end: End, checks: Vec<Check>) -> Row {
    Row {
        name,
        cli: Cli::Real,
        peer: "",
        steps,
        end,
        checks,
    }
}

impl Row {
    pub(super) fn with(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    pub(super) fn is_long(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Many { .. }))
    }

    pub(super) fn on(mut self, cli: Cli) -> Self {
        self.cli = cli;
        self
    }
}

pub(super) fn send(text: &'static str) -> Step {
    Step::Send(Sent { text, flags: &[] })
}

/// In one conversation.
pub(super) fn talk(text: &'static str) -> Step {
    let flags = &["--context-id", "talk"];
    Step::Send(Sent { text, flags })
}

pub(super) fn begin(text: &'static str) -> Step {
    Step::Begin(Sent { text, flags: &[] })
}

pub(super) fn completed() -> End {
    End {
        state: Some("completed"),
        reason: None,
        kind: None,
        exit: 0,
        words: &[],
    }
}
