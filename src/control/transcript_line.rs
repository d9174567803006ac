//! Transcripts as they are listed, and one line of one as it stands in the file.
//!
//! Owns: the JSON of a line, versioned by its `v`, and what one line says of the next. Does not own: the files, see the daemon's `transcript`.

use fleet_a2a::ext::{FleetEvent, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{DispatchId, DispatchState, PeerName, PeerText};

/// One transcript file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptView {
    /// Whose.
    pub peer: PeerName,
    /// `out`: we dispatched.
    pub origin: String,
    /// The conversation.
    pub context_id: String,
    /// The file, absolute.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// Last change (RFC 3339, UTC).
    pub updated_at: String,
}

/// One line of a transcript, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscriptLine {
    /// Version of this form: 1.
    pub v: u32,
    /// Counts from 1 within the file.
    pub seq: u64,
    /// The receiver's own event number, where the line came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// RFC 3339, UTC.
    pub at: String,
    /// What happened.
    pub kind: LineKind,
    /// Whose.
    pub dispatch_id: DispatchId,
    /// The peer's task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The message that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `out` from us, `in` from the peer.
    pub direction: Direction,
    /// A whole message's or artifact's parts, or one data part of an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Value>,
    /// A piece of text that follows the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<PeerText>,
    /// The state after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DispatchState>,
    /// Running totals after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What a transcript line records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A message, ours or theirs: the parts hold it.
    Message,
    /// A piece of the reply: the delta holds it.
    Delta,
    /// The whole reply: the parts hold it.
    Reply,
    /// A further artifact: the parts hold it.
    Artifact,
    /// An event inside the turn: the one data part is a `FleetEvent`.
    Event,
    /// The state changed.
    State,
    /// Usage changed.
    Usage,
    /// Something we noticed, such as a torn line that was healed.
    Note,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We to the peer.
    Out,
    /// The peer to us.
    In,
}

impl TranscriptLine {
    /// Whether this message of the peer only puts in words, for clients that do not know our events, what the line behind it
    /// says: then a reader that shows the event need not show the message.
    #[must_use]
    pub fn is_said_by(&self, next: &Self) -> bool {
        let is_theirs = self.kind == LineKind::Message && self.direction == Direction::In;
        let together = self.event.is_some() && self.event == next.event;
        if !is_theirs || !together || next.kind != LineKind::Event {
            return false;
        }
        let data = next.parts.first().and_then(|part| part.get("data"));
        match data.and_then(|data| serde_json::from_value(data.clone()).ok()) {
            Some(FleetEvent::PermissionRequest(_)) => true,
            Some(FleetEvent::End { detail, .. }) => self.parts.iter().all(|part| {
                let text = part.get("text").and_then(Value::as_str);
                text.is_some_and(|text| detail.contains(text.trim()))
            }),
            Some(_) | None => false,
        }
    }
}
