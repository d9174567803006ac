//! One turn: a process, its lines, its questions, its end.
//!
//! Owns: the I/O loop, and the one second try when the CLI says that a session is to be resumed instead of begun, or the
//! other way round: both are said before any call of the model.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use fleet_a2a::ContextId;
use fleet_a2a::ext::Decision;
use fleet_a2a::ext::Ruling;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::argv::{self, Session};
use super::events::{Ask, Parser, Said};
use super::question::{self, Course};
use super::{CcAdapter, grants, outcome, wire};
use crate::adapter::{AdapterEvent, Turn, TurnCommand, TurnEnd, TurnIo, TurnOutcome};
use crate::child::{Child, ChildEnv, Line, Lines, Stdin, Stop, StopSignal, Tail, stop};
use crate::config::Permissions;

/// Longest line: above what a prompt of the CLI's own bound (10 MB) or a large file in a tool call takes.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Lines that may wait for the CLI to read them: a prompt, answers, an interrupt.
const STDIN_QUEUE: usize = 32;
/// How long an interrupt may take to be obeyed (measured 40 ms); a cancel is to be done within a second.
const INTERRUPT_GRACE: Duration = Duration::from_millis(500);
/// How long it may take to leave after its result (measured 30 ms); it writes its session down meanwhile.
const EXIT_GRACE: Duration = Duration::from_secs(2);
/// How long output may still come after its end; longer means that something it left behind holds the pipe.
const DRAIN: Duration = Duration::from_millis(300);
/// How long SIGINT may take to be obeyed.
const SIGNAL_GRACE: Duration = Duration::from_millis(300);
/// The variable that bounds the CLI's retries of a failed call, and our bound: 10 of them take minutes of silence.
const MAX_RETRIES: (&str, &str) = ("CLAUDE_CODE_MAX_RETRIES", "4");
/// The variable that tells the CLI that root is harmless here.
const SANDBOX: &str = "IS_SANDBOX";

/// Runs a turn to its end.
pub(super) async fn run(adapter: &CcAdapter, turn: Turn, mut io: TurnIo) -> TurnEnd {
    if adapter.permissions == Permissions::Full && is_root_outside_sandbox(turn.spawner.env()) {
        let detail = "Claude Code refuses permissions = \"full\" to root. Run the fleet as another user, or, on a machine that is a \
                      sandbox, set IS_SANDBOX=1 where the receiver is deployed from.";
        return TurnEnd {
            outcome: TurnOutcome::Failed {
                detail: detail.to_owned(),
            },
            refused: Vec::new(),
        };
    }
    let session = argv::session(adapter, &turn.context, &turn.session);
    tell(&io, AdapterEvent::Session(session.id().to_owned())).await;
    match attempt(adapter, &turn, &mut io, &session).await {
        Attempt::Over(end) => end,
        Attempt::WrongSession(_) => {
            match attempt(adapter, &turn, &mut io, &session.other()).await {
                Attempt::Over(end) | Attempt::WrongSession(end) => end,
            }
        }
    }
}

/// How one process ended.
#[derive(Debug)]
enum Attempt {
    /// The turn is over.
    Over(TurnEnd),
    /// The session is to be opened the other way; the end as it would be if that did not help.
    WrongSession(TurnEnd),
}

fn is_root_outside_sandbox(env: &ChildEnv) -> bool {
    rustix::process::geteuid().is_root() && !matches!(env.get(SANDBOX), Some("1" | "true"))
}

async fn attempt(adapter: &CcAdapter, turn: &Turn, io: &mut TurnIo, session: &Session) -> Attempt {
    let repo = turn.spawner.cwd().to_string_lossy();
    let argv = argv::argv(adapter, &repo, session, &adapter.grants.of(&turn.context));
    let spawner = turn
        .spawner
        .clone()
        .with_default_env(MAX_RETRIES.0, MAX_RETRIES.1);
    let mut child = match spawner.spawn(&argv, Stdin::Piped) {
        Ok(child) => child,
        Err(error) => {
            let detail = format!("{error}. Install Claude Code: {}.", super::INSTALL_REMEDY);
            return Attempt::Over(TurnEnd {
                outcome: TurnOutcome::Failed { detail },
                refused: Vec::new(),
            });
        }
    };
    let mut running = Running {
        adapter,
        context: &turn.context,
        parser: Parser::new(session.id()),
        asks: BTreeMap::new(),
        interrupted: false,
    };
    let mut tail = Tail::default();
    let finish = drive(&mut running, &mut child, (io, &mut tail), &turn.prompt).await;
    running.judge(&finish, session, &tail.text())
}

