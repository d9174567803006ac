//! Questions: one waits for a person at a time, the others behind it.
//!
//! Owns: their order, their time, and that silence is a denial.

use std::collections::VecDeque;

use fleet_a2a::clock::rfc3339;
use fleet_a2a::contract::Violation;
use fleet_a2a::ext::{Decision, FleetEvent, PermissionRequest, Refusal};

use super::{Effect, Machine, Phase};
use crate::adapter::TurnCommand;
use crate::registry::answer::Answer;
use crate::registry::limits::{answer_time, remaining};
use crate::store::TaskState;

impl Machine {
    pub(super) fn permission(&mut self, request: PermissionRequest, now_ms: i64) -> Vec<Effect> {
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

    pub(super) fn answer_timeout(&mut self, now_ms: i64) -> Vec<Effect> {
        let reason = "Nobody answered in time, which counts as a denial.".to_owned();
        self.decide(Decision::Deny, Some(reason), now_ms)
    }
}

pub(super) fn tell(
    request: &PermissionRequest,
    decision: Decision,
    reason: Option<String>,
) -> Effect {
    Effect::Tell(TurnCommand::Answer {
        request_id: request.request_id.clone(),
        decision,
        reason,
    })
}
