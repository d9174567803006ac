//! Following an accepted task: its events, the deadline, cancel, answers, budgets of peers that know none.
//!
//! Owns: the loop of a task that runs. Does not own: what the events mean (`lines`, `turn`), or the end (`finish`).

use std::time::Duration;

use fleet_a2a::TaskId;
use fleet_a2a::client::{ClientError, Delivery, EventStream, PeerEvent};
use fleet_a2a::types::StreamResponse;
use futures::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::calls::{self, Called};
use super::drive::{Drive, DriveError};
use super::machine::{self, Backoff};
use super::outcome::{self, StopWhy};
use crate::daemon::store::DispatchRow;
use crate::domain::{DispatchState, Progress};

/// How long a peer that keeps deadlines itself may end the task in its own words before it is canceled.
const OWN_END: Duration = Duration::from_millis(500);
/// Before a cancel or an answer that failed is sent again.
pub(super) const CALL_AGAIN: Duration = Duration::from_secs(1);

/// The peer was asked to stop, or is about to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub why: StopWhy,
    /// When we end the dispatch ourselves.
    pub give_up: Instant,
}

/// When to attach, to look, and to doubt a silent stream.
#[derive(Debug)]
pub(super) struct Pace {
    pub attach_at: Instant,
    pub attach: Backoff,
    pub look: Backoff,
    pub silent_at: Instant,
    /// The event before which some were missing even after attaching again: then they are gone.
    pub gap_at: Option<u64>,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            attach_at: now,
            attach: Backoff::tries(),
            look: Backoff::looks(),
            silent_at: now + machine::SILENCE,
            gap_at: None,
        }
    }

    /// The peer said something.
    pub(super) fn heard(&mut self) {
        self.attach = Backoff::tries();
        self.attach_at = Instant::now();
        self.silent_at = self.attach_at + machine::SILENCE;
    }

    pub(super) fn lost(&mut self) {
        self.attach_at = Instant::now() + self.attach.wait();
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "lives for one turn of the loop; a box for each event would cost more"
)]
enum Step {
    Event(Option<Result<PeerEvent, ClientError>>),
    Called(Called),
    Woken,
    Timer,
}

/// The bytes that went in, for an estimate.
pub(super) fn input_bytes(row: &DispatchRow) -> u64 {
    let brief = match &row.contract.context {
        None => 0,
        Some(fleet_a2a::contract::Brief::Text(text)) => text.len(),
        Some(fleet_a2a::contract::Brief::Structured { text, .. }) => text.len(),
    };
    (row.contract.instruction.len() + brief) as u64
}

impl Drive {
    /// Follows the task until it has ended; comes back when there is no stream and no task to attach to.
    pub(super) async fn follow(&mut self) -> Result<(), DriveError> {
        loop {
            if let Some(end) = self.view(|live| live.turn.end()).flatten() {
                return self.finish_as(&end).await;
            }
            self.save_progress().await?;
            self.begin_stops();
            self.call_due().await?;
            if self.stream.is_none() {
                let Some(task) = self.task_id() else {
                    return Ok(());
                };
                if Instant::now() >= self.pace.attach_at && self.attach(&task).await? {
                    return Ok(());
                }
            }
            if let Some(stop) = self.stop
                && Instant::now() >= stop.give_up
            {
                let known = self.task_id().is_some();
                let verdict = outcome::given_up(Some(stop.why), known, self.whose());
                return self.finish(verdict).await;
            }
            match self.step().await {
                Step::Event(event) => {
                    if self.heard(event).await? {
                        return Ok(());
                    }
                }
                Step::Called(called) => self.called(called).await?,
                Step::Woken => self.due.answers_at = Some(Instant::now()),
                Step::Timer => self.doubt_silence(),
            }
        }
    }

    async fn step(&mut self) -> Step {
        let timer = self.next_timer();
        tokio::select! {
            event = next(&mut self.stream) => Step::Event(event),
            Some(called) = self.calls.next(), if !self.calls.is_empty() => Step::Called(called),
            () = self.wake.notified() => Step::Woken,
            () = sleep_until(timer) => Step::Timer,
        }
    }

    fn next_timer(&self) -> Instant {
        let stop = self.stop.map(|stop| stop.give_up);
        let deadline = self.stop.is_none().then_some(self.deadline);
        let stream = Some(if self.stream.is_some() {
            self.pace.silent_at
        } else {
            self.pace.attach_at
        });
        let at_hand = self.ready.is_some() && self.task_id().is_some();
        let calls = [self.due.cancel_at, self.due.answers_at]
            .into_iter()
            .flatten();
        let calls = calls.filter(|_| at_hand);
        let all = [stop, deadline, stream].into_iter().flatten().chain(calls);
        all.min().unwrap_or(self.deadline)
    }

    pub(super) fn task_id(&self) -> Option<TaskId> {
        // The transcript is the user's and may be gone; the row still knows.
        let text = self.view(|live| {
            let row = live.row.wire.task_id.as_deref();
            live.turn.task_id().or(row).map(str::to_owned)
        });
        TaskId::new(text.flatten()?).ok()
    }

