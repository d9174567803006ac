//! From an event of the peer to lines of the transcript.
//!
//! Owns: the mapping, a pure function. The line that carries the state comes last, so that a transcript in which an end
//! can be seen has all of that event.

use fleet_a2a::TaskId;
use fleet_a2a::client::PeerEvent;
use fleet_a2a::ext::{EndReason, FleetEvent, Usage, event_part, events, events_of, usage_of};
use fleet_a2a::types::{
    Artifact, Message, Part, PartContent, StreamResponse, Task, TaskArtifactUpdateEvent, TaskState,
    TaskStatus,
};
use serde_json::Value;

use super::outcome;
use super::turn::Turn;
use crate::control::{AnswerRefused, Direction, LineKind, TranscriptLine};
use crate::domain::{DispatchId, DispatchState, PeerText};

/// The artifact of the reply, at peers that keep to our extension.
const REPLY: &str = "reply";

/// Which artifact is the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyRule {
    /// The one that is called so.
    Named,
    /// The one that is called so, else the first with text.
    FirstText,
}

/// What every line of an event shares.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// Whose.
    pub dispatch_id: DispatchId,
    /// RFC 3339, UTC.
    pub at: String,
    /// Which artifact is the reply.
    pub rule: ReplyRule,
}

/// An empty line of ours or theirs.
pub(super) fn blank(id: DispatchId, at: String, kind: LineKind, from: Direction) -> TranscriptLine {
    TranscriptLine {
        v: 1,
        seq: 0,
        event: None,
        at,
        kind,
        dispatch_id: id,
        task_id: None,
        message_id: None,
        direction: from,
        parts: Vec::new(),
        delta: None,
        state: None,
        usage: None,
    }
}

/// A line that tells something we noticed.
pub(super) fn note(id: DispatchId, at: String, text: &str) -> TranscriptLine {
    let mut line = blank(id, at, LineKind::Note, Direction::Out);
    line.parts = vec![serde_json::json!({ "text": text })];
    line
}

/// What marks the note of an answer that was refused, so that it is known again when the transcript is read.
const ANSWER_REFUSED: &str = "answer_refused";

/// A note that the peer did not take an answer.
pub(super) fn answer_refused(
    id: DispatchId,
    refused: &AnswerRefused,
    text: &str,
) -> TranscriptLine {
    let mut line = blank(id, refused.at.clone(), LineKind::Note, Direction::Out);
    let metadata = serde_json::json!({ ANSWER_REFUSED: refused });
    line.parts = vec![serde_json::json!({ "text": text, "metadata": metadata })];
    line
}

/// The refused answer that a note tells of; `None` for other notes.
pub(super) fn refused_in(note: &TranscriptLine) -> Option<AnswerRefused> {
    let refused = note.parts.first()?.get("metadata")?.get(ANSWER_REFUSED)?;
    serde_json::from_value(refused.clone()).ok()
}

/// The lines of one event, in order.
pub(super) fn lines_of(event: &PeerEvent, turn: &Turn, stamp: &Stamp) -> Vec<TranscriptLine> {
    let maker = Maker { stamp, turn };
    let mut lines = match &event.body {
        StreamResponse::Task(task) => maker.task(task),
        StreamResponse::Message(message) => vec![maker.sole_message(message)],
        StreamResponse::StatusUpdate(update) => {
            let usage = usage_of(update.metadata.as_ref());
            let mut lines = maker.status(&update.status, usage);
            name(&mut lines, &update.task_id);
            lines
        }
        StreamResponse::ArtifactUpdate(update) => vec![maker.artifact_update(update)],
    };
    for line in &mut lines {
        line.event = event.id;
    }
    lines
}

struct Maker<'a> {
    stamp: &'a Stamp,
    turn: &'a Turn,
}

