//! What the CLI's lines mean.
//!
//! Owns: the state machine from lines to events. No I/O; no line makes it panic, and what it does not know it leaves out.

use fleet_a2a::ext::{Decision, PermissionRequest, Refusal, Usage};
use serde_json::Value;

use super::outcome::Known;
use super::question;
use super::usage::Meter;
use super::whose::Whose;
use super::words::{bounded, result_text, retry, text};
use crate::adapter::AdapterEvent;

/// Notes about lines that are not JSON, before they are ignored.
const BAD_LINE_NOTES: u32 = 3;
/// Characters shown of such a line.
const SHOWN_CHARS: usize = 200;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Something to tell on.
    Event(AdapterEvent),
    /// It waits for a permission.
    Ask(Ask),
    /// It no longer waits for the permission of this id.
    Withdrawn(String),
    /// It asks for something that we do not serve.
    Unserved {
        /// Whom to answer.
        request_id: String,
        /// What it asked for.
        subtype: String,
    },
    /// It begins to work on the message.
    Began,
    /// What a subagent says. It is no part of the reply.
    Subagent {
        /// The call of the tool that it works for.
        call_id: String,
        /// Its words.
        text: String,
    },
    /// The turn is over: the result line.
    Result(Value),
}

/// A permission it waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// Names it in the answer.
    pub(super) request_id: String,
    /// The tool.
    pub(super) tool: String,
    /// The tool's arguments.
    pub(super) input: Value,
    /// Pairs it with its call.
    pub(super) call_id: String,
    /// What the CLI would grant for an answer of "always".
    pub(super) suggestions: Vec<Value>,
}

impl Ask {
    /// As it is told to a person.
    pub(super) fn request(&self) -> PermissionRequest {
        let questions = question::questions(self);
        let mut choices = vec![Decision::Allow, Decision::Deny];
        // An answer is about its question; it cannot be given for ever.
        if questions.is_empty() && !super::grants::updates(&self.suggestions).is_empty() {
            choices.push(Decision::Always);
        }
        PermissionRequest {
            request_id: self.request_id.clone(),
            tool: self.tool.clone(),
            arguments: self.input.clone(),
            choices,
            expires_at: String::new(),
            questions,
        }
    }
}

/// Reads the lines of one process.
#[derive(Debug, Default)]
pub(super) struct Parser {
    meter: Meter,
    /// What the process spent before this turn, as its last result said.
    spent_before: Usage,
    session: String,
    /// The message whose pieces were streamed last.
    streamed: String,
    /// Text was told, and the next is of another block.
    between_blocks: bool,
    told_text: bool,
    last_text: String,
    /// The CLI's word for what was wrong, in its last message.
    error: String,
    whose: Whose,
    bad_lines: u32,
    refused: Vec<(String, Refusal)>,
}

