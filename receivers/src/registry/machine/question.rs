//! What waits for a person, permissions and questions: one at a time, the others behind it.
//!
//! Owns: their order, their time, and that silence is a denial.

use std::collections::VecDeque;

use fleet_a2a::clock::rfc3339;
use fleet_a2a::contract::Violation;
use fleet_a2a::ext::{Decision, FleetEvent, PermissionRequest, Refusal, Ruling};

use super::{Effect, Machine, Phase};
use crate::adapter::TurnCommand;
use crate::registry::answer::Answer;
use crate::registry::limits::{answer_time, remaining};
use crate::store::TaskState;

/// Why a permission is denied that nobody answered.
const NOBODY: &str = "Nobody answered in time, which counts as a denial.";
/// What an agent is told whose question nobody answered.
const NOBODY_CHOSE: &str =
    "Nobody answered in time: choose yourself, and say in your reply what you assumed.";

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
                vec![tell(&request, Ruling::plain(Decision::Deny, reason))]
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
    pub(crate) fn judge(&self, answer: Answer) -> Result<Ruling, Violation> {
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

    /// A ruling that [`Self::judge`] found to fit.
    pub(crate) fn decide(&mut self, ruling: Ruling, now_ms: i64) -> Vec<Effect> {
        let (current, mut next) = match std::mem::replace(&mut self.phase, Phase::Working) {
            Phase::Asking { current, next } => (current, next),
            other @ (Phase::Waiting | Phase::Working | Phase::Stopping(_) | Phase::Ended) => {
                self.phase = other;
                return Vec::new();
            }
        };
        if ruling.decision == Decision::Deny {
            self.refused.push(Refusal {
                tool: current.tool.clone(),
                arguments: current.arguments.clone(),
                reason: ruling.reason.clone(),
            });
        }
        let answered = FleetEvent::PermissionAnswered {
            request_id: current.request_id.clone(),
            decision: ruling.decision,
            reason: ruling.reason.clone(),
            answers: ruling.answers.clone(),
        };
        let mut effects = vec![
            Effect::Announce(TaskState::Working, answered),
            Effect::StopAwaiting,
            tell(&current, ruling),
        ];
        if let Some(request) = next.pop_front() {
            effects.extend(self.ask(request, next, now_ms));
        }
        effects
    }

    pub(super) fn answer_timeout(&mut self, now_ms: i64) -> Vec<Effect> {
        let asks =
            matches!(&self.phase, Phase::Asking { current, .. } if !current.questions.is_empty());
        let reason = if asks { NOBODY_CHOSE } else { NOBODY };
        self.decide(
            Ruling::plain(Decision::Deny, Some(reason.to_owned())),
            now_ms,
        )
    }
}

pub(super) fn tell(request: &PermissionRequest, ruling: Ruling) -> Effect {
    Effect::Tell(TurnCommand::Answer {
        request_id: request.request_id.clone(),
        decision: ruling.decision,
        reason: ruling.reason,
        answers: ruling.answers,
    })
}