/// A turn under way.
#[derive(Debug)]
struct Running<'a> {
    adapter: &'a CcAdapter,
    context: &'a ContextId,
    parser: Parser,
    /// What it waits for, by request id.
    asks: BTreeMap<String, Ask>,
    interrupted: bool,
}

/// What a process left behind.
#[derive(Debug, Default)]
struct Finish {
    result: Option<Value>,
    status: Option<ExitStatus>,
}

/// Writes lines to the CLI, one after the other, until the sender is dropped.
#[derive(Debug)]
struct Writer {
    lines: mpsc::Sender<String>,
    /// Aborts the writing when dropped.
    _task: JoinSet<()>,
}

impl Writer {
    fn start(stdin: Option<ChildStdin>) -> Self {
        let (lines, mut queue) = mpsc::channel::<String>(STDIN_QUEUE);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let Some(mut stdin) = stdin else { return };
            while let Some(line) = queue.recv().await {
                // A CLI that no longer reads is about to end; its output says why.
                if stdin.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        Self { lines, _task: task }
    }

    /// A full queue means that the CLI reads nothing any more: then the interrupt's grace or the deadline ends it.
    fn write(&self, line: String) {
        let _ = self.lines.try_send(line);
    }
}

/// Feeds and reads the process until it is over, and sees it off.
async fn drive(
    running: &mut Running<'_>,
    child: &mut Child,
    (io, tail): (&mut TurnIo, &mut Tail),
    prompt: &str,
) -> Finish {
    let (Some(stdout), Some(stderr)) = (child.take_stdout(), child.take_stderr()) else {
        return Finish::default();
    };
    let writer = Writer::start(child.take_stdin());
    writer.write(wire::initialize());
    writer.write(wire::user(prompt));
    let mut errors = pin!(tail.fill(stderr));
    let mut errors_open = true;
    let mut lines = Lines::new(stdout, MAX_LINE_BYTES);
    let mut finish = {
        let mut reading = pin!(read(running, child, (io, &writer), &mut lines));
        loop {
            tokio::select! {
                finish = &mut reading => break finish,
                () = &mut errors, if errors_open => errors_open = false,
            }
        }
    };
    // Closing its input is how it is asked to leave.
    drop(writer);
    if finish.status.is_none() {
        finish.status = see_off(child, &finish, running.interrupted).await;
    }
    // Its last words are in the pipe; whatever it left behind may hold the pipe open.
    if errors_open {
        let _ = tokio::time::timeout(DRAIN, &mut errors).await;
    }
    finish
}

async fn see_off(child: &mut Child, finish: &Finish, interrupted: bool) -> Option<ExitStatus> {
    if finish.result.is_none() && interrupted {
        return stop(child, &[]).await;
    }
    if let Ok(Ok(status)) = tokio::time::timeout(EXIT_GRACE, child.wait()).await {
        return Some(status);
    }
    let steps = [Stop {
        signal: StopSignal::Interrupt,
        grace: SIGNAL_GRACE,
    }];
    stop(child, &steps).await
}

/// Reads until the result, the end of the process, or the end of an interrupt's grace.
async fn read(
    running: &mut Running<'_>,
    child: &mut Child,
    (io, writer): (&mut TurnIo, &Writer),
    lines: &mut Lines<ChildStdout>,
) -> Finish {
    let mut finish = Finish::default();
    let (mut heard, mut open) = (true, true);
    let mut until: Option<Instant> = None;
    loop {
        if !open && finish.status.is_some() {
            return finish;
        }
        tokio::select! {
            // In this order: what was said is read before a time that has run out counts.
            biased;
            command = io.commands.recv(), if heard => match command {
                Some(TurnCommand::Answer { request_id, decision, reason, answers }) => {
                    running.answer(&request_id, Ruling { decision, reason, answers }, writer);
                }
                Some(TurnCommand::Interrupt) => {
                    running.interrupted = true;
                    writer.write(wire::interrupt());
                    until = Some(Instant::now() + INTERRUPT_GRACE);
                }
                None => heard = false,
            },
            line = lines.next(), if open => match line {
                Ok(Some(line)) => {
                    finish.result = running.line(line, io, writer).await;
                    if finish.result.is_some() {
                        return finish;
                    }
                }
                Ok(None) | Err(_) => open = false,
            },
            status = child.wait(), if finish.status.is_none() => {
                finish.status = status.ok();
                until = Some(Instant::now() + DRAIN);
                if finish.status.is_none() {
                    return finish;
                }
            }
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return finish,
        }
    }
}

impl Running<'_> {
    /// Takes a line. Gives the result when it is one.
    async fn line(&mut self, line: Line, io: &TurnIo, writer: &Writer) -> Option<Value> {
        let (text, replaced) = match line {
            Line::Text { text, replaced } => (text, replaced),
            Line::TooLong { bytes } => {
                let note = format!(
                    "Claude Code wrote a line of {bytes} bytes; it takes at most {MAX_LINE_BYTES}, and was left out."
                );
                tell(io, AdapterEvent::Note(note)).await;
                return None;
            }
        };
        if replaced {
            let note = "Some of Claude Code's output was not UTF-8; it was replaced by U+FFFD.";
            tell(io, AdapterEvent::Note(note.to_owned())).await;
        }
        for said in self.parser.line(&text) {
            match said {
                Said::Event(event) => tell(io, event).await,
                Said::Ask(ask) => self.asked(ask, io, writer).await,
                Said::Withdrawn(request_id) => {
                    if let Some(ask) = self.asks.remove(&request_id) {
                        let note = format!(
                            "Claude Code no longer asks for permission to use {}.",
                            ask.tool
                        );
                        tell(io, AdapterEvent::Note(note)).await;
                    }
                }
                Said::Unserved {
                    request_id,
                    subtype,
                } => writer.write(wire::unserved(&request_id, &subtype)),
                Said::Result(result) => return Some(result),
            }
        }
        None
    }

