//! The state machine of one turn: what happens, and what must follow from it.
//!
//! Owns: every rule about the course of a turn: the grant, the stops and their order, the questions, the end. Pure: it
//! does no I/O and reads no clock; `drive` feeds it and does what it says. Does not own: what is stored how (see `wire`).

use std::collections::VecDeque;
use std::time::Duration;

use fleet_a2a::clock::rfc3339;
use fleet_a2a::contract::Violation;
use fleet_a2a::ext::{Decision, EndReason, FleetEvent, PermissionRequest, Refusal, Usage};

use super::answer::Answer;
use super::batch::Item;
use super::limits::{Limits, answer_time, remaining};
use super::meter::Meter;
use crate::adapter::{AdapterEvent, TurnCommand, TurnEnd, TurnOutcome};
use crate::store::TaskState;

/// Longest reply, in bytes; a message of it must still be one event that a client can hold.
pub(crate) const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;
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
            Input::Place => self.place(),
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

    fn place(&mut self) -> Vec<Effect> {
        if self.phase != Phase::Waiting {
            return Vec::new();
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

    fn adapter(&mut self, event: AdapterEvent, now_ms: i64) -> Vec<Effect> {
        match event {
            AdapterEvent::Session(id) => {
                let event = FleetEvent::Session {
                    session_id: id.clone(),
                };
                vec![Effect::Remember(id), Effect::Add(Item::Event(event))]
            }
            AdapterEvent::TextDelta(text) => {
                self.reply_bytes += text.len();
                let bytes = text.len();
                if self.reply_bytes > MAX_REPLY_BYTES {
                    return self.too_much("The reply passed 8 MiB, the most that is taken");
                }
                self.told(bytes, Item::Text(text))
            }
            AdapterEvent::Usage(usage) => {
                self.meter.reported(usage);
                let mut effects = vec![Effect::Add(Item::Usage)];
                effects.extend(self.check_grant());
                effects
            }
            AdapterEvent::Permission(request) => self.permission(request, now_ms),
            AdapterEvent::Artifact { name, parts } => {
                let bytes = serde_json::to_vec(&parts).map_or(0, |json| json.len());
                self.counted(bytes as u64, Item::Artifact { name, parts })
            }
            AdapterEvent::Thought(text) => {
                let bytes = text.len();
                self.told(bytes, Item::Event(FleetEvent::Thought { text }))
            }
            AdapterEvent::ToolCall {
                call_id,
                tool,
                arguments,
            } => {
                let bytes = arguments.to_string().len();
                let event = FleetEvent::ToolCall {
                    call_id,
                    tool,
                    arguments,
                };
                self.told(bytes, Item::Event(event))
            }
            AdapterEvent::ToolResult {
                call_id,
                text,
                is_error,
            } => {
                let bytes = text.len() as u64;
                let event = FleetEvent::ToolResult {
                    call_id,
                    text,
                    is_error,
                };
                self.counted(bytes, Item::Event(event))
            }
            AdapterEvent::Retry {
                attempt,
                max_attempts,
                text,
            } => {
                let bytes = text.len() as u64;
                let event = FleetEvent::Retry {
                    attempt,
                    max_attempts,
                    text,
                };
                self.counted(bytes, Item::Event(event))
            }
            AdapterEvent::Note(text) => {
                let bytes = text.len() as u64;
                self.counted(bytes, Item::Event(FleetEvent::Note { text }))
            }
        }
    }

    /// Something the model wrote: it is metered as output where the agent reports nothing.
    fn told(&mut self, bytes: usize, item: Item) -> Vec<Effect> {
        self.meter.wrote(bytes);
        let mut effects = self.counted(bytes as u64, item);
        effects.extend(self.check_grant());
        effects
    }

    /// Adds an item unless the turn has told too much.
    fn counted(&mut self, bytes: u64, item: Item) -> Vec<Effect> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.events += u64::from(!matches!(item, Item::Text(_)));
        if self.events > MAX_TURN_EVENTS {
            return self.too_much("The turn told more than 100,000 events, the most that is kept");
        }
        if self.bytes > MAX_TURN_BYTES {
            return self.too_much("The turn told more than 64 MiB, the most that is kept");
        }
        vec![Effect::Add(item)]
    }

    fn too_much(&mut self, what: &str) -> Vec<Effect> {
        let detail = format!("{what}; it was stopped there.");
        self.stop(
            end(TaskState::Failed, EndReason::AgentError, &detail),
            STOP_GRACE,
        )
    }

    fn check_grant(&mut self) -> Vec<Effect> {
        match self.limits.passed_by(&self.meter.total()) {
            Some(detail) => self.stop(
                end(TaskState::Canceled, EndReason::Budget, &detail),
                STOP_GRACE,
            ),
            None => Vec::new(),
        }
    }

    fn permission(&mut self, request: PermissionRequest, now_ms: i64) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Working => self.ask(request, VecDeque::new(), now_ms),
            Phase::Asking { next, .. } => {
                next.push_back(request);
                Vec::new()
            }
            Phase::Waiting | Phase::Stopping(_) | Phase::Ended => {
                let reason = Some("The turn is being stopped.".to_owned());
                vec![tell(&request, Decision::Deny, reason)]
            }
        }
    }

    fn ask(
        &mut self,
        mut request: PermissionRequest,
        next: VecDeque<PermissionRequest>,
        now_ms: i64,
    ) -> Vec<Effect> {
        let time = answer_time(
            self.answer_timeout_s,
            remaining(self.deadline_at_ms, now_ms),
        );
        let time_ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        request.expires_at = rfc3339(now_ms.saturating_add(time_ms));
        self.phase = Phase::Asking {
            current: request.clone(),
            next,
        };
        let event = FleetEvent::PermissionRequest(request);
        vec![
            Effect::Announce(TaskState::InputRequired, event),
            Effect::AwaitAnswer(time),
        ]
    }

    /// Whether an answer fits what waits.
    pub(crate) fn judge(&self, answer: Answer) -> Result<(Decision, Option<String>), Violation> {
        match &self.phase {
            Phase::Asking { current, .. } => answer.resolve(current),
            Phase::Waiting | Phase::Working | Phase::Stopping(_) | Phase::Ended => {
                Err(Violation::new(
                    "message.taskId",
                    "a task that asks nothing now",
                    "a task in INPUT_REQUIRED",
                ))
            }
        }
    }

    /// A decision that [`Self::judge`] found to fit.
    pub(crate) fn decide(
        &mut self,
        decision: Decision,
        reason: Option<String>,
        now_ms: i64,
    ) -> Vec<Effect> {
        let (current, mut next) = match std::mem::replace(&mut self.phase, Phase::Working) {
            Phase::Asking { current, next } => (current, next),
            other @ (Phase::Waiting | Phase::Working | Phase::Stopping(_) | Phase::Ended) => {
                self.phase = other;
                return Vec::new();
            }
        };
        if decision == Decision::Deny {
            self.refused.push(Refusal {
                tool: current.tool.clone(),
                arguments: current.arguments.clone(),
                reason: reason.clone(),
            });
        }
        let answered = FleetEvent::PermissionAnswered {
            request_id: current.request_id.clone(),
            decision,
            reason: reason.clone(),
        };
        let mut effects = vec![
            Effect::Announce(TaskState::Working, answered),
            Effect::StopAwaiting,
            tell(&current, decision, reason),
        ];
        if let Some(request) = next.pop_front() {
            effects.extend(self.ask(request, next, now_ms));
        }
        effects
    }

    fn answer_timeout(&mut self, now_ms: i64) -> Vec<Effect> {
        let reason = "Nobody answered in time, which counts as a denial.".to_owned();
        self.decide(Decision::Deny, Some(reason), now_ms)
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
                "The reply is over 8 MiB, the most that is taken.",
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

fn tell(request: &PermissionRequest, decision: Decision, reason: Option<String>) -> Effect {
    Effect::Tell(TurnCommand::Answer {
        request_id: request.request_id.clone(),
        decision,
        reason,
    })
}

#[cfg(test)]
mod tests;
