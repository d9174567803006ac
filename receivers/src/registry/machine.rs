//! The state machine of one turn: what happens, and what must follow from it.
//!
//! Owns: every rule about the course of a turn: the grant, the stops and their order, the questions, the end. Pure: it
//! does no I/O and reads no clock; `drive` feeds it and does what it says. Does not own: what is stored how (see `wire`).

mod question;
mod told;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use fleet_a2a::contract::MAX_REPLY_BYTES;
use fleet_a2a::ext::{EndReason, FleetEvent, PermissionRequest, Refusal, Usage};

use super::batch::Item;
use super::limits::Limits;
use super::meter::Meter;
use crate::adapter::{AdapterEvent, TurnCommand, TurnEnd, TurnOutcome};
use crate::store::TaskState;

/// Most events of a turn; a turn of a day at one event a second stays below.
pub(crate) const MAX_TURN_EVENTS: u64 = 100_000;
/// Most bytes of tools, thoughts and artifacts that a turn may tell.
pub(crate) const MAX_TURN_BYTES: u64 = 64 * 1024 * 1024;
/// What an agent gets to stop at its deadline; with the sweep it is over within 2 s.
const DEADLINE_GRACE: Duration = Duration::from_secs(1);
/// What an agent gets to stop when somebody waits for it: a cancel is done within 1 s.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// What happens to a turn.
#[derive(Debug)]
pub(crate) enum Input {
    /// It has a place and may begin.
    Place,
    /// The adapter told something.
    Adapter(AdapterEvent),
    /// The adapter is done.
    Finished(TurnEnd),
    /// The adapter broke: a defect of ours.
    Broke,
    /// Somebody cancels.
    Cancel,
    /// The deadline is there.
    Deadline,
    /// The time for an answer is over.
    AnswerTimeout,
    /// The receiver stops.
    Shutdown,
    /// The agent did not stop in its grace period.
    GraceOver,
}

/// What must be done, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Commit WORKING, then run the adapter.
    Begin,
    /// Leave the task SUBMITTED: the next start runs it.
    Leave,
    /// Store the CLI's session.
    Remember(String),
    /// Add to the batch.
    Add(Item),
    /// Commit the batch, then this change of state, at once.
    Announce(TaskState, FleetEvent),
    /// Tell the adapter.
    Tell(TurnCommand),
    /// A person has so long to answer.
    AwaitAnswer(Duration),
    /// Nobody needs to answer any more.
    StopAwaiting,
    /// The adapter has so long to stop.
    Grace(Duration),
    /// End the processes, then commit the end.
    End(Box<End>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// A terminal state.
    pub(crate) state: TaskState,
    /// Why not completed.
    pub(crate) reason: Option<EndReason>,
    /// One sentence.
    pub(crate) detail: String,
    /// What was refused on the way.
    pub(crate) refused: Vec<Refusal>,
    /// The whole reply of a completed turn.
    pub(crate) reply: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Phase {
    Waiting,
    Working,
    Asking {
        current: PermissionRequest,
        next: VecDeque<PermissionRequest>,
    },
    Stopping(End),
    Ended,
}

/// One turn.
#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    limits: Limits,
    deadline_at_ms: i64,
    answer_timeout_s: u32,
    meter: Meter,
    reply_bytes: usize,
    events: u64,
    bytes: u64,
    refused: Vec<Refusal>,
}

impl Machine {
    /// A turn that waits for its place.
    pub(crate) fn new(
        limits: Limits,
        deadline_at_ms: i64,
        answer_timeout_s: u32,
        prompt: &str,
    ) -> Self {
        Self {
            phase: Phase::Waiting,
            limits,
            deadline_at_ms,
            answer_timeout_s,
            meter: Meter::new(prompt),
            reply_bytes: 0,
            events: 0,
            bytes: 0,
            refused: Vec::new(),
        }
    }

    /// What was spent so far.
    pub(crate) fn usage(&self) -> Usage {
        match self.phase {
            Phase::Waiting => Usage::default(),
            Phase::Working | Phase::Asking { .. } | Phase::Stopping(_) | Phase::Ended => {
                self.meter.total()
            }
        }
    }

    /// The state that status messages carry now.
    pub(crate) fn state(&self) -> TaskState {
        match self.phase {
            Phase::Asking { .. } => TaskState::InputRequired,
            Phase::Waiting => TaskState::Submitted,
            Phase::Working | Phase::Stopping(_) | Phase::Ended => TaskState::Working,
        }
    }

