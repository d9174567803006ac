//! What a receiver told of itself, and the agent settings of its repo, as clients see them.
//!
//! Owns: the objects that `peers --json` and `fleet trust PEER` print. Whatever stands in a repo is the repo's own text: it is
//! made safe where it is shown.

use fleet_receivers::folder::ReadinessWord;
use fleet_receivers::harness::{Change, ChangeKind, Harness};
use serde::{Deserialize, Serialize};

use crate::domain::{PeerName, PeerText};

/// What a receiver told once it was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeView {
    /// `ready`, `missing`, `unauthenticated` or `checking`: whether the agent is there and logged in.
    pub login: ReadinessWord,
    /// Whether the agent settings of the repo are those that were accepted.
    pub settings_accepted: bool,
    /// The hash of those that stand there.
    pub settings_hash: String,
    /// The version of the agent's CLI that fleet was tested with.
    pub tested: Option<String>,
    /// The oldest that is supported.
    pub oldest: Option<String>,
    /// What the repo brings along.
    pub harness: Harness,
}

/// The agent settings of a peer's repo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerTrustView {
    /// Whose.
    pub peer: PeerName,
    /// Where.
    pub repo: String,
    /// Of what stands there now: what an acceptance names.
    pub hash: String,
    /// Whether it may be used.
    pub accepted: bool,
    /// Why not.
    pub reason: Option<PeerText>,
    /// What is not as it was accepted.
    pub changes: Vec<ChangeView>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// Where, below the repo.
    pub path: PeerText,
    /// What.
    pub kind: ChangeKind,
    /// What stands there now, from its beginning.
    pub now: PeerText,
    /// Whether there is more.
    pub cut: bool,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self {
            path: PeerText::new(change.path),
            kind: change.kind,
            now: PeerText::new(change.now),
            cut: change.cut,
        }
    }
}
