//! The exit code that a dispatch stands for.
//!
//! Owns: the table. Refusals and broken connections carry theirs in the kind of the failure.

use crate::control::DispatchView;
use crate::domain::{DispatchState, Reason, Verification};

/// The command did what it was asked.
pub(crate) const DONE: u8 = 0;
/// The work failed, was rejected, or was canceled by a person.
pub(crate) const FAILED: u8 = 1;
/// Nobody has accepted what it would run.
pub(crate) const UNTRUSTED: u8 = 2;
/// Refused or stopped by the guard or the budget.
pub(crate) const REFUSED: u8 = 3;
/// The peer is unreachable or unauthenticated, or the outcome is unknown.
pub(crate) const UNREACHABLE: u8 = 4;
/// The deadline passed.
pub(crate) const DEADLINE: u8 = 5;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// What `send` and `dispatches wait` exit with; 0 for a dispatch that is still open, because it was accepted.
pub(crate) fn exit_code(view: &DispatchView) -> u8 {
    match view.state {
        DispatchState::Queued
        | DispatchState::Sending
        | DispatchState::Working
        | DispatchState::InputRequired => DONE,
        DispatchState::Completed if view.verification == Some(Verification::Rejected) => FAILED,
        DispatchState::Completed => DONE,
        DispatchState::Rejected => FAILED,
        DispatchState::Failed | DispatchState::Canceled => {
            view.reason.map_or(FAILED, reason_exit_code)
        }
        DispatchState::Expired => DEADLINE,
        DispatchState::Unknown => UNREACHABLE,
    }
}

fn reason_exit_code(reason: Reason) -> u8 {
    match reason {
        Reason::Canceled | Reason::Interrupted | Reason::AgentError | Reason::Resolved => FAILED,
        Reason::Budget | Reason::Duplicate => REFUSED,
        Reason::Untrusted => UNTRUSTED,
        Reason::Deadline => DEADLINE,
        Reason::Unauthenticated | Reason::Unreachable => UNREACHABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    #[test]
    fn the_table() {
        use DispatchState as S;
        let rows = [
            (S::Queued, None, None, 0),
            (S::Sending, None, None, 0),
            (S::Working, None, None, 0),
            (S::InputRequired, None, None, 0),
            (S::Completed, None, Some(Verification::Verified), 0),
            (S::Completed, None, Some(Verification::Unverified), 0),
            (S::Completed, None, Some(Verification::Rejected), 1),
            (S::Completed, Some(Reason::Resolved), None, 0),
            (S::Failed, None, None, 1),
            (S::Failed, Some(Reason::AgentError), None, 1),
            (S::Failed, Some(Reason::Interrupted), None, 1),
            (S::Failed, Some(Reason::Resolved), None, 1),
            (S::Failed, Some(Reason::Duplicate), None, 3),
            (S::Failed, Some(Reason::Unreachable), None, 4),
            (S::Failed, Some(Reason::Unauthenticated), None, 4),
            (S::Failed, Some(Reason::Untrusted), None, 2),
            (S::Rejected, None, None, 1),
            (S::Canceled, Some(Reason::Canceled), None, 1),
            (S::Canceled, Some(Reason::Resolved), None, 1),
            (S::Canceled, Some(Reason::Budget), None, 3),
            (S::Expired, Some(Reason::Deadline), None, 5),
            (S::Expired, None, None, 5),
            (S::Unknown, None, None, 4),
        ];
        for (state, reason, verification, code) in rows {
            let view = DispatchView {
                state,
                reason,
                verification,
                ..samples::completed()
            };
            assert_eq!(
                exit_code(&view),
                code,
                "{state:?} {reason:?} {verification:?}"
            );
        }
    }
}
