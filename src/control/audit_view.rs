//! What was done to a fleet, as clients see it.
//!
//! Owns: the object that `audit --json` prints.

use serde::{Deserialize, Serialize};

use crate::domain::PeerText;

/// One command that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Counts up; never used twice.
    pub entry: i64,
    /// Asked at (RFC 3339, UTC).
    pub at: String,
    /// The user.
    pub uid: u32,
    /// The client's process, where the system told it.
    pub pid: Option<i32>,
    /// `cli`, `console` or `unknown`.
    pub client: String,
    /// The client's version.
    pub version: PeerText,
    /// What was asked, in words.
    pub command: PeerText,
    /// `done`, why not, or `None` while it is under way or when the daemon died before it could say.
    pub outcome: Option<String>,
    /// When that was written.
    pub ended_at: Option<String>,
}