    async fn asked(&mut self, ask: Ask, io: &TurnIo, writer: &Writer) {
        let grants = self.adapter.grants.of(self.context);
        match question::course(&ask, self.adapter.permissions, &grants) {
            Course::Granted => writer.write(wire::allow(&ask, &[])),
            Course::Refused(why) => {
                writer.write(wire::deny(&ask, Some(&why)));
                self.parser.refuse(&ask, Some(why));
            }
            Course::Person => {
                tell(io, AdapterEvent::Permission(ask.request())).await;
                self.asks.insert(ask.request_id.clone(), ask);
            }
        }
    }

    /// Passes on a person's answer; one to a request that it no longer waits for is too late to matter.
    fn answer(&mut self, request_id: &str, ruling: Ruling, writer: &Writer) {
        let Some(mut ask) = self.asks.remove(request_id) else {
            return;
        };
        match ruling.decision {
            Decision::Allow => {
                question::put(&mut ask, &ruling.answers);
                writer.write(wire::allow(&ask, &[]));
            }
            Decision::Always => {
                let updates = grants::updates(&ask.suggestions);
                self.adapter.grants.add(self.context, &updates);
                writer.write(wire::allow(&ask, &updates));
            }
            Decision::Deny => {
                writer.write(wire::deny(&ask, ruling.reason.as_deref()));
                self.parser.refuse(&ask, ruling.reason);
            }
        }
    }

    fn judge(self, finish: &Finish, session: &Session, stderr: &str) -> Attempt {
        let known = self.parser.known(self.interrupted);
        let wrong = !self.interrupted
            && match (session, &finish.result) {
                (Session::Resume(_), Some(result)) => outcome::says_unknown(result),
                (Session::Begin(_), None) => outcome::says_in_use(stderr),
                (Session::Resume(_), None) | (Session::Begin(_), Some(_)) => false,
            };
        let outcome = match &finish.result {
            Some(result) => outcome::of_result(result, &known),
            None => outcome::of_exit(finish.status, stderr, &known),
        };
        let end = TurnEnd {
            outcome,
            refused: self.parser.into_refused(),
        };
        if wrong {
            Attempt::WrongSession(end)
        } else {
            Attempt::Over(end)
        }
    }
}

/// Tells what happened. When nobody listens any more, whoever did drops this future.
async fn tell(io: &TurnIo, event: AdapterEvent) {
    let _ = io.events.send(event).await;
}
