//! What one transcript line says of another.
//!
//! Owns: telling a message that only repeats an event, for all who show transcripts. Does not own: the lines' form.

use fleet_a2a::ext::FleetEvent;
use serde_json::Value;

use super::types::{Direction, LineKind, TranscriptLine};

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
