//! Decisions about delivery: what a failed call means, when to try again, when to give up. Pure.
//!
//! Owns: how long is tried, waited and looked. Does not own: the calls.

use std::time::Duration;

use fleet_a2a::client::{ClientError, Delivery};

use crate::daemon::store::AttemptRow;
use crate::domain::{ErrorKind, Failure, PeerName, Reason};

/// How long a message that surely did not arrive is tried again: a receiver restarts and a laptop finds its network in
/// less, and a person is told within a bearable time.
pub(super) const DELIVERY_WINDOW: Duration = Duration::from_secs(30);
/// How long past the deadline we look for the end of what was accepted. Unit tests talk real HTTP and cannot pause time,
/// so theirs is shorter.
pub(super) const AFTER_DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });
/// How long a peer that can be reached has to end a task at the deadline: receivers take 2 s.
pub(super) const END_GRACE: Duration = Duration::from_secs(3);
/// How long a peer that has answered a cancel has to end its task: an interrupted agent may tidy up.
pub(super) const CANCEL_GRACE: Duration = Duration::from_secs(10);
/// Between two tries: 0.1 s doubling to 2 s.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Between two looks at a peer that does not stream: 0.25 s growing to 5 s.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// A stream that is silent so long may be half open: it is opened again from the last event.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
/// Failed subscriptions after which the task is asked for instead.
const SUBSCRIPTIONS: u32 = 2;

/// What to do after a send that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AfterSend {
    /// It surely did not arrive: once more, as long as the window is open; else it failed so.
    Again(Reason, Failure),
    /// It may have arrived: look for it.
    Look,
    /// It was turned down for good.
    GiveUp(Reason, Failure),
}

/// What a failed send means.
pub(super) fn after_send(error: &ClientError, peer: &PeerName) -> AfterSend {
    if let Some(busy) = error.is_duplicate() {
        let task = match busy.existing_task_id {
            Some(task) => format!(" (its task {task})"),
            None => String::new(),
        };
        return AfterSend::GiveUp(
            Reason::Duplicate,
            Failure::new(
                ErrorKind::Duplicate,
                format!(
                    "{peer} has a turn on this context already{task}, started by somebody else."
                ),
                "Wait until it has ended, or use another context.",
            ),
        );
    }
    match error.delivery() {
        Delivery::NotAccepted if error.is_unauthenticated() => AfterSend::Again(
            Reason::Unauthenticated,
            Failure::new(
                ErrorKind::Unauthenticated,
                format!("{peer} does not accept our token: {error}."),
                format!(
                    "Check the peer's token_env in fleet.toml, or redeploy with: fleet deploy {peer}"
                ),
            ),
        ),
        Delivery::NotAccepted => AfterSend::Again(
            Reason::Unreachable,
            Failure::new(
                ErrorKind::Unreachable,
                format!("{peer} cannot be reached: {error}."),
                format!("Look at its state with: fleet status; start it with: fleet start {peer}"),
            ),
        ),
        Delivery::PerhapsAccepted => AfterSend::Look,
        Delivery::Refused => AfterSend::GiveUp(
            Reason::AgentError,
            Failure::new(
                ErrorKind::Agent,
                format!("{peer} turned the message down: {error}."),
                "Check that its address in fleet.toml is the agent's own, and that the agent takes such messages.",
            ),
        ),
    }
}

/// What it means that no peer could be had: `None`, it may be had later.
pub(super) fn after_no_peer(failure: &Failure) -> Option<Reason> {
    match failure.kind {
        ErrorKind::Unreachable | ErrorKind::Daemon | ErrorKind::Internal => None,
        ErrorKind::Unauthenticated => Some(Reason::Unauthenticated),
        ErrorKind::Untrusted => Some(Reason::Untrusted),
        ErrorKind::NoAgent
        | ErrorKind::Usage
        | ErrorKind::Contract
        | ErrorKind::Config
        | ErrorKind::NotFound
        | ErrorKind::Duplicate
        | ErrorKind::Budget
        | ErrorKind::UnknownOutcome
        | ErrorKind::Deadline
        | ErrorKind::Agent
        | ErrorKind::State => Some(Reason::Unreachable),
    }
}

/// Whether a message that may have arrived may be sent once more: only to whom it went, and only if it keeps one task
/// for one message. A receiver of ours keeps its tasks over restarts, wherever it listens.
pub(super) fn may_resend(attempt: &AttemptRow, address: &str, instance: Option<&str>) -> bool {
    let same = match (&attempt.instance, instance) {
        (Some(_), Some(_)) => true,
        (None, None) => attempt.address == address,
        (Some(_), None) | (None, Some(_)) => false,
    };
    attempt.idempotent && same
}

/// Waits that grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Between tries.
    pub(super) fn tries() -> Self {
        Self {
            next: FIRST_WAIT,
            longest: LONGEST_WAIT,
            tries: 0,
        }
    }

    /// Between looks at a peer that does not stream.
    pub(super) fn looks() -> Self {
        Self {
            next: FIRST_LOOK,
            longest: LONGEST_LOOK,
            tries: 0,
        }
    }

    /// The wait before the next try.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.longest);
        self.tries += 1;
        wait
    }

    /// Whether subscribing has failed so often that the task is asked for instead.
    pub(super) fn ask_instead(&self) -> bool {
        self.tries >= SUBSCRIPTIONS
    }
}
