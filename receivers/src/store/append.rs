//! Adding to a task: events, changes of state, answers and sessions, each commit before it is told.
//!
//! Owns: the numbering of events, and that nothing follows an end.

use fleet_a2a::{ContextId, TaskId};
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::accept::{StoredMessage, insert_message};
use super::rows::TaskState;
use super::{Store, StoreError};

/// Events that one statement adds: a batch has fewer as a rule, and each number is a statement that is kept.
const EVENTS_AT_ONCE: usize = 12;

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
        if let Some(message) = &add.answer {
            insert_message(&mut tx, task, message, add.at_ms).await?;
        }
        let mut rest = add.events.as_slice();
        loop {
            let (now, later) = rest.split_at(rest.len().min(EVENTS_AT_ONCE));
            seq = write(&mut tx, (task, seq), now, add).await?;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
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
        sqlx::query(
            "INSERT INTO sessions VALUES (?, ?, ?) ON CONFLICT (context_id)
             DO UPDATE SET session_id = excluded.session_id, changed_at_ms = excluded.changed_at_ms",
        )
        .bind(context.as_str())
        .bind(session)
        .bind(at_ms)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

/// Adds events after `seq` and brings the task's row up to date; gives back the last number.
async fn write(
    tx: &mut Transaction<'_, Sqlite>,
    (task, mut seq): (&TaskId, i64),
    events: &[(&'static str, String)],
    add: &Append,
) -> Result<i64, StoreError> {
    let mut query = sqlx::query(AssertSqlSafe(statement(events.len())));
    for (kind, json) in events {
        seq += 1;
        query = query
            .bind(task.as_str())
            .bind(seq)
            .bind(add.at_ms)
            .bind(*kind)
            .bind(json);
    }
    let change = add.status.as_ref();
    query
        .bind(seq)
        .bind(&add.usage_json)
        .bind(change.map(|change| change.state.word()))
        .bind(change.map(|change| &change.status_json))
        .bind(change.map(|_| add.at_ms))
        .bind(task.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(seq)
}

/// Both steps as one text: each trip to the database's thread costs more than the step itself.
fn statement(events: usize) -> String {
    let update = "UPDATE tasks SET last_seq = ?, usage_json = coalesce(?, usage_json),
         state = coalesce(?, state), status_json = coalesce(?, status_json),
         changed_at_ms = coalesce(?, changed_at_ms) WHERE id = ?";
    if events == 0 {
        return update.to_owned();
    }
    let rows = vec!["(?, ?, ?, ?, ?)"; events].join(", ");
    format!("INSERT INTO events VALUES {rows}; {update}")
}
