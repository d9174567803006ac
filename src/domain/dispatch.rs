//! The state table of a dispatch.
//!
//! Owns: which state follows which, and what an end means. Does not own: rows, clocks or the wire.

use serde::{Deserialize, Serialize};

/// Where a dispatch stands. The last six are ends; an `unknown` one may still be resolved by a person or by news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispatchState {
    /// Stored, granted, not yet sent.
    Queued,
    /// A send is under way; the peer may or may not have it.
    Sending,
    /// The peer has it: a task id is known.
    Working,
    /// The agent waits for a person.
    InputRequired,
    /// The agent finished.
    Completed,
    /// The work failed, or could not be delivered.
    Failed,
    /// The peer refused the task.
    Rejected,
    /// Stopped by a person or by the budget.
    Canceled,
    /// The deadline passed.
    Expired,
    /// It may have run; nobody can say. Never sent again by itself.
    Unknown,
}

impl DispatchState {
    /// Whether this is an end.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Sending | Self::Working | Self::InputRequired => false,
            Self::Completed
            | Self::Failed
            | Self::Rejected
            | Self::Canceled
            | Self::Expired
            | Self::Unknown => true,
        }
    }

    /// The word that JSON, rows and people see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back; `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Sending,
            Self::Working,
            Self::InputRequired,
            Self::Completed,
            Self::Failed,
            Self::Rejected,
            Self::Canceled,
            Self::Expired,
            Self::Unknown,
        ]
        .into_iter()
        .find(|state| state.word() == word)
    }
}

/// Why a dispatch ended as it did, beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A person canceled it.
    Canceled,
    /// The grant was used up.
    Budget,
    /// The deadline passed.
    Deadline,
    /// The receiver died or was stopped during the turn.
    Interrupted,
    /// The agent failed.
    AgentError,
    /// The peer or the agent wants a login or another token.
    Unauthenticated,
    /// The agent settings of the peer's repo are not accepted.
    Untrusted,
    /// The peer could not be reached.
    Unreachable,
    /// The peer already has a turn on this context.
    Duplicate,
    /// A person resolved an unknown dispatch.
    Resolved,
}

/// What the checks of `expected_output` said about the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Every check held.
    Verified,
    /// There was nothing to check.
    Unverified,
    /// At least one check failed.
    Rejected,
}

/// What can happen to a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// An attempt starts.
    AttemptStarted,
    /// The attempt surely did not arrive; another may follow.
    AttemptFailed,
    /// The peer accepted: a task id is known.
    Accepted,
    /// The agent waits for a person.
    AskedPerson,
    /// The agent goes on.
    Resumed,
    /// It ended so.
    Ended(DispatchState),
    /// A person decided about an unknown dispatch, or late news did.
    Resolved(DispatchState),
}

/// The state that follows, or `None` when that cannot happen from here: the first end that is committed wins.
#[must_use]
pub fn next_state(state: DispatchState, progress: Progress) -> Option<DispatchState> {
    use DispatchState as S;
    match (state, progress) {
        (S::Queued, Progress::AttemptStarted) => Some(S::Sending),
        (S::Sending, Progress::AttemptFailed) => Some(S::Queued),
        (S::Sending | S::Working, Progress::Accepted) => Some(S::Working),
        (S::Sending | S::Working | S::InputRequired, Progress::AskedPerson) => {
            Some(S::InputRequired)
        }
        (S::InputRequired | S::Working, Progress::Resumed) => Some(S::Working),
        (S::Queued, Progress::Ended(S::Completed | S::Unknown)) => None,
        (S::Queued | S::Sending | S::Working | S::InputRequired, Progress::Ended(end))
            if end.is_final() =>
        {
            Some(end)
        }
        (S::Unknown, Progress::Resolved(end)) if end.is_final() && end != S::Unknown => Some(end),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [DispatchState; 10] = [
        DispatchState::Queued,
        DispatchState::Sending,
        DispatchState::Working,
        DispatchState::InputRequired,
        DispatchState::Completed,
        DispatchState::Failed,
        DispatchState::Rejected,
        DispatchState::Canceled,
        DispatchState::Expired,
        DispatchState::Unknown,
    ];

    fn progress() -> impl Strategy<Value = Progress> {
        let state = prop::sample::select(&STATES[..]);
        prop_oneof![
            Just(Progress::AttemptStarted),
            Just(Progress::AttemptFailed),
            Just(Progress::Accepted),
            Just(Progress::AskedPerson),
            Just(Progress::Resumed),
            state.clone().prop_map(Progress::Ended),
            state.prop_map(Progress::Resolved),
        ]
    }

    #[test]
    fn every_word_reads_back_and_is_the_words_of_the_json() {
        for state in STATES {
            assert_eq!(DispatchState::from_word(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        assert_eq!(DispatchState::from_word("done"), None);
    }

    #[test]
    fn the_ordinary_way_and_its_detours() {
        use DispatchState as S;
        let way = [
            (S::Queued, Progress::AttemptStarted, S::Sending),
            (S::Sending, Progress::AttemptFailed, S::Queued),
            (S::Sending, Progress::Accepted, S::Working),
            (S::Working, Progress::AskedPerson, S::InputRequired),
            (S::InputRequired, Progress::Resumed, S::Working),
            (S::Sending, Progress::Ended(S::Unknown), S::Unknown),
            (S::Unknown, Progress::Resolved(S::Completed), S::Completed),
        ];
        for (from, progress, to) in way {
            assert_eq!(
                next_state(from, progress),
                Some(to),
                "{from:?} {progress:?}"
            );
        }
        assert_eq!(next_state(S::Queued, Progress::Ended(S::Completed)), None);
        assert_eq!(next_state(S::Unknown, Progress::Resolved(S::Unknown)), None);
    }

    proptest! {
        #[test]
        fn the_first_end_stays(steps in prop::collection::vec(progress(), 0..40)) {
            let mut state = DispatchState::Queued;
            for step in steps {
                let Some(next) = next_state(state, step) else { continue };
                if state.is_final() {
                    prop_assert_eq!(state, DispatchState::Unknown, "only an unknown one is resolved");
                    prop_assert!(matches!(step, Progress::Resolved(_)));
                    prop_assert!(next.is_final());
                }
                state = next;
            }
        }
    }
}