    /// One step.
    pub(crate) fn step(&mut self, input: Input, now_ms: i64) -> Vec<Effect> {
        match input {
            Input::Place => self.place(now_ms),
            Input::Adapter(event) => self.adapter(event, now_ms),
            Input::Finished(end) => self.finished(end),
            Input::Broke => self.broke(),
            Input::Cancel => self.stop(
                end(
                    TaskState::Canceled,
                    EndReason::Canceled,
                    "The task was canceled.",
                ),
                STOP_GRACE,
            ),
            Input::Deadline => self.stop(
                end(
                    TaskState::Failed,
                    EndReason::Deadline,
                    "The deadline passed.",
                ),
                DEADLINE_GRACE,
            ),
            Input::Shutdown => self.shutdown(),
            Input::AnswerTimeout => self.answer_timeout(now_ms),
            Input::GraceOver => self.grace_over(),
        }
    }

    fn place(&mut self, now_ms: i64) -> Vec<Effect> {
        if self.phase != Phase::Waiting {
            return Vec::new();
        }
        // A timer may fire a moment late; what has expired never begins.
        if now_ms >= self.deadline_at_ms {
            return self.step(Input::Deadline, now_ms);
        }
        self.phase = Phase::Working;
        if let Some(detail) = self.limits.passed_by(&self.meter.total()) {
            // Nothing ran, so nothing was spent.
            self.phase = Phase::Waiting;
            return self.stop(
                end(TaskState::Canceled, EndReason::Budget, &detail),
                STOP_GRACE,
            );
        }
        vec![Effect::Begin]
    }

    /// Begins to stop for a reason; the first reason stays.
    fn stop(&mut self, end: End, grace: Duration) -> Vec<Effect> {
        match self.phase {
            Phase::Waiting => self.end(end),
            Phase::Working | Phase::Asking { .. } => {
                self.phase = Phase::Stopping(end);
                vec![
                    Effect::StopAwaiting,
                    Effect::Tell(TurnCommand::Interrupt),
                    Effect::Grace(grace),
                ]
            }
            Phase::Stopping(_) | Phase::Ended => Vec::new(),
        }
    }

    fn shutdown(&mut self) -> Vec<Effect> {
        if self.phase == Phase::Waiting {
            self.phase = Phase::Ended;
            return vec![Effect::Leave];
        }
        let detail = "The receiver was stopped during the turn.";
        self.stop(
            end(TaskState::Failed, EndReason::Interrupted, detail),
            STOP_GRACE,
        )
    }

    fn finished(&mut self, finished: TurnEnd) -> Vec<Effect> {
        let refused = finished.refused;
        let told = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Stopping(end) => end,
            Phase::Ended => return Vec::new(),
            Phase::Waiting | Phase::Working | Phase::Asking { .. } => {
                self.outcome(finished.outcome)
            }
        };
        if !refused.is_empty() {
            self.refused = refused;
        }
        self.end(told)
    }

    fn outcome(&mut self, outcome: TurnOutcome) -> End {
        match outcome {
            TurnOutcome::Completed { reply } if reply.len() > MAX_REPLY_BYTES => end(
                TaskState::Failed,
                EndReason::AgentError,
                "The reply is over 4 MiB, the most that is taken.",
            ),
            TurnOutcome::Completed { reply } => {
                self.meter.replied(&reply);
                End {
                    state: TaskState::Completed,
                    reason: None,
                    detail: String::new(),
                    refused: Vec::new(),
                    reply: Some(reply),
                }
            }
            TurnOutcome::Failed { detail } => {
                end(TaskState::Failed, EndReason::AgentError, &detail)
            }
            TurnOutcome::Unauthenticated { detail } => {
                end(TaskState::Failed, EndReason::Unauthenticated, &detail)
            }
            TurnOutcome::Rejected { detail } => End {
                reason: None,
                ..end(TaskState::Rejected, EndReason::AgentError, &detail)
            },
            TurnOutcome::Interrupted => end(
                TaskState::Failed,
                EndReason::Interrupted,
                "The agent was interrupted from outside.",
            ),
        }
    }

    fn broke(&mut self) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Stopping(told) => self.end(told),
            Phase::Ended => Vec::new(),
            Phase::Waiting | Phase::Working | Phase::Asking { .. } => self.end(end(
                TaskState::Failed,
                EndReason::AgentError,
                "The receiver failed while it drove the agent; its log says where.",
            )),
        }
    }

    fn grace_over(&mut self) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Stopping(told) => self.end(told),
            other @ (Phase::Waiting | Phase::Working | Phase::Asking { .. } | Phase::Ended) => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    fn end(&mut self, mut end: End) -> Vec<Effect> {
        // A turn that never began keeps its phase, so that its usage stays nothing.
        if self.phase != Phase::Waiting {
            self.phase = Phase::Ended;
        }
        end.refused = std::mem::take(&mut self.refused);
        vec![Effect::End(Box::new(end))]
    }
}

fn end(state: TaskState, reason: EndReason, detail: &str) -> End {
    End {
        state,
        reason: Some(reason),
        detail: detail.to_owned(),
        refused: Vec::new(),
        reply: None,
    }
}

#[cfg(test)]
mod tests;
