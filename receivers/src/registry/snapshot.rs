//! A task as GetTask, ListTasks and the first frame of a stream show it.
//!
//! Owns: putting rows together. Does not own: paging.

use fleet_a2a::ext::usage;
use serde_json::{Value, json};

use super::wire::Artifacts;
use crate::store::{Store, StoreError, TaskRow};

/// Messages of the history when the caller names no number: all that a task of ours usually has.
const DEFAULT_HISTORY: u32 = 100;

/// What a caller wants to see of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detail {
    /// The last so many messages; 0 leaves the history out.
    pub(crate) history: u32,
    /// Whether the artifacts are wanted.
    pub(crate) artifacts: Artifact,
}

/// Whether artifacts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Artifact {
    /// They are.
    Shown,
    /// They are left out.
    Omitted,
}

impl Detail {
    /// Everything; `history` as the caller named it.
    pub(crate) fn full(history: Option<u32>) -> Self {
        Self {
            history: history.unwrap_or(DEFAULT_HISTORY).min(DEFAULT_HISTORY),
            artifacts: Artifact::Shown,
        }
    }
}

/// The task of a row, as of the row's last event.
pub(crate) async fn task(
    store: &Store,
    row: &TaskRow,
    detail: Detail,
) -> Result<Value, StoreError> {
    let mut task = json!({
        "id": row.id,
        "contextId": row.context_id,
        "status": parse(&row.status_json)?,
    });
    if detail.artifacts == Artifact::Shown {
        let mut artifacts = Artifacts::default();
        for json in store.artifact_events(&row.id, row.last_seq).await? {
            artifacts.apply(&parse(&json)?);
        }
        task["artifacts"] = Value::Array(artifacts.into_values());
    }
    if detail.history > 0 {
        let messages = store.messages(&row.id, detail.history).await?;
        let messages: Result<Vec<Value>, _> = messages.iter().map(|json| parse(json)).collect();
        task["history"] = Value::Array(messages?);
    }
    if let Some(spent) = &row.usage_json {
        task["metadata"] = json!({usage::URI: parse(spent)?});
    }
    Ok(task)
}

fn parse(json: &str) -> Result<Value, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged {
        what: error.to_string(),
    })
}
