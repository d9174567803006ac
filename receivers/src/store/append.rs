//! Adding to a task: events, changes of state, answers and sessions, each commit before it is told.
//!
//! Owns: the numbering of events, and that nothing follows an end.

use fleet_a2a::{ContextId, TaskId};
use sqlx::{Row, Sqlite, Transaction};

use super::accept::{StoredMessage, insert_message};
use super::rows::TaskState;
use super::{Store, StoreError};

/// A new status, as GetTask is to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusChange {
    /// The state.
    pub state: TaskState,
    /// The `TaskStatus` as JSON.
    pub status_json: String,
}

/// What one transaction adds to a task. Everything or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Append {
    /// The kind (`status` or `artifact`) and `StreamResponse` of each event, in order.
    pub events: Vec<(&'static str, String)>,
    /// The status that GetTask shows from now on.
    pub status: Option<StatusChange>,
    /// The running total of the usage, as JSON.
    pub usage_json: Option<String>,
    /// The answer that caused this.
    pub answer: Option<StoredMessage>,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
}

impl Store {
    /// Adds to an open task and tells the number of its latest event.
    ///
    /// # Errors
    /// [`StoreError::Ended`] when the task has ended: the first end that is committed wins.
    pub(crate) async fn append(&self, task: &TaskId, add: &Append) -> Result<i64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query("SELECT state, last_seq FROM tasks WHERE id = ?")
            .bind(task.as_str())
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(StoreError::Ended)?;
        if TaskState::from_word(row.try_get("state")?)?.is_terminal() {
            return Err(StoreError::Ended);
        }
        let mut seq: i64 = row.try_get("last_seq")?;
        for (kind, json) in &add.events {
            seq += 1;
            sqlx::query("INSERT INTO events VALUES (?, ?, ?, ?, ?)")
                .bind(task.as_str())
                .bind(seq)
                .bind(add.at_ms)
                .bind(*kind)
                .bind(json)
                .execute(&mut *tx)
                .await?;
        }
        if let Some(message) = &add.answer {
            insert_message(&mut tx, task, message, add.at_ms).await?;
        }
        update(&mut tx, task, add, seq).await?;
        tx.commit().await?;
        Ok(seq)
    }

    /// Remembers the CLI's session of a context.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses.
    pub(crate) async fn remember_session(
        &self,
        context: &ContextId,
        session: &str,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO sessions VALUES (?, ?, ?) ON CONFLICT (context_id)
             DO UPDATE SET session_id = excluded.session_id, changed_at_ms = excluded.changed_at_ms",
        )
        .bind(context.as_str())
        .bind(session)
        .bind(at_ms)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn update(
    tx: &mut Transaction<'_, Sqlite>,
    task: &TaskId,
    add: &Append,
    seq: i64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE tasks SET last_seq = ?, usage_json = coalesce(?, usage_json) WHERE id = ?")
        .bind(seq)
        .bind(&add.usage_json)
        .bind(task.as_str())
        .execute(&mut **tx)
        .await?;
    if let Some(change) = &add.status {
        sqlx::query("UPDATE tasks SET state = ?, status_json = ?, changed_at_ms = ? WHERE id = ?")
            .bind(change.state.word())
            .bind(&change.status_json)
            .bind(add.at_ms)
            .bind(task.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
