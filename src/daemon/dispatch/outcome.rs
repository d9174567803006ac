//! What an end means: state, reason, error and price. Pure.
//!
//! Owns: [`Verdict`] and how one is reached from what the peer said or from what we gave up on.

use fleet_a2a::ext::EndReason;
use fleet_a2a::types::TaskState;

use super::turn::PeerEnd;
use crate::domain::{DispatchId, DispatchState, ErrorKind, Failure, PeerName, Reason, Settlement};

/// How a dispatch ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub state: DispatchState,
    pub reason: Option<Reason>,
    pub error: Option<Failure>,
    pub price: Settlement,
    /// The reply came after the deadline.
    pub late: bool,
}

/// Why we asked the peer to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopWhy {
    /// A person wants it.
    Canceled,
    /// The grant is used up, and the peer does not know of grants.
    Budget,
    /// The deadline passed.
    Deadline,
}

/// Whose dispatch it is, for the sentences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    pub id: DispatchId,
    pub peer: &'a PeerName,
}

/// What is known beside the peer's own end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Why we had asked it to stop.
    pub stop: Option<StopWhy>,
    /// Whether a turn ever began.
    pub started: bool,
    /// The deadline passed, and the peer does not enforce deadlines itself.
    pub too_late: bool,
}

/// The state of a task's end.
pub(super) fn end_state(state: &TaskState, end: Option<EndReason>) -> DispatchState {
    match state {
        TaskState::Completed => DispatchState::Completed,
        TaskState::Canceled => DispatchState::Canceled,
        TaskState::Rejected => DispatchState::Rejected,
        TaskState::Failed if end == Some(EndReason::Deadline) => DispatchState::Expired,
        TaskState::Failed
        | TaskState::AuthRequired
        | TaskState::Unspecified
        | TaskState::Submitted
        | TaskState::Working
        | TaskState::InputRequired => DispatchState::Failed,
    }
}

/// What the peer's own end means.
pub(super) fn of_peer(end: &PeerEnd, around: Around, whose: Whose<'_>) -> Verdict {
    let (state, reason) = state_and_reason(end, around);
    let price = if !around.started && state != DispatchState::Completed {
        Settlement::NeverStarted
    } else if reason == Some(Reason::Interrupted) {
        Settlement::Cut
    } else {
        Settlement::Told
    };
    Verdict {
        state,
        reason,
        error: error_of(state, reason, &end.detail, whose),
        price,
        late: around.too_late && end.state == DispatchState::Completed,
    }
}

fn state_and_reason(end: &PeerEnd, around: Around) -> (DispatchState, Option<Reason>) {
    use DispatchState as S;
    match (end.state, end.reason, around.stop) {
        (S::Completed, _, _) if around.too_late => (S::Expired, Some(Reason::Deadline)),
        (S::Completed, _, _) => (S::Completed, None),
        (S::Expired, _, _) | (S::Canceled, _, Some(StopWhy::Deadline)) => {
            (S::Expired, Some(Reason::Deadline))
        }
        (S::Canceled, Some(EndReason::Budget), _) | (S::Canceled, _, Some(StopWhy::Budget)) => {
            (S::Canceled, Some(Reason::Budget))
        }
        (S::Canceled, _, _) => (S::Canceled, Some(Reason::Canceled)),
        (S::Rejected, _, _) => (S::Rejected, None),
        (_, Some(EndReason::Interrupted), _) => (S::Failed, Some(Reason::Interrupted)),
        (_, Some(EndReason::Unauthenticated), _) => (S::Failed, Some(Reason::Unauthenticated)),
        (_, Some(EndReason::Untrusted), _) => (S::Failed, Some(Reason::Untrusted)),
        (_, _, _) => (S::Failed, Some(Reason::AgentError)),
    }
}

/// An end that we decided because nothing more can be learnt or done.
pub(super) fn given_up(why: Option<StopWhy>, task_known: bool, whose: Whose<'_>) -> Verdict {
    use DispatchState as S;
    let (state, reason, price) = match (why, task_known) {
        (_, false) => (S::Unknown, None, Settlement::Unknown),
        (Some(StopWhy::Canceled), true) => (S::Canceled, Some(Reason::Canceled), Settlement::Cut),
        (Some(StopWhy::Budget), true) => (S::Canceled, Some(Reason::Budget), Settlement::Cut),
        (Some(StopWhy::Deadline) | None, true) => {
            (S::Expired, Some(Reason::Deadline), Settlement::Cut)
        }
    };
    plain(state, reason, price, whose)
}

