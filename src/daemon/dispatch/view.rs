//! A dispatch as clients see it.
//!
//! Owns: building [`DispatchView`] from the row and, while it is open, from what is known of the turn.

use fleet_a2a::clock;

use super::turn::Turn;
use crate::control::{DispatchDetail, DispatchView};
use crate::daemon::store::DispatchRow;
use crate::domain::{DispatchState, PeerText};

/// The last event of a dispatch that waits for a place at its peer.
const NOT_BEGUN: &str = "accepted; it waits for its turn";

/// An ended dispatch, or one of which only the row is at hand.
pub(super) fn of_row(row: &DispatchRow, now_ms: i64) -> DispatchView {
    let until_ms = row.times.ended_at_ms.unwrap_or(now_ms);
    let outcome = &row.outcome;
    DispatchView {
        dispatch_id: row.dispatch_id,
        peer: row.peer.clone(),
        state: row.state,
        reason: row.reason,
        outcome: row.state.is_final().then_some(row.state),
        verification: outcome.verification,
        failed_checks: outcome.failed_checks.clone(),
        reply: outcome.reply.clone(),
        artifacts: outcome.artifacts.clone(),
        context_id: row.wire.context_id.clone(),
        task_id: row.wire.task_id.clone().map(PeerText::new),
        usage: row.usage,
        refused: outcome.refused.clone(),
        late: outcome.late,
        elapsed_ms: u64::try_from(until_ms - row.times.accepted_at_ms).unwrap_or(0),
        error: outcome.error.clone(),
        detail: DispatchDetail {
            instruction: PeerText::new(&row.contract.instruction),
            reply_to: row.contract.reply_to.clone(),
            accepted_at: clock::rfc3339(row.times.accepted_at_ms),
            deadline_at_ms: row.times.deadline_at_ms,
            granted_tokens: row.granted.tokens,
            permissions: Vec::new(),
            answer_refused: None,
            last_event: row.last_event.clone(),
            transcript_seq: row.transcript.seq,
        },
    }
}

/// How much of a dispatch a view holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    Whole,
    /// Without reply and artifacts, for snapshots.
    Brief,
}

/// An open dispatch.
pub(super) fn of_open(row: &DispatchRow, turn: &Turn, now_ms: i64, extent: Extent) -> DispatchView {
    let mut view = of_row(row, now_ms);
    view.detail.permissions = turn.permissions().to_vec();
    view.detail.answer_refused = turn.answer_refused().cloned();
    view.detail.last_event = PeerText::new(last_event(row.state, turn));
    view.refused = turn.refused().to_vec();
    if extent == Extent::Whole {
        view.reply = (!turn.reply().is_empty()).then(|| PeerText::new(turn.reply()));
        view.artifacts = turn.artifacts().to_vec();
    }
    view
}

/// The last thing worth a line. A peer that has the dispatch may give its places to others first: then nothing happens yet, and
/// a list that says so is not taken for one of turns that hang.
pub(super) fn last_event(state: DispatchState, turn: &Turn) -> &str {
    if state == DispatchState::Working && !turn.started() && turn.last().is_empty() {
        NOT_BEGUN
    } else {
        turn.last()
    }
}

/// The same view without what only a closer look needs.
pub(super) fn brief(mut view: DispatchView) -> DispatchView {
    view.reply = None;
    view.artifacts = Vec::new();
    view
}
