//! What `/health` answers.
//!
//! Owns: the JSON. Does not own: how the figures come about (see `server`), nor the proof's arithmetic (fleet-a2a).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Mode;

/// The answer of `/health`. 200 when `ok`, else 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether the work loop turns.
    pub ok: bool,
    /// The peer's name.
    pub peer: String,
    /// Which agent.
    pub mode: Mode,
    /// The repo, as text.
    pub repo: String,
    /// Minted at each start.
    pub instance: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The version of `fleet`.
    pub version: String,
    /// The version of the agent's CLI, when it could be asked.
    pub cli_version: Option<String>,
    /// Whether the agent can work.
    pub readiness: ReadinessWord,
    /// What is missing; empty when nothing is.
    #[serde(default)]
    pub detail: String,
    /// The command that mends it; empty when nothing is missing.
    #[serde(default)]
    pub remedy: String,
    /// Milliseconds since the work loop last ticked; it ticks once a second and red begins at 5,000.
    pub loop_age_ms: u64,
    /// Tasks that have not ended.
    pub open_tasks: u64,
    /// No new work is taken.
    pub draining: bool,
    /// The answer to `?nonce=`, see `fleet_a2a::health`; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// Whether the agent can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadinessWord {
    /// The CLI is being asked for the first time.
    Checking,
    /// As far as can be known without a turn.
    Ready,
    /// The CLI is not there.
    Missing,
    /// The CLI is too old to be driven.
    Outdated,
    /// The CLI is there and has no login.
    Unauthenticated,
    /// The agent settings of the repo are not those that were accepted.
    Untrusted,
}
