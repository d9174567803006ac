//! The stream of one dispatch: opening it, its lines, and scrolling.
//!
//! Owns: what each transcript line looks like as text. Does not own: wrapping and bounds, see the model.

use fleet_a2a::ext::{Decision, EndReason, FleetEvent, PermissionRequest, Question};
use serde_json::Value;

use crate::control::{Command, Direction, DispatchView, FleetSnapshot, LineKind, TranscriptLine};
use crate::domain::{DispatchId, Failure, PeerText};
use crate::tui::format;
use crate::tui::model::{Feed, Ink, Model, Stream, StreamModel, View};
use crate::tui::msg::Effect;
use crate::tui::theme::Role;
use crate::tui::views;

use super::call::call_text;

/// Opens the stream of a dispatch and follows it; the open one goes on.
pub(crate) fn open(model: &mut Model, view: DispatchView) -> Vec<Effect> {
    model.view = View::Stream;
    if let Stream::Open(stream) = &model.stream
        && stream.id() == view.dispatch_id
        && !matches!(stream.feed, Feed::Broken(_))
    {
        return Vec::new();
    }
    let stream = StreamModel::new(view, views::stream_width(model.columns));
    let effect = follow(&stream);
    model.stream = Stream::Open(Box::new(stream));
    vec![effect]
}

fn follow(stream: &StreamModel) -> Effect {
    Effect::Follow {
        dispatch_id: stream.id(),
        from_seq: stream.next_seq,
    }
}

/// A snapshot came: the header is newer, and a broken feed is asked for again.
pub(super) fn refresh(model: &mut Model, snapshot: &FleetSnapshot) -> Vec<Effect> {
    let Stream::Open(stream) = &mut model.stream else {
        return Vec::new();
    };
    let id = stream.id();
    if let Some(view) = snapshot.dispatches.iter().find(|d| d.dispatch_id == id) {
        stream.usage = stream.usage.max(view.usage);
        stream.view = view.clone();
    }
    match stream.feed {
        Feed::Broken(_) => {
            stream.feed = Feed::Live;
            vec![follow(stream)]
        }
        Feed::Live | Feed::Ended => Vec::new(),
    }
}

/// Scrolls the text; the end follows again.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let height = views::stream_rows(model);
    if let Stream::Open(stream) = &mut model.stream {
        stream.scroll(by, height);
    }
}

/// There are no further lines, or they cannot be had.
pub(super) fn feed_ended(
    model: &mut Model,
    dispatch_id: DispatchId,
    result: Result<(), Failure>,
) -> Vec<Effect> {
    if let Stream::Open(stream) = &mut model.stream
        && stream.id() == dispatch_id
    {
        stream.feed = match result {
            Ok(()) => Feed::Ended,
            Err(failure) => Feed::Broken(failure),
        };
    }
    Vec::new()
}

/// Further lines; those of another dispatch, or already seen, are dropped.
pub(super) fn lines(
    model: &mut Model,
    dispatch_id: DispatchId,
    lines: &[TranscriptLine],
) -> Vec<Effect> {
    if let Stream::Open(stream) = &mut model.stream
        && stream.id() == dispatch_id
    {
        for (i, line) in lines.iter().enumerate() {
            let next = lines.get(i + 1);
            let is_said = |line: &TranscriptLine| next.is_some_and(|next| line.is_said_by(next));
            if line.seq >= stream.next_seq {
                stream.next_seq = line.seq + 1;
                if line.dispatch_id == dispatch_id && !is_said(line) {
                    take(stream, line);
                }
            }
        }
    }
    Vec::new()
}

fn take(stream: &mut StreamModel, line: &TranscriptLine) {
    if let Some(usage) = line.usage {
        stream.usage = stream.usage.max(usage);
    }
    match line.kind {
        LineKind::Message => message(stream, line),
        LineKind::Delta => {
            if let Some(delta) = &line.delta {
                stream.append(Ink::Reply, delta);
            }
        }
        LineKind::Reply => reply(stream, line),
        LineKind::Artifact => {
            for part in &line.parts {
                stream.push(Ink::Note, &labelled("artifact: ", part_text(part)));
            }
        }
        LineKind::Event => {
            for part in &line.parts {
                event(stream, part);
            }
        }
        LineKind::State => state(stream, line),
        LineKind::Usage => {}
        LineKind::Note => {
            let text = line.parts.iter().map(part_text).collect::<Vec<_>>();
            let said = line.delta.as_ref().map(|text| text.raw().to_owned());
            let text = said.unwrap_or_else(|| text.join(" "));
            stream.push(Ink::Note, &labelled("note: ", text));
        }
    }
}

fn labelled(label: &str, text: impl AsRef<str>) -> PeerText {
    PeerText::new(format!("{label}{}", text.as_ref()))
}

/// The text of a part as A2A has it: `text`, or `data` as JSON.
fn part_text(part: &Value) -> String {
    match (part.get("text").and_then(Value::as_str), part.get("data")) {
        (Some(text), _) => text.to_owned(),
        (None, Some(data)) => data.to_string(),
        (None, None) => part.to_string(),
    }
}

fn message(stream: &mut StreamModel, line: &TranscriptLine) {
    match line.direction {
        Direction::Out => {
            for (i, part) in line.parts.iter().enumerate() {
                match part.get("data").and_then(Value::as_object) {
                    Some(fields) => {
                        for (name, value) in fields {
                            let value = value
                                .as_str()
                                .map_or_else(|| value.to_string(), str::to_owned);
                            stream.push(Ink::Instruction, &labelled(&format!("{name}: "), value));
                        }
                    }
                    None => {
                        let label = if i == 0 { "> " } else { "" };
                        stream.push(Ink::Instruction, &labelled(label, part_text(part)));
                    }
                }
            }
        }
        Direction::In => {
            for part in &line.parts {
                stream.push(Ink::Reply, &PeerText::new(part_text(part)));
            }
        }
    }
}

