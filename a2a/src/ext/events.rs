//! `urn:a2a-fleet:events:v1`: what happens inside a turn, as data parts of status messages.
//!
//! Owns: [`FleetEvent`] and the permission exchange. A2A has states for a task but no words
//! for tool calls, thoughts, retries or the reason of an end; these are the words.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::question::{Chosen, Question, Ruling};

/// The URI that such a part carries in its metadata as `{"<uri>": true}` and that our card lists.
pub const URI: &str = "urn:a2a-fleet:events:v1";

/// One event inside a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FleetEvent {
    /// The agent's own session id became known.
    Session {
        /// As the CLI gave it.
        session_id: String,
    },
    /// Thinking, as far as the agent shows it.
    Thought {
        /// A piece of it.
        text: String,
    },
    /// What a subagent said; it is no part of the reply.
    Subagent {
        /// The tool call that it works for.
        call_id: String,
        /// Its words.
        text: String,
    },
    /// A tool was called.
    ToolCall {
        /// Pairs the call with its result.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// Its arguments as the agent gave them.
        arguments: Value,
    },
    /// A tool came back.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// What it said, as text.
        text: String,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// The agent tries an upstream call again.
    Retry {
        /// Which attempt failed, from 1.
        attempt: u32,
        /// How many there will be at most; 0 when unknown.
        max_attempts: u32,
        /// What was wrong.
        text: String,
    },
    /// Anything worth telling a person.
    Note {
        /// The note.
        text: String,
    },
    /// The agent asks for permission; the task is INPUT_REQUIRED until it is answered.
    PermissionRequest(PermissionRequest),
    /// A permission request was answered, by a person or by its time running out.
    PermissionAnswered {
        /// Which request.
        request_id: String,
        /// What was decided.
        decision: Decision,
        /// Why, as far as said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What was chosen, question by question; empty for a permission.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        answers: Vec<Chosen>,
    },
    /// The turn is over; only in the final status.
    End {
        /// `None` for a completed turn.
        reason: Option<EndReason>,
        /// One sentence for a person; empty when there is nothing to say.
        detail: String,
        /// Tools that were refused during the turn.
        refused: Vec<Refusal>,
    },
}

/// Why a turn ended otherwise than completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// CANCELED: somebody asked for it.
    Canceled,
    /// CANCELED: the grant was used up.
    Budget,
    /// FAILED: the deadline passed.
    Deadline,
    /// FAILED: the receiver died or was stopped during the turn.
    Interrupted,
    /// FAILED: the agent said so, or did not keep to its protocol.
    AgentError,
    /// FAILED: the agent has no valid login.
    Unauthenticated,
    /// FAILED before it began: the agent settings of the repo are not those that a person accepted.
    Untrusted,
}

/// What an agent wants to do and may not do unasked, or what it asks a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// Names this request in the answer; unique within the task.
    pub request_id: String,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// What may be answered.
    pub choices: Vec<Choice>,
    /// When silence becomes a denial (RFC 3339, UTC).
    pub expires_at: String,
    /// What is asked, where it is no permission: then `allow` needs an answer to each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// What may be answered to a permission request.
pub type Choice = Decision;

/// The answer to a permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// This once.
    Allow,
    /// No.
    Deny,
    /// This and everything like it, for the context.
    Always,
}

/// The data part that answers a permission request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermissionAnswer {
    /// Which request.
    pub request_id: String,
    /// Yes or no.
    pub decision: Decision,
    /// Told to the agent with a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One for each question, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Chosen>,
}

impl PermissionAnswer {
    /// What it says to its request.
    #[must_use]
    pub fn into_ruling(self) -> Ruling {
        Ruling {
            decision: self.decision,
            reason: self.reason,
            answers: self.answers,
        }
    }
}

/// A tool that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Value,
    /// Why, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
