//! Why something was refused, before it is put into the words of a binding.
//!
//! Owns: the reasons. Does not own: codes and statuses (see `server`).

use fleet_a2a::contract::{ContractError, Violation};
use fleet_a2a::{ContextId, TaskId};

use crate::store::{StoreError, TaskState};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The message or its contract is not valid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))]
    Invalid(Vec<Violation>),
    /// Another message has this id.
    #[error(
        "messageId was used for another message, of task {0}; send a new message under a new id"
    )]
    Conflict(TaskId),
    /// The context is busy.
    #[error(
        "duplicate dispatch: task {task} is under way on context {context}; wait for its end, or answer or cancel it"
    )]
    Busy {
        /// The task.
        task: TaskId,
        /// The context.
        context: ContextId,
    },
    /// The context and the task do not belong together.
    #[error("contextId is not that of task {0}; leave it out, or name the task's own")]
    OtherContext(TaskId),
    /// There is no such task.
    #[error("task not found: {0}")]
    NoTask(TaskId),
    /// The task has ended.
    #[error("task {0} has ended; send a message without a taskId to go on in its context")]
    Ended(TaskId),
    /// The task cannot be canceled any more.
    #[error("task {0} cannot be canceled: it is {state}", state = .1.wire())]
    NotCancelable(TaskId, TaskState),
    /// Too much is open.
    #[error("this receiver holds {0} open tasks, which is all it takes; try again later")]
    Full(i64),
    /// The receiver stops.
    #[error("this receiver is stopping and takes nothing new; try again when it runs")]
    Draining,
    /// The database refused.
    #[error("the receiver cannot store the task: {0}")]
    Store(#[from] StoreError),
}

impl From<ContractError> for Refused {
    fn from(error: ContractError) -> Self {
        Self::Invalid(error.violations)
    }
}

impl From<Violation> for Refused {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}
