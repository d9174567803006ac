//! One turn on one process: its lines, its questions, its end.
//!
//! Owns: the I/O loop. Does not own: the process before and after (see `errand`).

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use fleet_a2a::ContextId;
use fleet_a2a::ext::{Decision, Ruling};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::events::{Ask, Parser, Said};
use super::process::{DRAIN, MAX_LINE_BYTES, Process};
use super::question::{self, Course};
use super::writer::Writer;
use super::{CcAdapter, grants, wire};
use crate::adapter::{AdapterEvent, TurnCommand, TurnIo};
use crate::child::{Line, Moment};

/// How long an interrupt may take to be obeyed (measured 40 ms); a cancel is to be done within a second.
const INTERRUPT_GRACE: Duration = Duration::from_millis(500);

/// A turn under way.
#[derive(Debug)]
pub(super) struct Running<'a> {
    adapter: &'a CcAdapter,
    context: &'a ContextId,
    pub(super) parser: Parser,
    /// What it waits for, by request id.
    asks: BTreeMap<String, Ask>,
    pub(super) interrupted: bool,
    /// It said that it works, so that the message may have been read.
    pub(super) took_up: bool,
    /// It called a tool, whose process may begin at any moment after that.
    pub(super) called: bool,
    /// When the model got the message: what began later is the turn's.
    pub(super) began: Moment,
}

/// How the talk ended.
#[derive(Debug, Default)]
pub(super) struct Finish {
    pub(super) result: Option<Value>,
    pub(super) status: Option<ExitStatus>,
}

/// Reads until the result, the end of the process, or the end of an interrupt's grace.
pub(super) async fn read(
    running: &mut Running<'_>,
    process: &mut Process,
    io: &mut TurnIo,
) -> Finish {
    let Process {
        child,
        lines,
        writer,
        ..
    } = process;
    let writer = &*writer;
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

impl<'a> Running<'a> {
    /// Before the first line.
    pub(super) fn new(adapter: &'a CcAdapter, context: &'a ContextId, parser: Parser) -> Self {
        Self {
            adapter,
            context,
            parser,
            asks: BTreeMap::new(),
            interrupted: false,
            took_up: false,
            called: false,
            began: Moment::now(),
        }
    }

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
                Said::Event(event) => {
                    self.called |= matches!(event, AdapterEvent::ToolCall { .. });
                    tell(io, event).await;
                }
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
                Said::Began => {
                    self.began = Moment::now();
                    self.took_up = true;
                }
                Said::Subagent { call_id, text } => {
                    tell(io, AdapterEvent::Subagent { call_id, text }).await;
                }
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
}

/// Tells what happened. When nobody listens any more, whoever did drops this future.
pub(super) async fn tell(io: &TurnIo, event: AdapterEvent) {
    let _ = io.events.send(event).await;
}
