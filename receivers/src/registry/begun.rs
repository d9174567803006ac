//! A turn that begins with its task: one commit in place of two when a place is free.
//!
//! Owns: taking the place, and what the row and event 2 say then. Does not own: whether it may begin (see `machine`).

use std::sync::Arc;

use fleet_a2a::clock::now_ms;
use fleet_a2a::contract::fold;
use tokio::sync::OwnedSemaphorePermit;

use super::limits::Limits;
use super::machine::{Effect, Input, Machine};
use super::message::Work;
use super::shared::Shared;
use super::wire::Wire;
use crate::store::{TaskRow, TaskState};

/// A turn that has its place. Dropped, it gives the place back.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(super) machine: Machine,
    pub(super) place: OwnedSemaphorePermit,
    /// The agent settings that it begins on.
    pub(super) settings: String,
}

impl Begun {
    /// Takes a free place for a new task that may begin, makes its row WORKING, and gives event 2, which says so. `None`:
    /// it has to wait, or must not begin; then the row is as it was.
    pub(super) fn at_once(
        shared: &Shared,
        task: &mut TaskRow,
        work: &Work,
        settings: String,
    ) -> Option<(Box<Self>, String)> {
        let place = Arc::clone(&shared.places).try_acquire_owned().ok()?;
        let mut machine = machine_of(shared, task, &fold(&work.dispatch.contract));
        let at = now_ms();
        if machine.step(Input::Place, at) != [Effect::Begin] {
            return None;
        }
        let wire = Wire::new(task.id.clone(), task.context_id.clone());
        let status = Wire::status(TaskState::Working, at);
        task.state = TaskState::Working;
        task.status_json = status.to_string();
        // The estimate of its prompt: a crash now must not make it free.
        task.usage_json = serde_json::to_string(&machine.usage()).ok();
        task.changed_at_ms = at;
        task.last_seq += 1;
        let event = wire.status_update(&status, None).to_string();
        let begun = Self {
            machine,
            place,
            settings,
        };
        Some((Box::new(begun), event))
    }
}

/// The machine of a task that waits.
pub(super) fn machine_of(shared: &Shared, row: &TaskRow, prompt: &str) -> Machine {
    let limits: Limits = serde_json::from_str(&row.limits_json).unwrap_or_default();
    let answer_timeout_s = shared.config.permission_timeout_s;
    Machine::new(limits, row.deadline_at_ms, answer_timeout_s, prompt)
}
