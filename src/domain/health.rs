//! The conclusion about a peer, drawn from probes.
//!
//! Owns: the words. Does not own: probing.

use serde::{Deserialize, Serialize};

/// What is concluded about a peer. A probe is one check; this is what the checks add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Ours, and not running: it starts on demand.
    Stopped,
    /// Started, not yet proven.
    Starting,
    /// Proven, and ready for work.
    Ready,
    /// Running, but it cannot work: the reason says what mends it (CLI missing, not logged in).
    Degraded,
    /// It does not answer, or not as itself.
    Unreachable,
    /// Restarted too often; given up, the reason is shown.
    Parked,
    /// Never asked.
    Unknown,
}

impl Health {
    /// The word that JSON and people see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Unreachable => "unreachable",
            Self::Parked => "parked",
            Self::Unknown => "unknown",
        }
    }
}