impl Maker<'_> {
    fn line(&self, kind: LineKind) -> TranscriptLine {
        let Stamp {
            dispatch_id, at, ..
        } = self.stamp;
        blank(*dispatch_id, at.clone(), kind, Direction::In)
    }

    /// A snapshot: what of it is not known yet, then the state.
    fn task(&self, task: &Task) -> Vec<TranscriptLine> {
        let mut lines = Vec::new();
        let mut reply_seen = false;
        for artifact in task.artifacts.iter().flatten() {
            if !reply_seen && self.is_reply(artifact) {
                reply_seen = true;
                if text_of(&artifact.parts) != self.turn.reply() {
                    lines.push(self.reply(artifact));
                }
            } else if !self.turn.has_artifact(&json(artifact)) {
                lines.push(self.further(artifact));
            }
        }
        lines.extend(self.status(&task.status, usage_of(task.metadata.as_ref())));
        name(&mut lines, &task.id);
        let changed = lines
            .last()
            .is_some_and(|last| last.state != self.turn.state());
        lines.retain(|line| self.is_news(line, changed));
        lines
    }

    /// Whether a line of a snapshot says what was not known; a peer that is asked again and again says the same.
    fn is_news(&self, line: &TranscriptLine, changed: bool) -> bool {
        let state = line.state != self.turn.state() && line.state.is_some();
        let usage = line.usage.is_some() && line.usage != self.turn.told_usage();
        let first = self.turn.task_id().is_none();
        let content = match line.kind {
            LineKind::State | LineKind::Usage => false,
            LineKind::Message => !self.turn.has_told(&line.parts),
            LineKind::Event => changed,
            LineKind::Delta | LineKind::Reply | LineKind::Artifact | LineKind::Note => true,
        };
        state || usage || first || content
    }

    fn sole_message(&self, message: &Message) -> TranscriptLine {
        TranscriptLine {
            message_id: Some(message.message_id.clone()),
            task_id: message.task_id.as_deref().and_then(usable),
            parts: message.parts.iter().map(json).collect(),
            state: Some(DispatchState::Completed),
            usage: usage_of(message.metadata.as_ref()),
            ..self.line(LineKind::Reply)
        }
    }

    fn status(&self, status: &TaskStatus, usage: Option<Usage>) -> Vec<TranscriptLine> {
        let events = status.message.as_ref().map(events_of).unwrap_or_default();
        let mut end = None;
        let mut lines = Vec::with_capacity(events.len() + 1);
        for event in &events {
            if let FleetEvent::End { reason, .. } = event {
                end = *reason;
            }
            let mut line = self.line(LineKind::Event);
            line.parts = vec![json(&event_part(event))];
            lines.push(line);
        }
        let parts = status.message.iter().flat_map(|message| &message.parts);
        let said: Vec<Value> = parts.filter(|part| !is_event(part)).map(json).collect();
        if !said.is_empty() {
            let mut line = self.line(LineKind::Message);
            line.message_id = status.message.as_ref().map(|m| m.message_id.clone());
            line.parts = said;
            lines.insert(0, line);
        }
        if lines.is_empty() {
            let only_usage = usage.is_some() && self.turn.state() == state_of(&status.state, end);
            lines.push(self.line(if only_usage {
                LineKind::Usage
            } else {
                LineKind::State
            }));
        }
        if let Some(last) = lines.last_mut() {
            last.state = state_of(&status.state, end);
            last.usage = usage;
        }
        lines
    }

    fn artifact_update(&self, update: &TaskArtifactUpdateEvent) -> TranscriptLine {
        let artifact = &update.artifact;
        let append = update.append == Some(true);
        let last = update.last_chunk == Some(true);
        let mut line = if !self.is_reply(artifact) {
            self.further(artifact)
        } else if only_text(&artifact.parts) && (append || (!last && self.turn.reply().is_empty()))
        {
            let mut line = self.line(LineKind::Delta);
            line.delta = Some(PeerText::new(text_of(&artifact.parts)));
            line
        } else {
            self.reply(artifact)
        };
        line.task_id = usable(&update.task_id);
        line.usage = usage_of(update.metadata.as_ref());
        line
    }

    fn reply(&self, artifact: &Artifact) -> TranscriptLine {
        let mut line = self.line(LineKind::Reply);
        line.parts = artifact.parts.iter().map(json).collect();
        line
    }

    /// Another artifact: its one part is the whole artifact, so that its name and id are kept.
    fn further(&self, artifact: &Artifact) -> TranscriptLine {
        let mut line = self.line(LineKind::Artifact);
        line.parts = vec![json(artifact)];
        line
    }

    fn is_reply(&self, artifact: &Artifact) -> bool {
        if artifact.name.as_deref() == Some(REPLY) {
            return true;
        }
        match self.stamp.rule {
            ReplyRule::Named => false,
            ReplyRule::FirstText => {
                only_text(&artifact.parts) && self.turn.takes_as_reply(&artifact.artifact_id)
            }
        }
    }
}

fn name(lines: &mut [TranscriptLine], task_id: &str) {
    for line in lines {
        line.task_id = usable(task_id);
    }
}

/// A task id that can be asked for again.
fn usable(task_id: &str) -> Option<String> {
    TaskId::new(task_id).ok().map(String::from)
}

/// The dispatch's state after a status; `None` while the peer has only accepted, because no turn runs yet.
fn state_of(state: &TaskState, end: Option<EndReason>) -> Option<DispatchState> {
    match state {
        TaskState::Unspecified | TaskState::Submitted => None,
        TaskState::Working => Some(DispatchState::Working),
        TaskState::InputRequired => Some(DispatchState::InputRequired),
        TaskState::AuthRequired => Some(DispatchState::Failed),
        TaskState::Completed | TaskState::Failed | TaskState::Canceled | TaskState::Rejected => {
            Some(outcome::end_state(state, end))
        }
    }
}

/// Whether a part is an event of ours; [`events_of`] has read it then.
fn is_event(part: &Part) -> bool {
    let marked = part.metadata.as_ref();
    let marked = marked.is_some_and(|metadata| metadata.contains_key(events::URI));
    marked && matches!(part.content, PartContent::Data(_))
}

fn only_text(parts: &[Part]) -> bool {
    parts.iter().all(|part| part.as_text().is_some())
}

fn text_of(parts: &[Part]) -> String {
    parts.iter().filter_map(Part::as_text).collect()
}

/// A wire type as JSON; they all have one.
fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
