//! One dispatch as clients see it.
//!
//! Owns: the object that `send --json` prints, and what views show beside it. Whatever a peer said is [`PeerText`].

use fleet_a2a::contract::ReplyTo;
use fleet_a2a::ext::{PermissionRequest, Refusal, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{DispatchId, DispatchState, Failure, PeerName, PeerText, Reason, Verification};

/// One dispatch: the object that `send --json` and `dispatches show --json` print, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchView {
    /// Ours.
    pub dispatch_id: DispatchId,
    /// To whom.
    pub peer: PeerName,
    /// Where it stands.
    pub state: DispatchState,
    /// Why it ended so.
    pub reason: Option<Reason>,
    /// `None` while open, else the final state.
    pub outcome: Option<DispatchState>,
    /// What the checks said; `None` while open or without a reply.
    pub verification: Option<Verification>,
    /// The checks that failed, one sentence each.
    pub failed_checks: Vec<PeerText>,
    /// The final text, or the text so far of a turn that did not complete.
    pub reply: Option<PeerText>,
    /// Further artifacts, as they came.
    pub artifacts: Vec<Value>,
    /// Ours: guard and file names use it.
    pub context_id: String,
    /// The peer's.
    pub task_id: Option<PeerText>,
    /// Spent so far.
    pub usage: Usage,
    /// Tools that were refused.
    pub refused: Vec<Refusal>,
    /// The reply came after the deadline.
    pub late: bool,
    /// From acceptance to the end, or to now.
    pub elapsed_ms: u64,
    /// What went wrong.
    pub error: Option<Failure>,
    /// What only we show: not part of the printed object.
    pub detail: DispatchDetail,
}

/// What views show of a dispatch beside the printed object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchDetail {
    /// The instruction.
    pub instruction: PeerText,
    /// Who gets the reply.
    pub reply_to: ReplyTo,
    /// Accepted at (RFC 3339, UTC).
    pub accepted_at: String,
    /// Absolute deadline, in milliseconds of Unix time.
    pub deadline_at_ms: i64,
    /// Granted counted tokens; `None` is unlimited.
    pub granted_tokens: Option<u64>,
    /// Open permission requests, oldest first.
    pub permissions: Vec<PermissionRequest>,
    /// The last answer to one of them that the peer did not take; `None` once there is another.
    #[serde(default)]
    pub answer_refused: Option<AnswerRefused>,
    /// The last thing worth a line.
    pub last_event: PeerText,
    /// Lines its transcript has so far.
    pub transcript_seq: u64,
}

/// An answer that the peer did not take: its request waits still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRefused {
    /// Which request.
    pub request_id: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// Why, in the peer's words.
    pub reason: PeerText,
}
