//! From an event of the peer to lines of the transcript.
//!
//! Owns: the mapping, a pure function. The line that carries the state comes last, so that a transcript in which an end
//! can be seen has all of that event.

use fleet_a2a::client::PeerEvent;
use fleet_a2a::ext::{EndReason, FleetEvent, Usage, events, usage};
use fleet_a2a::types::{
    Artifact, Message, Part, PartContent, StreamResponse, Task, TaskArtifactUpdateEvent, TaskState,
    TaskStatus,
};
use serde_json::Value;

use super::outcome;
use super::turn::Turn;
use crate::control::{Direction, LineKind, TranscriptLine};
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
        lines
    }

    fn sole_message(&self, message: &Message) -> TranscriptLine {
        TranscriptLine {
            message_id: Some(message.message_id.clone()),
            task_id: message.task_id.clone(),
            parts: message.parts.iter().map(json).collect(),
            state: Some(DispatchState::Completed),
            usage: usage_of(message.metadata.as_ref()),
            ..self.line(LineKind::Reply)
        }
    }

    fn status(&self, status: &TaskStatus, usage: Option<Usage>) -> Vec<TranscriptLine> {
        let parts = status.message.iter().flat_map(|message| &message.parts);
        let (mut lines, mut said, mut end) = (Vec::new(), Vec::new(), None);
        for part in parts {
            match fleet_event(part) {
                Some(event) => {
                    if let FleetEvent::End { reason, .. } = event {
                        end = reason;
                    }
                    let mut line = self.line(LineKind::Event);
                    line.parts = vec![json(part)];
                    lines.push(line);
                }
                None => said.push(json(part)),
            }
        }
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
        line.task_id = Some(update.task_id.clone());
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
        line.task_id = Some(task_id.to_owned());
    }
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

/// The event of ours in a part, if it is one.
pub(super) fn fleet_event(part: &Part) -> Option<FleetEvent> {
    let PartContent::Data(data) = &part.content else {
        return None;
    };
    part.metadata.as_ref()?.get(events::URI)?;
    serde_json::from_value(data.clone()).ok()
}

fn usage_of(metadata: Option<&std::collections::HashMap<String, Value>>) -> Option<Usage> {
    serde_json::from_value(metadata?.get(usage::URI)?.clone()).ok()
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
