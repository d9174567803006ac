//! A transcript in words.
//!
//! Owns: how each line reads: when, who, and what was said behind a column of its own. Deltas are gathered until something
//! else happens, and a reply that only repeats them is not said twice. Does not own: printing.

use fleet_a2a::ext::{Decision, FleetEvent};
use serde_json::Value;

use crate::cli::{question, text};
use crate::control::{Direction, LineKind, TranscriptLine};
use crate::domain::{DispatchId, SafeText};

/// Deltas that wait for what follows; more than a reply can hold (1 MiB) is shown at once.
const MAX_GATHERED_BYTES: usize = 1024 * 1024;
/// The column before the text: the time and who or what speaks.
const WHO: usize = 8;

/// What is gathered so far.
#[derive(Debug, Default)]
pub(super) struct Render {
    /// Whose lines come; another dispatch gets a heading.
    turn: Turn,
    gathered: String,
    gathered_at: String,
    /// The text of the turn that was said last.
    said: String,
    held: Held,
}

/// The dispatch of the last line.
#[derive(Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    None,
    Of(DispatchId),
}

/// A message that waits for the next line: it may only say in words what an event says.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Message(Box<TranscriptLine>),
}

impl Render {
    /// What is to be printed for the next line.
    pub(super) fn line(&mut self, line: &TranscriptLine) -> Vec<SafeText> {
        let mut out = self.release(line);
        if line.kind == LineKind::Delta {
            out.extend(self.gather(line));
            return out;
        }
        if line.kind == LineKind::Usage {
            return out;
        }
        out.extend(self.flush());
        if self.turn != Turn::Of(line.dispatch_id) {
            self.turn = Turn::Of(line.dispatch_id);
            out.push(SafeText::line_of(&format!(
                "dispatch {} at {}",
                line.dispatch_id, line.at
            )));
        }
        if line.kind == LineKind::Message && line.direction == Direction::In && line.event.is_some()
        {
            self.held = Held::Message(Box::new(line.clone()));
            return out;
        }
        out.extend(self.words(line));
        out
    }

    /// What waited for a next line that does not come.
    pub(super) fn rest(&mut self) -> Vec<SafeText> {
        let mut out = Vec::new();
        if let Held::Message(message) = std::mem::take(&mut self.held) {
            out.extend(self.words(&message));
        }
        out.extend(self.flush());
        out
    }

    /// The message that waited, unless this line is the event that it put in words.
    fn release(&mut self, next: &TranscriptLine) -> Vec<SafeText> {
        match std::mem::take(&mut self.held) {
            Held::Nothing => Vec::new(),
            Held::Message(held) if held.is_said_by(next) => Vec::new(),
            Held::Message(held) => self.words(&held),
        }
    }

    fn gather(&mut self, line: &TranscriptLine) -> Option<SafeText> {
        let delta = line.delta.as_ref().map_or("", |delta| delta.raw());
        if self.gathered.is_empty() {
            self.gathered_at.clone_from(&line.at);
        }
        self.gathered.push_str(delta);
        if self.gathered.len() > MAX_GATHERED_BYTES {
            self.flush()
        } else {
            None
        }
    }

    fn flush(&mut self) -> Option<SafeText> {
        let text = std::mem::take(&mut self.gathered);
        let text = text.trim_matches('\n');
        if text.trim().is_empty() {
            return None;
        }
        text.clone_into(&mut self.said);
        Some(row(&self.gathered_at, "peer", text))
    }

    fn words(&mut self, line: &TranscriptLine) -> Vec<SafeText> {
        let said = |who: &str, text: &str| vec![row(&line.at, who, text)];
        let parts = || {
            let texts: Vec<_> = line.parts.iter().flat_map(part_words).collect();
            texts.join("\n")
        };
        match line.kind {
            LineKind::Message => match line.direction {
                Direction::Out => said("we", &parts()),
                Direction::In => said("peer", &parts()),
            },
            LineKind::Reply => {
                let reply = parts();
                match reply.trim() {
                    "" => said("reply", "empty"),
                    text if text == self.said.trim() => Vec::new(),
                    text => said("reply", text),
                }
            }
            LineKind::Artifact => said("file", &parts()),
            LineKind::Note => said("note", &parts()),
            LineKind::Event => event(line),
            LineKind::State => match line.state {
                Some(state) => said("state", text::state_words(state)),
                None => Vec::new(),
            },
            LineKind::Delta | LineKind::Usage => Vec::new(),
        }
    }
}

