//! What is known of a turn, drawn from its transcript lines alone.
//!
//! Owns: [`Turn`]. The same function sees lines that come and lines that were read again after a restart, so both lead
//! to the same place.

pub(super) use fleet_a2a::contract::MAX_REPLY_BYTES;
use fleet_a2a::ext::question::check_questions;
use fleet_a2a::ext::{Decision, EndReason, FleetEvent, PermissionRequest, Refusal, Usage};
use serde_json::Value;

use super::lines::refused_in;
use crate::control::{AnswerRefused, Direction, LineKind, TranscriptLine};
use crate::domain::DispatchState;

/// Open permission requests kept: an agent asks one at a time, a hostile one floods.
const MAX_PERMISSIONS: usize = 32;
/// Refusals and artifacts kept for the view; the transcript has all.
const MAX_KEPT: usize = 200;
/// Longest line about the last event, in characters.
const LAST_CHARS: usize = 200;
/// How far back the line that grows is looked for; a longer one is shown from there.
const LAST_LINE_BYTES: usize = 1024;

/// How the peer ended its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PeerEnd {
    /// The state.
    pub state: DispatchState,
    /// Its reason, where it told one.
    pub reason: Option<EndReason>,
    /// One sentence of the peer's, or nothing.
    pub detail: String,
}

/// What is known of a turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn {
    task_id: Option<String>,
    last_event: Option<u64>,
    lines_of_last: usize,
    message_told: bool,
    state: Option<DispatchState>,
    reply: String,
    reply_bytes: u64,
    reply_artifact: Option<String>,
    artifacts: Vec<Value>,
    permissions: Vec<PermissionRequest>,
    answer_refused: Option<AnswerRefused>,
    refused: Vec<Refusal>,
    end: Option<(Option<EndReason>, String)>,
    usage: Option<Usage>,
    told: String,
    last: String,
}

impl Turn {
    /// Takes in the next line.
    pub(super) fn see(&mut self, line: &TranscriptLine) {
        if let Some(event) = line.event {
            if self.last_event == Some(event) {
                self.lines_of_last += 1;
            } else {
                (self.last_event, self.lines_of_last) = (Some(event), 1);
            }
        }
        match line.kind {
            LineKind::Message if line.direction == Direction::Out => self.message_told = true,
            LineKind::Message => {
                self.told = text_of(&line.parts);
                self.remark(&self.told.clone());
            }
            LineKind::Delta => self.add_text(line),
            LineKind::Reply => self.set_reply(&text_of(&line.parts)),
            LineKind::Artifact => self.add_artifact(line),
            LineKind::Event => self.see_event(line),
            LineKind::Note => {
                if let Some(refused) = refused_in(line) {
                    self.remark("did not take the answer");
                    self.answer_refused = Some(refused);
                }
            }
            LineKind::State | LineKind::Usage => {}
        }
        if line.direction == Direction::In {
            self.see_frame(line);
        }
    }

    fn see_frame(&mut self, line: &TranscriptLine) {
        if let Some(task) = &line.task_id {
            self.task_id = Some(task.clone());
        }
        if let Some(usage) = line.usage {
            self.usage = Some(self.usage.map_or(usage, |known| known.max(usage)));
        }
        let Some(state) = line.state else { return };
        if state != DispatchState::InputRequired {
            self.permissions.clear();
        }
        if self.ended_state().is_none() {
            self.state = Some(state);
        }
    }

    fn see_event(&mut self, line: &TranscriptLine) {
        let data = line.parts.first().and_then(|part| part.get("data"));
        let Some(event) = data.and_then(|d| serde_json::from_value(d.clone()).ok()) else {
            return;
        };
        match event {
            FleetEvent::Session { .. }
            | FleetEvent::Thought { .. }
            | FleetEvent::Subagent { .. } => {}
            FleetEvent::ToolCall { tool, .. } => self.remark(&format!("calls {tool}")),
            FleetEvent::ToolResult { is_error, .. } => self.remark(if is_error {
                "a tool failed"
            } else {
                "a tool came back"
            }),
            FleetEvent::Retry { text, .. } => self.remark(&format!("tries again: {text}")),
            FleetEvent::Note { text } => self.remark(&text),
            FleetEvent::PermissionRequest(request) => self.ask(request),
            FleetEvent::PermissionAnswered { request_id, .. } => {
                self.permissions
                    .retain(|open| open.request_id != request_id);
            }
            FleetEvent::End {
                reason,
                detail,
                refused,
            } => {
                self.refused = refused.into_iter().take(MAX_KEPT).collect();
                self.end = Some((reason, detail));
            }
        }
    }

    fn ask(&mut self, mut request: PermissionRequest) {
        // More than anybody could be shown is not answered: it can be denied, and its arguments tell what was asked.
        if check_questions(&request.questions).is_err() {
            request.questions.clear();
            request.choices = vec![Decision::Deny];
        }
        match request.questions.first() {
            Some(question) => self.remark(&format!("asks: {}", question.question)),
            None => self.remark(&format!("asks to use {}", request.tool)),
        }
        let known = |open: &PermissionRequest| open.request_id == request.request_id;
        if self.permissions.len() < MAX_PERMISSIONS && !self.permissions.iter().any(known) {
            self.permissions.push(request);
        }
    }

    fn add_text(&mut self, line: &TranscriptLine) {
        let text = line.delta.as_ref().map_or("", |delta| delta.raw());
        self.reply_bytes += text.len() as u64;
        let room = MAX_REPLY_BYTES.saturating_sub(self.reply.len());
        self.reply.push_str(&text[..text.floor_char_boundary(room)]);
        self.last = self.last_line();
    }

