//! A question that is answered by yes or no.
//!
//! Owns: what can be asked, and when an answer counts. "No" is marked first. Does not own: its words (`views`) or what
//! follows (`update`).

use crate::control::TrustView;
use crate::domain::{CommandId, DispatchId, PeerName, PeerText};

/// A question that came by itself takes no "yes" for so long: a key that was meant for what lay below must not accept what
/// nobody has read.
const READ_MS: i64 = 500;

/// A question on screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) deed: Deed,
    pub(crate) marked: Button,
    /// The first row shown of what it says.
    pub(crate) top: usize,
    pub(crate) asked_at_ms: i64,
}

/// What is asked about before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    CancelDispatch {
        dispatch_id: DispatchId,
        peer: PeerName,
    },
    StopReceiver {
        peer: PeerName,
        in_flight: u32,
    },
    ResetBudget {
        command_id: CommandId,
        peer: PeerName,
    },
    /// The version of fleet.toml that is shown.
    AcceptFile(TrustView),
    TrustSettings {
        peer: PeerName,
        /// What is not as it was accepted.
        reason: PeerText,
        /// Of what stands there.
        hash: String,
    },
}

/// A button of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    No,
    Yes,
}

impl Question {
    /// Asks it now.
    pub(crate) fn new(deed: Deed, now_ms: i64) -> Self {
        Self {
            deed,
            marked: Button::No,
            top: 0,
            asked_at_ms: now_ms,
        }
    }

    /// Whether "yes" counts already.
    pub(crate) fn takes_yes(&self, now_ms: i64) -> bool {
        match self.deed {
            Deed::CancelDispatch { .. } | Deed::StopReceiver { .. } | Deed::ResetBudget { .. } => {
                true
            }
            Deed::AcceptFile(_) | Deed::TrustSettings { .. } => {
                now_ms - self.asked_at_ms >= READ_MS
            }
        }
    }
}

impl Deed {
    /// What it lists, one line each: somebody else's text.
    pub(crate) fn listed(&self) -> &[PeerText] {
        match self {
            Self::CancelDispatch { .. }
            | Self::StopReceiver { .. }
            | Self::ResetBudget { .. }
            | Self::TrustSettings { .. } => &[],
            Self::AcceptFile(trust) => &trust.would,
        }
    }
}
