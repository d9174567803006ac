//! Rows as the rest of the crate sees them.
//!
//! Owns: the stored words of the states, and decoding.

use fleet_a2a::{ContextId, TaskId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::StoreError;

/// The states a task of ours can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TaskState {
    /// Accepted, waits for a free place.
    Submitted,
    /// The agent is at it.
    Working,
    /// The agent waits for a person.
    InputRequired,
    /// Finished.
    Completed,
    /// Failed; the end event says why.
    Failed,
    /// Stopped by somebody or by its grant.
    Canceled,
    /// The agent declined.
    Rejected,
}

impl TaskState {
    /// Every state.
    pub(crate) const ALL: [Self; 7] = [
        Self::Submitted,
        Self::Working,
        Self::InputRequired,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Rejected,
    ];

    /// The word in the database.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
        }
    }

    /// The word on the wire.
    #[must_use]
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Submitted => "TASK_STATE_SUBMITTED",
            Self::Working => "TASK_STATE_WORKING",
            Self::InputRequired => "TASK_STATE_INPUT_REQUIRED",
            Self::Completed => "TASK_STATE_COMPLETED",
            Self::Failed => "TASK_STATE_FAILED",
            Self::Canceled => "TASK_STATE_CANCELED",
            Self::Rejected => "TASK_STATE_REJECTED",
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Submitted | Self::Working | Self::InputRequired => false,
            Self::Completed | Self::Failed | Self::Canceled | Self::Rejected => true,
        }
    }

    pub(super) fn from_word(word: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| StoreError::Damaged {
                what: format!("state {word:?}"),
            })
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// Its conversation.
    pub context_id: ContextId,
    /// Where it stands.
    pub state: TaskState,
    /// The `TaskStatus` of the latest change of state, as JSON.
    pub status_json: String,
    /// The latest usage, as JSON.
    pub usage_json: Option<String>,
    /// What the turn may spend, as JSON.
    pub limits_json: String,
    /// When it was accepted, in Unix milliseconds.
    pub accepted_at_ms: i64,
    /// When it must have ended, in Unix milliseconds.
    pub deadline_at_ms: i64,
    /// When its state last changed, in Unix milliseconds.
    pub changed_at_ms: i64,
    /// The number of its latest event.
    pub last_seq: i64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// Its number within the task, from 1.
    pub seq: i64,
    /// The `StreamResponse` as it is sent.
    pub json: String,
}

pub(super) fn task(row: &SqliteRow) -> Result<TaskRow, StoreError> {
    let damaged = |error: fleet_a2a::IdError| StoreError::Damaged {
        what: error.to_string(),
    };
    Ok(TaskRow {
        id: TaskId::new(row.try_get::<String, _>("id")?).map_err(damaged)?,
        context_id: ContextId::new(row.try_get::<String, _>("context_id")?).map_err(damaged)?,
        state: TaskState::from_word(row.try_get("state")?)?,
        status_json: row.try_get("status_json")?,
        usage_json: row.try_get("usage_json")?,
        limits_json: row.try_get("limits_json")?,
        accepted_at_ms: row.try_get("accepted_at_ms")?,
        deadline_at_ms: row.try_get("deadline_at_ms")?,
        changed_at_ms: row.try_get("changed_at_ms")?,
        last_seq: row.try_get("last_seq")?,
    })
}