    /// The line that grows: a delta alone is often less than a word.
    fn last_line(&self) -> String {
        let near = self.reply.len().saturating_sub(LAST_LINE_BYTES);
        let tail = &self.reply[self.reply.ceil_char_boundary(near)..];
        first_line(tail.lines().rev())
    }

    fn set_reply(&mut self, text: &str) {
        self.reply_bytes = text.len() as u64;
        self.reply = text[..text.floor_char_boundary(MAX_REPLY_BYTES)].to_owned();
        let first = first_line(self.reply.lines());
        if !first.is_empty() {
            self.last = first;
        }
    }

    fn add_artifact(&mut self, line: &TranscriptLine) {
        if self.artifacts.len() < MAX_KEPT {
            self.artifacts.extend(line.parts.iter().cloned());
        }
    }

    /// Keeps one line of a text: the last that is not blank.
    fn remark(&mut self, text: &str) {
        let line = first_line(text.lines().rev());
        if !line.is_empty() {
            self.last = line;
        }
    }

    /// Whether an artifact of a peer without our extension is its reply: the first one with text is.
    pub(super) fn takes_as_reply(&self, artifact_id: &str) -> bool {
        match &self.reply_artifact {
            Some(known) => known == artifact_id,
            None => true,
        }
    }

    /// Remembers which artifact of such a peer is its reply.
    pub(super) fn reply_is(&mut self, artifact_id: &str) {
        self.reply_artifact
            .get_or_insert_with(|| artifact_id.to_owned());
    }

    pub(super) fn has_artifact(&self, artifact: &Value) -> bool {
        self.artifacts.contains(artifact)
    }

    /// The peer's task, once known.
    pub(super) fn task_id(&self) -> Option<&str> {
        self.task_id.as_deref()
    }

    /// The number of the last event that stands in the transcript, and how many lines of it do.
    pub(super) fn last_event(&self) -> Option<(u64, usize)> {
        self.last_event.map(|event| (event, self.lines_of_last))
    }

    /// Whether our message stands in the transcript.
    pub(super) fn message_told(&self) -> bool {
        self.message_told
    }

    /// The state after the last line that had one; `None` before the turn began.
    pub(super) fn state(&self) -> Option<DispatchState> {
        self.state
    }

    fn ended_state(&self) -> Option<DispatchState> {
        self.state.filter(|state| state.is_final())
    }

    /// Whether a turn ever began, as far as the peer told.
    pub(super) fn started(&self) -> bool {
        self.reply_bytes > 0
            || matches!(
                self.state,
                Some(
                    DispatchState::Working
                        | DispatchState::InputRequired
                        | DispatchState::Completed
                )
            )
            || self.usage.is_some_and(|usage| usage.turns > 0)
    }

    /// How the peer ended its task; `None` while it has not.
    pub(super) fn end(&self) -> Option<PeerEnd> {
        let state = self.ended_state()?;
        let (reason, detail) = self.end.clone().unwrap_or_default();
        let detail = if detail.is_empty() && state != DispatchState::Completed {
            self.told.clone()
        } else {
            detail
        };
        Some(PeerEnd {
            state,
            reason,
            detail,
        })
    }

    /// The reply so far, at most [`MAX_REPLY_BYTES`].
    pub(super) fn reply(&self) -> &str {
        &self.reply
    }

    /// The final text: the reply, or, of a peer that only sent a status message, that.
    pub(super) fn final_text(&self) -> Option<&str> {
        [self.reply.as_str(), self.told.as_str()]
            .into_iter()
            .find(|text| !text.is_empty())
    }

    /// Whether the reply is longer than what is kept of it.
    pub(super) fn reply_is_cut(&self) -> bool {
        self.reply_bytes > self.reply.len() as u64
    }

    /// Further artifacts.
    pub(super) fn artifacts(&self) -> &[Value] {
        &self.artifacts
    }

    /// Open permission requests, oldest first.
    pub(super) fn permissions(&self) -> &[PermissionRequest] {
        &self.permissions
    }

    /// The last answer to an open request that the peer did not take.
    pub(super) fn answer_refused(&self) -> Option<&AnswerRefused> {
        let open = |refused: &&AnswerRefused| {
            let mut open = self.permissions.iter();
            open.any(|open| open.request_id == refused.request_id)
        };
        self.answer_refused.as_ref().filter(open)
    }

    /// A person answers: what became of the answer before does not matter any more.
    pub(super) fn answered_again(&mut self) {
        self.answer_refused = None;
    }

    /// What was refused.
    pub(super) fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// The last thing worth a line.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// What the peer told, as it stands.
    pub(super) fn told_usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether the last status message said just this.
    pub(super) fn has_told(&self, parts: &[Value]) -> bool {
        !self.told.is_empty() && self.told == text_of(parts)
    }

    /// What the peer told, else an estimate from bytes.
    pub(super) fn usage(&self, input_bytes: u64) -> Usage {
        self.usage.unwrap_or_else(|| self.estimate(input_bytes))
    }

    /// An estimate from bytes; nothing before the turn began.
    pub(super) fn estimate(&self, input_bytes: u64) -> Usage {
        if self.started() {
            Usage::estimate(input_bytes, self.reply_bytes)
        } else {
            Usage {
                estimated: true,
                ..Usage::default()
            }
        }
    }
}

fn text_of(parts: &[Value]) -> String {
    parts
        .iter()
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect()
}

/// The first line that is not blank, cut to what a list shows; empty where there is none.
fn first_line<'a>(mut lines: impl Iterator<Item = &'a str>) -> String {
    let line = lines.find(|line| !line.trim().is_empty()).unwrap_or("");
    line.trim().chars().take(LAST_CHARS).collect()
}
