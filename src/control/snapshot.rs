//! Everything a console shows, whole.
//!
//! Owns: [`FleetSnapshot`], the notices and the trust in it. Its dispatches carry no reply and no artifacts, so that a change costs
//! little; the transcript has them.

use serde::{Deserialize, Serialize};

use super::{DaemonView, DispatchView, PeerView};
use crate::domain::{PeerName, PeerText};

/// What fleet.toml would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustView {
    /// The file.
    pub config: String,
    /// SHA-256 of what it says, hex: what an acceptance names.
    pub hash: String,
    /// Whether it may run what it names.
    pub accepted: bool,
    /// What it would run or contact, one line each.
    pub would: Vec<PeerText>,
}

/// Something worth a toast and a line in the message view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// RFC 3339, UTC.
    pub at: String,
    /// How bad.
    pub level: NoticeLevel,
    /// About whom.
    pub peer: Option<PeerName>,
    /// One sentence.
    pub text: PeerText,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Look at it soon.
    Warning,
    /// Something failed.
    Error,
}

/// Everything a console shows, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetSnapshot {
    /// The fleet's name.
    pub fleet: String,
    /// The daemon.
    pub daemon: DaemonView,
    /// Peers, in the order of fleet.toml.
    pub peers: Vec<PeerView>,
    /// Open dispatches and the newest ended ones, newest first, at most [`SNAPSHOT_DISPATCHES`].
    pub dispatches: Vec<DispatchView>,
    /// Notices, oldest first, at most [`SNAPSHOT_NOTICES`].
    pub notices: Vec<Notice>,
    /// What fleet.toml would run and whether it may.
    pub trust: TrustView,
    /// When a dispatch names no deadline.
    pub default_deadline_s: u32,
    /// The daemon's clock, in milliseconds of Unix time, so that countdowns agree with it.
    pub now_ms: i64,
}

/// Dispatches in one snapshot: more than a screen can show, little enough to send at each change.
pub const SNAPSHOT_DISPATCHES: usize = 200;
/// Notices in one snapshot.
pub const SNAPSHOT_NOTICES: usize = 100;
