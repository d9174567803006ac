//! The contract of a dispatch: instruction, context, expected output, reply_to and deadline.
//!
//! Owns: the validated types. `raw` (the unvalidated JSON form), checking of replies and folding live in files of
//! their own beside this one.

mod check;
mod encode;
mod expectation;
mod fold;
mod raw;
mod references;
mod violation;

pub use check::{Verdict, check_reply};
pub use encode::{Caller, Outbound, ReceivedDispatch, answer_message, encode_message};
pub use fold::{fold, fold_with_deadline};
pub use raw::{ContractRules, RawContract};
pub use violation::{ContractError, Violation, shown_text, shown_value};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Shortest and longest deadline, in seconds from acceptance.
pub const DEADLINE_S: std::ops::RangeInclusive<u32> = 1..=86_400;
/// Largest brief, in bytes of its encoded form; larger ones are refused, never cut.
pub const MAX_BRIEF_BYTES: usize = 256 * 1024;
/// Largest JSON Schema, in bytes of its encoded form.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Largest reply, in bytes: what an agent says in a turn of many hours. A receiver ends a turn that says more; of a peer that
/// is none of ours the rest is in the transcript only, and the checks are told so.
pub const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes that JSON takes for one byte of text: a control character becomes six.
pub const MAX_ESCAPE: usize = 6;
/// Largest encoded message, in bytes; also the servers' body limit.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// A validated contract, with the instruction it belongs to. Serialises to the same JSON that `--contract FILE` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// What to do; not empty.
    pub instruction: String,
    /// What the peer needs to know; the brief.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Brief>,
    /// What the reply must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_output: Option<Expectation>,
    /// Who gets the reply.
    #[serde(default)]
    pub reply_to: ReplyTo,
    /// Seconds from acceptance, within [`DEADLINE_S`].
    pub deadline_s: u32,
}

/// The `context` field: plain text, or text with files and constraints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Brief {
    /// Plain text.
    Text(String),
    /// Text with files and constraints.
    Structured {
        /// The text.
        text: String,
        /// Paths the peer should read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
        /// Rules the peer must keep.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        constraints: Vec<String>,
    },
}

/// The `expected_output` field: plain text (a description, checked by nothing), or structured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Expectation {
    /// A description for the peer.
    Text(String),
    /// Something that can be checked.
    Structured(ExpectedOutput),
}

/// The structured form of `expected_output`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectedOutput {
    /// A description for the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The form of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// A JSON Schema the reply must satisfy; implies [`Format::Json`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Further checks, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// The form of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Anything.
    Text,
    /// Markdown; not checked, every text is valid Markdown.
    Markdown,
    /// One JSON value, strict, after trimming and removing one surrounding code fence.
    Json,
    /// A unified diff.
    Diff,
}

/// One mechanical check of the reply's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The regular expression matches somewhere.
    Matches(String),
    /// The regular expression matches nowhere.
    NotMatches(String),
    /// At least so many characters.
    MinChars(u64),
}

/// The `reply_to` field, validated against the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ReplyTo {
    /// Whoever dispatched reads it here.
    #[default]
    Console,
    /// A configured peer, by name.
    Peer(String),
    /// An http(s) URL on an allowed host.
    Url(String),
}

impl From<String> for ReplyTo {
    fn from(text: String) -> Self {
        match text.as_str() {
            "console" => Self::Console,
            _ if text.contains("://") => Self::Url(text),
            _ => Self::Peer(text),
        }
    }
}

impl From<ReplyTo> for String {
    fn from(reply_to: ReplyTo) -> Self {
        match reply_to {
            ReplyTo::Console => "console".to_owned(),
            ReplyTo::Peer(text) | ReplyTo::Url(text) => text,
        }
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