/// The peer no longer knows the task that it had accepted.
pub(super) fn task_lost(whose: Whose<'_>) -> Verdict {
    plain(DispatchState::Unknown, None, Settlement::Unknown, whose)
}

/// A dispatch that ends before anything was sent.
pub(super) fn unsent(why: StopWhy, whose: Whose<'_>) -> Verdict {
    let (state, reason) = match why {
        StopWhy::Deadline => (DispatchState::Expired, Reason::Deadline),
        StopWhy::Canceled => (DispatchState::Canceled, Reason::Canceled),
        StopWhy::Budget => (DispatchState::Canceled, Reason::Budget),
    };
    plain(state, Some(reason), Settlement::NeverStarted, whose)
}

/// A dispatch that could not be delivered.
pub(super) fn undelivered(reason: Reason, error: Failure, whose: Whose<'_>) -> Verdict {
    Verdict {
        state: DispatchState::Failed,
        reason: Some(reason),
        error: Some(error.about(whose.id)),
        price: Settlement::NeverStarted,
        late: false,
    }
}

/// It was never sent, because what would be said has nowhere to be written down.
pub(super) fn unwritable(error: Failure, whose: Whose<'_>) -> Verdict {
    Verdict {
        state: DispatchState::Failed,
        reason: None,
        error: Some(error.about(whose.id)),
        price: Settlement::NeverStarted,
        late: false,
    }
}

fn plain(
    state: DispatchState,
    reason: Option<Reason>,
    price: Settlement,
    whose: Whose<'_>,
) -> Verdict {
    Verdict {
        state,
        reason,
        error: error_of(state, reason, "", whose),
        price,
        late: false,
    }
}

/// What our receivers say of an end that the sentence around it has told.
const SAID_ALREADY: [&str; 2] = ["The task was canceled.", "The deadline passed."];

fn error_of(
    state: DispatchState,
    reason: Option<Reason>,
    detail: &str,
    whose: Whose<'_>,
) -> Option<Failure> {
    let Whose { id, peer } = whose;
    let show = format!("See all it said with: fleet transcripts show {id}");
    let with = |text: String| match detail {
        "" => format!("{text}."),
        known if SAID_ALREADY.contains(&known) => format!("{text}."),
        detail => format!("{text}: {detail}"),
    };
    let failure = match (state, reason) {
        (DispatchState::Completed, _) => return None,
        (DispatchState::Canceled, Some(Reason::Budget)) => Failure::new(
            ErrorKind::Budget,
            with(format!(
                "{peer} was stopped because the grant of this dispatch is used up"
            )),
            format!(
                "See the budget with: fleet budget show {peer}; add to it with: fleet budget top-up {peer} --tokens N; or raise per_dispatch_tokens in fleet.toml."
            ),
        ),
        (DispatchState::Canceled, _) => Failure::new(
            ErrorKind::State,
            with(format!("The dispatch to {peer} was canceled")),
            "",
        ),
        (DispatchState::Expired, _) => Failure::new(
            ErrorKind::Deadline,
            with(format!("The deadline passed before {peer} had finished")),
            "Send it again with a longer --deadline.",
        ),
        (DispatchState::Unknown, _) => Failure::new(
            ErrorKind::UnknownOutcome,
            with(format!(
                "{peer} may have run this, and what came of it cannot be learnt"
            )),
            format!(
                "Look at what it did; then decide with: fleet dispatches resolve {id} completed|failed|canceled"
            ),
        ),
        (DispatchState::Rejected, _) => Failure::new(
            ErrorKind::Agent,
            with(format!("{peer} refused the task")),
            show,
        ),
        (_, Some(Reason::Interrupted)) => Failure::new(
            ErrorKind::Agent,
            with(format!(
                "The receiver of {peer} was interrupted during the turn"
            )),
            "Look at what it had done, and send it again.",
        ),
        (_, Some(Reason::Unauthenticated)) => Failure::new(
            ErrorKind::Unauthenticated,
            with(format!("The agent of {peer} has no valid login")),
            "Log in with the agent's own command, and send it again.",
        ),
        (_, Some(Reason::Untrusted)) => Failure::new(
            ErrorKind::Untrusted,
            with(format!("{peer} did not begin")),
            format!("fleet trust {peer}"),
        ),
        (_, _) => Failure::new(
            ErrorKind::Agent,
            with(format!("The agent of {peer} failed")),
            show,
        ),
    };
    Some(failure.about(id))
}