fn reply(stream: &mut StreamModel, line: &TranscriptLine) {
    let text = line
        .parts
        .iter()
        .map(part_text)
        .collect::<Vec<_>>()
        .join("\n");
    if text.trim().is_empty() {
        stream.push(Ink::Note, &PeerText::new("the reply is empty"));
    } else if !stream.heard(&text) {
        stream.push(Ink::Note, &PeerText::new("the reply:"));
        stream.push(Ink::Reply, &PeerText::new(text));
    }
}

fn state(stream: &mut StreamModel, line: &TranscriptLine) {
    let Some(state) = line.state else {
        // The peer has it, and other turns have its places.
        stream.push(Ink::Note, &PeerText::new("accepted; it waits for its turn"));
        return;
    };
    let sign = format::state(state);
    let ink = match (state.is_final(), sign.role) {
        (true, Role::Good) => Ink::Good,
        (true, _) => Ink::Bad,
        (false, _) => Ink::Note,
    };
    stream.push(ink, &PeerText::new(format!("{} {}", sign.glyph, sign.word)));
}

fn event(stream: &mut StreamModel, part: &Value) {
    let data = part.get("data").unwrap_or(part);
    let Ok(event) = serde_json::from_value::<FleetEvent>(data.clone()) else {
        stream.push(Ink::Note, &labelled("event: ", data.to_string()));
        return;
    };
    match event {
        FleetEvent::Session { session_id } => {
            stream.push(Ink::Note, &labelled("session ", session_id));
        }
        FleetEvent::Thought { text } => stream.append(Ink::Thought, &PeerText::new(text)),
        FleetEvent::Subagent { text, .. } => {
            stream.push(Ink::Thought, &labelled("subagent: ", text));
        }
        FleetEvent::ToolCall {
            tool, arguments, ..
        } => stream.push(Ink::Tool, &call_text(&tool, &arguments)),
        FleetEvent::ToolResult { text, is_error, .. } => {
            let (ink, label) = if is_error {
                (Ink::ToolError, "tool failed: ")
            } else {
                (Ink::ToolResult, "")
            };
            stream.push(ink, &labelled(label, text));
        }
        FleetEvent::Retry {
            attempt,
            max_attempts,
            text,
        } => {
            let of = if max_attempts > 0 {
                format!(" of {max_attempts}")
            } else {
                String::new()
            };
            stream.push(
                Ink::Warning,
                &labelled(&format!("retry {attempt}{of}: "), text),
            );
        }
        FleetEvent::Note { text } => stream.push(Ink::Note, &labelled("note: ", text)),
        FleetEvent::PermissionRequest(request) => asks(stream, request),
        FleetEvent::PermissionAnswered {
            decision: Decision::Allow,
            answers,
            ..
        } if !answers.is_empty() => {
            let each: Vec<String> = answers.iter().map(|one| one.0.join(", ")).collect();
            stream.push(Ink::Ask, &labelled("answered: ", each.join("; ")));
        }
        FleetEvent::PermissionAnswered {
            decision, reason, ..
        } => answered(stream, decision, reason),
        FleetEvent::End { reason, detail, .. } => end(stream, reason, detail),
    }
}

fn asks(stream: &mut StreamModel, request: PermissionRequest) {
    for question in &request.questions {
        stream.push(Ink::Ask, &labelled("asks you: ", question_text(question)));
    }
    if !request.questions.is_empty() {
        return;
    }
    let call = call_text(&request.tool, &request.arguments);
    // The call stands right above in most cases; the person need not read it twice.
    let text = if stream.ends_with(Ink::Tool, &call) {
        request.tool
    } else {
        call.raw().to_owned()
    };
    stream.push(Ink::Ask, &labelled("asks for permission: ", text));
}

/// A question and what it offers, an option a line.
fn question_text(question: &Question) -> String {
    let mut text = question.question.clone();
    for (n, option) in question.options.iter().enumerate() {
        text.push_str(&format!("\n  {} {}", n + 1, option.label));
    }
    text
}

fn answered(stream: &mut StreamModel, decision: Decision, reason: Option<String>) {
    let word = match decision {
        Decision::Allow => "allowed",
        Decision::Always => "allowed always",
        Decision::Deny => "denied",
    };
    let because = reason.map(|text| format!(": {text}")).unwrap_or_default();
    stream.push(Ink::Ask, &labelled(word, because));
}

/// Refused tools stand in the verdict below the text, so they are not told here.
fn end(stream: &mut StreamModel, reason: Option<EndReason>, detail: String) {
    let word = reason.map(|reason| match reason {
        EndReason::Canceled => "canceled",
        EndReason::Budget => "the grant was used up",
        EndReason::Deadline => "the deadline passed",
        EndReason::Interrupted => "interrupted",
        EndReason::AgentError => "the agent failed",
        EndReason::Unauthenticated => "the agent has no valid login",
        EndReason::Untrusted => "the settings of the repo are not accepted",
    });
    match word {
        // The verdict below the text tells the detail.
        Some(word) => stream.push(Ink::Bad, &PeerText::new(word)),
        None if !detail.is_empty() => stream.push(Ink::Note, &PeerText::new(detail)),
        None => {}
    }
}

/// What is asked of the daemon to follow a dispatch.
pub(crate) fn follow_command(dispatch_id: DispatchId, from_seq: u64) -> Command {
    Command::Follow {
        dispatch_id,
        from_seq,
        follow: true,
    }
}
