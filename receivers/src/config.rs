//! `receiver.toml`: all that a receiver is told, written by whoever deploys it.
//!
//! Owns: the file's form, its defaults and its bounds. Does not own: fleet.toml.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Mode;

/// How long a process of an agent waits for the next turn of its context: as long as a model's prompt cache lives. After that
/// a waiting process saves its start only (0.4 s of Claude Code), and holds 250 MB for it.
pub const DEFAULT_WARM_IDLE_S: u32 = 300;

/// The fleet of a receiver that a person started by hand, with no daemon to look after it.
pub const BY_HAND: &str = "serve";

/// What `DIR/receiver.toml` says. Unknown keys are refused, so that a typing error is not a silent default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// The fleet it belongs to; part of session ids.
    pub fleet: String,
    /// The peer's name; part of the marker of its children and of session ids.
    pub peer: String,
    /// Names this receiver in the marker of its processes: unique to this state directory, kept over restarts.
    pub receiver_id: String,
    /// Which agent.
    pub mode: Mode,
    /// The repo: the working directory of the agent and nothing else. Absolute.
    pub repo: PathBuf,
    /// Where to listen. Port 0 takes any free one; the identity file tells which.
    pub bind: SocketAddr,
    /// What may be done unasked.
    #[serde(default)]
    pub permissions: Permissions,
    /// The model, as the CLI names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// argv of an `exec` peer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// How an `exec` command answers.
    #[serde(default)]
    pub events: ExecEvents,
    /// Names of further environment variables that the agent gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Turns at a time over all contexts.
    #[serde(default = "default_turns")]
    pub max_concurrent_turns: u32,
    /// Longest deadline for any caller, in seconds; also the deadline of callers that name none.
    #[serde(default = "default_deadline_s")]
    pub max_deadline_s: u32,
    /// Ceilings of one turn for any caller.
    #[serde(default)]
    pub ceiling: Ceiling,
    /// How long a permission request waits for a person, in seconds.
    #[serde(default = "default_permission_timeout_s")]
    pub permission_timeout_s: u32,
    /// Seconds without work after which the receiver stops itself; 0 never.
    #[serde(default = "default_idle_timeout_s")]
    pub idle_timeout_s: u32,
    /// Seconds a process of the agent waits for the next turn of its context; 0: one process per turn.
    #[serde(default = "default_warm_idle_s")]
    pub warm_idle_s: u32,
    /// How long SIGTERM lets running turns go on, in seconds.
    #[serde(default = "default_drain_grace_s")]
    pub drain_grace_s: u32,
}

/// The most one turn may spend, whoever asks. Absent: no ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Counted tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// What an agent may do unasked.
///
/// In the order of what it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permissions {
    /// Look, change nothing.
    ReadOnly,
    /// Ask a person.
    #[default]
    Ask,
    /// Change files of the repo; ask for the rest.
    Edit,
    /// Everything.
    Full,
}

/// How an `exec` command answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecEvents {
    /// Its whole standard output is the reply.
    #[default]
    Text,
    /// JSON lines: text, usage, note, end.
    Jsonl,
}

fn default_turns() -> u32 {
    3
}
fn default_deadline_s() -> u32 {
    86_400
}
fn default_permission_timeout_s() -> u32 {
    300
}
fn default_idle_timeout_s() -> u32 {
    1_800
}
fn default_warm_idle_s() -> u32 {
    DEFAULT_WARM_IDLE_S
}
fn default_drain_grace_s() -> u32 {
    10
}