impl Parser {
    /// Knows the session that was asked for, to tell only of another one.
    pub(super) fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            ..Self::default()
        }
    }

    /// The process has spent so much before this turn.
    pub(super) fn after(mut self, spent: Usage) -> Self {
        self.spent_before = spent;
        self
    }

    /// The lines are for a turn as far as this says so.
    pub(super) fn for_turn(mut self, whose: Whose) -> Self {
        self.whose = whose;
        self
    }

    /// Whether the process said that it works on the turn's message.
    pub(super) fn was_told(&self) -> bool {
        self.whose.was_told()
    }

    /// What is known for judging the end.
    pub(super) fn known(&self, interrupted: bool) -> Known {
        Known {
            interrupted,
            error: self.error.clone(),
            last_text: self.last_text.clone(),
        }
    }

    /// A person refused what was asked for.
    pub(super) fn refuse(&mut self, ask: &Ask, reason: Option<String>) {
        let refusal = Refusal {
            tool: ask.tool.clone(),
            arguments: ask.input.clone(),
            reason,
        };
        self.refused.push((ask.call_id.clone(), refusal));
    }

    /// Everything that was refused.
    pub(super) fn into_refused(self) -> Vec<Refusal> {
        self.refused
            .into_iter()
            .map(|(_, refusal)| refusal)
            .collect()
    }

    /// Reads one line.
    pub(super) fn line(&mut self, line: &str) -> Vec<Said> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            return self.bad_line(line);
        };
        self.whose.hear(&value);
        if self.whose.is_own_work(&value) {
            return self.unasked(&value);
        }
        let mut said = Vec::new();
        match text(&value["type"]) {
            "system" => self.system(&value, &mut said),
            "stream_event" => self.stream(&value, &mut said),
            "assistant" => self.assistant(&value, &mut said),
            "user" => user(&value, &mut said),
            "control_request" => said.extend(control_request(&value)),
            "control_cancel_request" => {
                said.push(Said::Withdrawn(text(&value["request_id"]).to_owned()))
            }
            "result" => self.result(value, &mut said),
            _ => {}
        }
        said
    }

    /// What a process does of its own before it takes up the message: it is paid for, and nobody is asked about it.
    fn unasked(&mut self, value: &Value) -> Vec<Said> {
        match text(&value["type"]) {
            "result" if value["num_turns"] == 0 => Vec::new(),
            "result" => {
                self.meter.unasked(value);
                let note = "Claude Code worked unasked before it took up this message; what that cost counts to this turn.";
                vec![Said::Event(AdapterEvent::Note(note.to_owned()))]
            }
            "control_request" => {
                let request_id = text(&value["request_id"]).to_owned();
                let subtype = text(&value["request"]["subtype"]).to_owned();
                vec![Said::Unserved {
                    request_id,
                    subtype,
                }]
            }
            _ => Vec::new(),
        }
    }

    fn bad_line(&mut self, line: &str) -> Vec<Said> {
        self.bad_lines = self.bad_lines.saturating_add(1);
        if self.bad_lines > BAD_LINE_NOTES {
            return Vec::new();
        }
        let shown: String = line.chars().take(SHOWN_CHARS).collect();
        vec![Said::Event(AdapterEvent::Note(format!(
            "Claude Code said something that is no event: {shown}"
        )))]
    }

    fn system(&mut self, value: &Value, said: &mut Vec<Said>) {
        match text(&value["subtype"]) {
            "init" => {
                let session = text(&value["session_id"]);
                if !session.is_empty() && session != self.session {
                    session.clone_into(&mut self.session);
                    said.push(Said::Event(AdapterEvent::Session(session.to_owned())));
                }
                said.push(Said::Began);
            }
            "api_retry" => said.push(Said::Event(retry(value))),
            "permission_denied" => {
                let refusal = Refusal {
                    tool: text(&value["tool_name"]).to_owned(),
                    arguments: Value::Null,
                    reason: value["message"].as_str().map(str::to_owned),
                };
                self.refused
                    .push((text(&value["tool_use_id"]).to_owned(), refusal));
            }
            _ => {}
        }
    }

    fn stream(&mut self, value: &Value, said: &mut Vec<Said>) {
        let caller = text(&value["parent_tool_use_id"]);
        let event = &value["event"];
        let is_subagent = !caller.is_empty();
        match text(&event["type"]) {
            "message_start" => {
                self.meter.begin(caller, &event["message"]["usage"]);
                if !is_subagent {
                    text(&event["message"]["id"]).clone_into(&mut self.streamed);
                }
                self.tell_usage(said);
            }
            "message_delta" => {
                self.meter.update(caller, &event["usage"]);
                self.tell_usage(said);
            }
            "message_stop" => self.meter.end(caller),
            "content_block_start" if !is_subagent && event["content_block"]["type"] == "text" => {
                self.between_blocks = self.told_text;
            }
            "content_block_delta" if !is_subagent => self.delta(&event["delta"], said),
            _ => {}
        }
    }

    fn delta(&mut self, delta: &Value, said: &mut Vec<Said>) {
        match text(&delta["type"]) {
            "text_delta" => self.tell_text(text(&delta["text"]), said),
            "thinking_delta" => {
                let thought = text(&delta["thinking"]);
                if !thought.is_empty() {
                    said.push(Said::Event(AdapterEvent::Thought(thought.to_owned())));
                }
            }
            _ => {}
        }
    }

    fn tell_text(&mut self, piece: &str, said: &mut Vec<Said>) {
        if piece.is_empty() {
            return;
        }
        let gap = if std::mem::take(&mut self.between_blocks) {
            "\n\n"
        } else {
            ""
        };
        self.told_text = true;
        said.push(Said::Event(AdapterEvent::TextDelta(format!(
            "{gap}{piece}"
        ))));
    }

    fn tell_usage(&mut self, said: &mut Vec<Said>) {
        said.push(Said::Event(AdapterEvent::Usage(self.meter.total())));
    }

    fn assistant(&mut self, value: &Value, said: &mut Vec<Said>) {
        let message = &value["message"];
        let is_subagent = !text(&value["parent_tool_use_id"]).is_empty();
        // The CLI's own words for a failed call; they come again with the result.
        let is_failure = value["error"].is_string() || message["model"] == "<synthetic>";
        if !is_subagent {
            text(&value["error"]).clone_into(&mut self.error);
        }
        for block in message["content"].as_array().into_iter().flatten() {
            match text(&block["type"]) {
                "text" if !is_subagent && !is_failure => {
                    let whole = text(&block["text"]);
                    whole.clone_into(&mut self.last_text);
                    if text(&message["id"]) != self.streamed {
                        self.between_blocks = self.told_text;
                        self.tell_text(whole, said);
                    }
                }
                "text" if is_subagent && !is_failure => said.push(Said::Subagent {
                    call_id: text(&value["parent_tool_use_id"]).to_owned(),
                    text: bounded(text(&block["text"]).to_owned()),
                }),
                "tool_use" => said.push(Said::Event(AdapterEvent::ToolCall {
                    call_id: text(&block["id"]).to_owned(),
                    tool: text(&block["name"]).to_owned(),
                    arguments: block["input"].clone(),
                })),
                _ => {}
            }
        }
    }

    fn result(&mut self, value: Value, said: &mut Vec<Said>) {
        let usage = self.meter.finish(&value, self.spent_before);
        said.push(Said::Event(AdapterEvent::Usage(usage)));
        for denial in value["permission_denials"].as_array().into_iter().flatten() {
            self.denied(denial);
        }
        said.push(Said::Result(value));
    }

    /// The result tells of refusals that we may know already, with or without their arguments.
    fn denied(&mut self, denial: &Value) {
        let call_id = text(&denial["tool_use_id"]);
        let arguments = denial["tool_input"].clone();
        match self.refused.iter_mut().find(|(id, _)| id == call_id) {
            Some((_, known)) if known.arguments.is_null() => known.arguments = arguments,
            Some(_) => {}
            None => {
                let tool = text(&denial["tool_name"]).to_owned();
                self.refused.push((
                    call_id.to_owned(),
                    Refusal {
                        tool,
                        arguments,
                        reason: None,
                    },
                ));
            }
        }
    }
}

fn user(value: &Value, said: &mut Vec<Said>) {
    for block in value["message"]["content"].as_array().into_iter().flatten() {
        if block["type"] == "tool_result" {
            said.push(Said::Event(AdapterEvent::ToolResult {
                call_id: text(&block["tool_use_id"]).to_owned(),
                text: result_text(&block["content"]),
                is_error: block["is_error"].as_bool().unwrap_or(false),
            }));
        }
    }
}

fn control_request(value: &Value) -> Option<Said> {
    let request_id = text(&value["request_id"]).to_owned();
    let request = &value["request"];
    let subtype = text(&request["subtype"]);
    if request_id.is_empty() {
        return None;
    }
    if subtype != "can_use_tool" {
        return Some(Said::Unserved {
            request_id,
            subtype: subtype.to_owned(),
        });
    }
    Some(Said::Ask(Ask {
        request_id,
        tool: text(&request["tool_name"]).to_owned(),
        input: request["input"].clone(),
        call_id: text(&request["tool_use_id"]).to_owned(),
        suggestions: request["permission_suggestions"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
    }))
}