    /// Commits what the last lines say of the state.
    async fn save_progress(&mut self) -> Result<(), DriveError> {
        let seen = self.view(|live| {
            let task = live.turn.task_id().map(str::to_owned);
            (
                task,
                live.turn.state(),
                live.row.state,
                live.row.wire.task_id.clone(),
            )
        });
        let Some((Some(task), seen, stored, known)) = seen else {
            return Ok(());
        };
        let last = self
            .view(|live| live.turn.last().to_owned())
            .unwrap_or_default();
        let progress = match (stored, seen) {
            (DispatchState::InputRequired, Some(DispatchState::InputRequired)) => return Ok(()),
            (_, Some(DispatchState::InputRequired)) => Progress::AskedPerson,
            (DispatchState::InputRequired, Some(DispatchState::Working)) => Progress::Resumed,
            (DispatchState::Working, _) if known.is_some() => return Ok(()),
            (_, _) => Progress::Accepted,
        };
        self.advance(progress, |row| {
            row.wire.task_id = Some(task);
            row.last_event = last.into();
        })
        .await
    }

    /// A person's wish, the deadline and a used-up grant become stops.
    fn begin_stops(&mut self) {
        let now = Instant::now();
        let last = self.deadline + machine::AFTER_DEADLINE;
        if self.stop.is_none() && self.cancel_wanted() {
            self.begin(StopWhy::Canceled, last);
        }
        if self.stop.is_none() && self.over_grant() {
            self.begin(StopWhy::Budget, last);
        }
        if now >= self.deadline && self.stop.is_none() {
            let grace = now + machine::END_GRACE;
            let attached = self.stream.is_some();
            self.begin(StopWhy::Deadline, if attached { grace } else { last });
        }
    }

    fn begin(&mut self, why: StopWhy, give_up: Instant) {
        self.stop = Some(Stop { why, give_up });
        let enforces = why == StopWhy::Deadline && self.enforces();
        let head_start = if enforces { OWN_END } else { Duration::ZERO };
        self.due.cancel_at = Some(Instant::now() + head_start);
    }

    /// Whether the peer keeps deadline and grant by itself; one that was not found yet is taken to.
    fn enforces(&self) -> bool {
        let ready = self.ready.as_ref();
        ready.is_none_or(|ready| ready.endpoint.card.lists_dispatch)
    }

    /// Whether the grant is used up at a peer that does not know of grants.
    fn over_grant(&self) -> bool {
        if self.enforces() {
            return false;
        }
        self.view(|live| {
            let (granted, usage) = (&live.row.granted, &live.row.usage);
            let tokens = granted
                .tokens
                .is_some_and(|most| usage.counted_tokens() > most);
            let cost = usage.cost_usd.map(crate::domain::Cost::from_usd);
            let cost = granted
                .cost
                .zip(cost)
                .is_some_and(|(most, cost)| cost > most);
            tokens || cost
        }) == Some(true)
    }

    /// Starts the calls that are due, once the peer and its task are at hand.
    pub(super) async fn call_due(&mut self) -> Result<(), DriveError> {
        let (Some(ready), Some(task)) = (self.ready.clone(), self.task_id()) else {
            return Ok(());
        };
        let now = Instant::now();
        if self.due.cancel_at.is_some_and(|at| at <= now) {
            self.due.cancel_at = None;
            let client = self.inner.client.clone();
            self.calls
                .push(calls::cancel(client, ready.endpoint.clone(), task.clone()));
        }
        if self.due.answers_at.is_some_and(|at| at <= now) {
            self.due.answers_at = None;
            for row in self.inner.store.pending_answers(self.id).await? {
                if !self.due.answering.insert(row.message_id.clone()) {
                    continue;
                }
                let client = self.inner.client.clone();
                let call = calls::answer(client, ready.endpoint.clone(), &task, row);
                self.calls.extend(call);
            }
        }
        Ok(())
    }

    async fn called(&mut self, called: Called) -> Result<(), DriveError> {
        match called {
            Called::Cancel(canceled) => {
                self.prove_if_unauthenticated((*canceled).as_ref().err())
                    .await;
                self.canceled(*canceled)
            }
            Called::Answer(answered) => {
                let (row, sent) = *answered;
                self.prove_if_unauthenticated(sent.as_ref().err()).await;
                self.answered(&row, &sent).await
            }
        }
    }

    /// A call whose token is not the peer's any more goes again with the one that is.
    async fn prove_if_unauthenticated(&mut self, error: Option<&ClientError>) {
        if !error.is_some_and(ClientError::is_unauthenticated) {
            return;
        }
        self.inner.peers.doubt(&self.peer).await;
        if let Some(ready) = self.find_peer(Instant::now() + CALL_AGAIN).await {
            self.ready = Some(ready);
        }
    }

    /// A peer that answered has little time left; one that did not is asked again.
    fn canceled(
        &mut self,
        canceled: Result<fleet_a2a::types::Task, ClientError>,
    ) -> Result<(), DriveError> {
        let reached = match &canceled {
            Ok(_) => true,
            // One that turned us away, as it does while it drains, has not heard of it.
            Err(error @ ClientError::Rpc(_)) => error.delivery() != Delivery::NotAccepted,
            Err(_) => false,
        };
        if !reached {
            self.due.cancel_at = Some(Instant::now() + CALL_AGAIN);
            return Ok(());
        }
        if let Some(stop) = &mut self.stop {
            let grace = match stop.why {
                StopWhy::Deadline => machine::END_GRACE,
                StopWhy::Canceled | StopWhy::Budget => machine::CANCEL_GRACE,
            };
            stop.give_up = stop.give_up.min(Instant::now() + grace);
        }
        match canceled {
            // A peer without numbered events may tell the end here only.
            Ok(task) if self.stream.is_none() => self.record_snapshot(StreamResponse::Task(task)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

async fn next(stream: &mut Option<EventStream>) -> Option<Result<PeerEvent, ClientError>> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
