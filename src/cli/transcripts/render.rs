//! A transcript in words.
//!
//! Owns: how each line reads. Deltas are gathered until the reply that repeats them arrives, so that the text stands
//! there once; what was gathered when a turn ended otherwise is shown as it is. Does not own: printing.

use serde_json::Value;

use crate::cli::text;
use crate::control::{Direction, LineKind, TranscriptLine};
use crate::domain::SafeText;

/// Deltas that wait for their reply; more than a reply can hold (1 MiB) is shown at once.
const MAX_GATHERED_BYTES: usize = 1024 * 1024;

/// What is gathered so far.
#[derive(Debug, Default)]
pub(super) struct Render {
    gathered: String,
}

impl Render {
    /// What is to be printed for the next line.
    pub(super) fn line(&mut self, line: &TranscriptLine) -> Vec<SafeText> {
        let mut out = Vec::new();
        match line.kind {
            LineKind::Delta => {
                let delta = line.delta.as_ref().map_or("", |delta| delta.raw());
                self.gathered.push_str(delta);
                if self.gathered.len() > MAX_GATHERED_BYTES {
                    out.extend(self.rest());
                }
                return out;
            }
            LineKind::Usage => return out,
            LineKind::Reply => self.gathered.clear(),
            LineKind::Message
            | LineKind::Artifact
            | LineKind::Event
            | LineKind::State
            | LineKind::Note => {}
        }
        let is_end = line
            .state
            .is_some_and(crate::domain::DispatchState::is_final);
        if is_end {
            out.extend(self.rest());
        }
        out.push(heading(line));
        out.extend(body(line));
        out
    }

    /// Text of a turn that never came to its reply.
    pub(super) fn rest(&mut self) -> Option<SafeText> {
        let rest = std::mem::take(&mut self.gathered);
        (!rest.is_empty()).then(|| SafeText::of(&rest))
    }
}

fn heading(line: &TranscriptLine) -> SafeText {
    let who = match line.direction {
        Direction::Out => "we",
        Direction::In => "peer",
    };
    let what = match line.kind {
        LineKind::Message => "message".to_owned(),
        LineKind::Delta => "text".to_owned(),
        LineKind::Reply => "reply".to_owned(),
        LineKind::Artifact => "artifact".to_owned(),
        LineKind::Event => event_words(line.parts.first()),
        LineKind::State => line.state.map_or("state", text::state_words).to_owned(),
        LineKind::Usage => "usage".to_owned(),
        LineKind::Note => "note".to_owned(),
    };
    SafeText::line_of(&format!("[{} {}] {who}: {what}", line.seq, line.at))
}

/// An event's kind and its fields, as they were told.
fn event_words(part: Option<&Value>) -> String {
    let data = part.map(|part| part.get("data").unwrap_or(part));
    match data.and_then(Value::as_object) {
        Some(fields) => {
            let kind = fields
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or("event");
            let others = fields.iter().filter(|(key, _)| *key != "kind");
            let words: Vec<_> = others
                .map(|(key, value)| format!(" {key}={value}"))
                .collect();
            format!("{kind}{}", words.concat())
        }
        None => "event".to_owned(),
    }
}

fn body(line: &TranscriptLine) -> Vec<SafeText> {
    match line.kind {
        LineKind::Message | LineKind::Reply | LineKind::Artifact | LineKind::Note => {
            line.parts.iter().map(part_words).collect()
        }
        LineKind::Delta | LineKind::Event | LineKind::State | LineKind::Usage => Vec::new(),
    }
}

fn part_words(part: &Value) -> SafeText {
    match part.get("text").and_then(Value::as_str) {
        Some(text) => SafeText::of(text),
        None => SafeText::of(&part.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::samples;
    use crate::domain::DispatchState;

    fn line(seq: u64, kind: LineKind) -> TranscriptLine {
        TranscriptLine {
            v: 1,
            seq,
            event: None,
            at: "2025-11-21T08:00:00.000Z".to_owned(),
            kind,
            dispatch_id: samples::completed().dispatch_id,
            task_id: None,
            message_id: None,
            direction: Direction::In,
            parts: Vec::new(),
            delta: None,
            state: None,
            usage: None,
        }
    }

    fn words(lines: &[TranscriptLine]) -> String {
        let mut render = Render::default();
        let mut out: Vec<_> = lines.iter().flat_map(|line| render.line(line)).collect();
        out.extend(render.rest());
        out.iter().map(|text| format!("{text}\n")).collect()
    }

    fn delta(seq: u64, text: &str) -> TranscriptLine {
        TranscriptLine {
            delta: Some(text.into()),
            ..line(seq, LineKind::Delta)
        }
    }

    #[test]
    fn a_turn_with_a_reply_says_it_once() {
        let sent = TranscriptLine {
            direction: Direction::Out,
            parts: vec![
                json!({"text": "do it"}),
                json!({"data": {"context": "why"}}),
            ],
            ..line(1, LineKind::Message)
        };
        let tool = TranscriptLine {
            parts: vec![json!({"data": {"kind": "tool_call", "tool": "Write\u{1b}"}})],
            ..line(2, LineKind::Event)
        };
        let reply = TranscriptLine {
            parts: vec![json!({"text": "do\u{1b}[2Jne"})],
            ..line(5, LineKind::Reply)
        };
        let end = TranscriptLine {
            state: Some(DispatchState::Completed),
            ..line(6, LineKind::State)
        };
        let lines = [
            sent,
            tool,
            delta(3, "do"),
            delta(4, "\u{1b}[2Jne"),
            reply,
            end,
        ];
        insta::assert_snapshot!(words(&lines));
    }

    #[test]
    fn a_turn_that_was_cut_keeps_its_text() {
        let end = TranscriptLine {
            state: Some(DispatchState::Canceled),
            ..line(3, LineKind::State)
        };
        insta::assert_snapshot!(words(&[delta(1, "half "), delta(2, "a word"), end]));
        assert_eq!(words(&[delta(1, "torn")]), "torn\n");
    }
}