/// Time and speaker once, the text beside them.
fn row(at: &str, who: &str, text: &str) -> SafeText {
    let time = at.get(11..19).unwrap_or(at);
    let indent = " ".repeat(time.len() + 1 + WHO);
    let mut out = String::new();
    for (i, one) in text.trim_end().split('\n').enumerate() {
        match (i, one) {
            (0, _) => out.push_str(&format!("{time} {who:<WHO$}{one}")),
            (_, "") => out.push('\n'),
            (_, _) => out.push_str(&format!("\n{indent}{one}")),
        }
    }
    SafeText::of(&out)
}

/// An event in words; one that we do not know as it was told.
fn event(line: &TranscriptLine) -> Vec<SafeText> {
    let Some(part) = line.parts.first() else {
        return Vec::new();
    };
    let data = part.get("data").unwrap_or(part);
    let (who, text) = match serde_json::from_value::<FleetEvent>(data.clone()) {
        Ok(event) => event_words(event, line),
        Err(_unknown) => ("event", data.to_string()),
    };
    let mut out = Vec::new();
    if !text.is_empty() {
        out.push(row(&line.at, who, &text));
    }
    if let Some(state) = line.state.filter(|state| state.is_final()) {
        out.push(row(&line.at, "end", text::state_words(state)));
    }
    out
}

fn event_words(event: FleetEvent, line: &TranscriptLine) -> (&'static str, String) {
    match event {
        FleetEvent::Session { session_id } => ("session", session_id),
        FleetEvent::Thought { text } => ("thought", text),
        FleetEvent::Subagent { text, .. } => ("subagent", text),
        FleetEvent::ToolCall {
            tool, arguments, ..
        } => ("tool", format!("{tool} {arguments}")),
        FleetEvent::ToolResult { text, is_error, .. } => {
            (if is_error { " failed" } else { " result" }, text)
        }
        FleetEvent::Retry {
            attempt,
            max_attempts,
            text,
        } => ("retry", format!("{attempt} of {max_attempts}: {text}")),
        FleetEvent::Note { text } => ("note", text),
        FleetEvent::PermissionRequest(request) if !request.questions.is_empty() => {
            ("asks", question::lines(&request).join("\n"))
        }
        FleetEvent::PermissionRequest(request) => (
            "asks",
            format!(
                "{} {} (request {})",
                request.tool, request.arguments, request.request_id
            ),
        ),
        FleetEvent::PermissionAnswered {
            decision: Decision::Allow,
            answers,
            ..
        } if !answers.is_empty() => ("answer", question::chosen(&answers)),
        FleetEvent::PermissionAnswered {
            decision, reason, ..
        } => {
            let word = match decision {
                Decision::Allow => "allow",
                Decision::Always => "always",
                Decision::Deny => "deny",
            };
            let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            ("answer", format!("{word}{because}"))
        }
        // The state stands in the line of the end.
        FleetEvent::End { detail, .. } => {
            (if line.state.is_some() { "peer" } else { "end" }, detail)
        }
    }
}

/// A part in words: text as it is, the fields of a data part one a line.
fn part_words(part: &Value) -> Vec<String> {
    match (part.get("text").and_then(Value::as_str), part.get("data")) {
        (Some(text), _) => vec![text.to_owned()],
        (None, Some(Value::Object(fields))) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {}", text.trim_end()),
                other => format!("{name}: {other}"),
            })
            .collect(),
        (None, Some(_) | None) => vec![part.to_string()],
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
        assert_eq!(words(&[delta(1, "torn")]), "08:00:00 peer    torn\n");
    }
}
