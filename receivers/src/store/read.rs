//! Reading: tasks, pages of them, their events and messages.
//!
//! Owns: the queries of the readers' pool. Events up to a `last_seq` that was read never change, so a task and its events
//! fit together without a transaction.

use fleet_a2a::{ContextId, TaskId};
use sqlx::Row;

use super::rows::{self, EventRow, TaskRow, TaskState};
use super::{Store, StoreError};

/// Which tasks a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskFilter {
    /// Of one conversation.
    pub context: Option<ContextId>,
    /// In one state.
    pub state: Option<TaskState>,
    /// Changed at or after this moment, in Unix milliseconds.
    pub changed_from_ms: Option<i64>,
}

/// Where a page begins: after this task, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageAfter {
    /// When it changed.
    pub changed_at_ms: i64,
    /// Its id.
    pub id: String,
}

/// One page, the latest change first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// The tasks; one more than asked for when there is a next page.
    pub tasks: Vec<TaskRow>,
    /// How many there are on all pages.
    pub total: i64,
}

/// The filter as SQL; absent figures match everything.
const FILTER: &str = "(?1 IS NULL OR context_id = ?1) AND (?2 IS NULL OR state = ?2)
     AND (?3 IS NULL OR changed_at_ms >= ?3)";

impl Store {
    /// One task.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM tasks WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(rows::task).transpose()
    }

    /// All tasks that have not ended, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn open_tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM tasks WHERE state IN ('submitted', 'working', 'input_required')
             ORDER BY accepted_at_ms, id",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(rows::task).collect()
    }

    /// One page of tasks, and one row more when another page follows.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn list(
        &self,
        filter: &TaskFilter,
        after: Option<&PageAfter>,
        size: u32,
    ) -> Result<Page, StoreError> {
        let context = filter.context.as_ref().map(ContextId::as_str);
        let state = filter.state.map(TaskState::word);
        let total: i64 = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT count(*) FROM tasks WHERE {FILTER}"
        )))
        .bind(context)
        .bind(state)
        .bind(filter.changed_from_ms)
        .fetch_one(&self.readers)
        .await?
        .try_get(0)?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT * FROM tasks WHERE {FILTER}
             AND (?4 IS NULL OR (changed_at_ms, id) < (?4, ?5))
             ORDER BY changed_at_ms DESC, id DESC LIMIT ?6"
        )))
        .bind(context)
        .bind(state)
        .bind(filter.changed_from_ms)
        .bind(after.map(|after| after.changed_at_ms))
        .bind(after.map(|after| after.id.as_str()))
        .bind(i64::from(size) + 1)
        .fetch_all(&self.readers)
        .await?;
        Ok(Page {
            tasks: rows.iter().map(rows::task).collect::<Result<_, _>>()?,
            total,
        })
    }

    /// Up to `limit` events after `after`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn events(
        &self,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, json FROM events WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(task.as_str())
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(EventRow {
                    seq: row.try_get("seq")?,
                    json: row.try_get("json")?,
                })
            })
            .collect()
    }

    /// The artifact events of a task up to `last_seq`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn artifact_events(
        &self,
        task: &TaskId,
        last_seq: i64,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT json FROM events WHERE task_id = ? AND seq <= ? AND kind = 'artifact' ORDER BY seq",
        )
        .bind(task.as_str())
        .bind(last_seq)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The messages of a task, the oldest first; at most the last `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn messages(
        &self,
        task: &TaskId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT json FROM messages WHERE task_id = ? ORDER BY at_ms DESC, rowid DESC LIMIT ?",
        )
        .bind(task.as_str())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().rev().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The CLI's session of a context.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn session(&self, context: &ContextId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT session_id FROM sessions WHERE context_id = ?")
            .bind(context.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }
}
