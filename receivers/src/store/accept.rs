//! Taking a message: one transaction decides whether it is new, known, an answer, or one too many.
//!
//! Owns: idempotency by `messageId` and the one-turn-per-context rule. Does not own: what a message may hold.

use fleet_a2a::{ContextId, MessageId, TaskId};
use sqlx::{Row, Sqlite, Transaction};

use super::rows::{self, EventRow, TaskRow, TaskState};
use super::{Store, StoreError};

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredMessage {
    /// The idempotency key.
    pub message_id: MessageId,
    /// Hash of the parts in canonical form.
    pub parts_hash: String,
    /// The context that the sender named.
    pub context_given: Option<ContextId>,
    /// The task that the sender named.
    pub task_given: Option<TaskId>,
    /// The message as JSON, for the task's history.
    pub json: String,
}

/// The task that a message would make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Newcomer {
    /// The row; its context is the given one or a minted one.
    pub task: TaskRow,
    /// Event 1, the task itself.
    pub event_json: String,
    /// Event 2, the change to WORKING, of a task that begins at once; then the row says so too.
    pub begun_json: Option<String>,
    /// Open tasks that may be there at most.
    pub max_open: i64,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Accepted {
    /// A new task stands in the database.
    Created,
    /// The message had been taken before; this is its task.
    Known(TaskId),
    /// The `messageId` belongs to another content.
    Conflict(TaskId),
    /// The message names a task that waits for an answer; nothing was stored yet.
    Answer(TaskId),
    /// The context has an open task that waits for nobody.
    Busy {
        /// Which.
        task: TaskId,
        /// On which context.
        context: ContextId,
    },
    /// The named task does not exist.
    NoTask(TaskId),
    /// The named task has ended.
    TaskEnded(TaskId),
    /// The named task belongs to another context.
    OtherContext(TaskId),
    /// Too many open tasks.
    Full,
}

impl Newcomer {
    /// Its events as they stand in the log.
    pub(crate) fn events(&self) -> Vec<EventRow> {
        let all = [Some(&self.event_json), self.begun_json.as_ref()];
        let json = all.into_iter().flatten().cloned();
        (1..)
            .zip(json)
            .map(|(seq, json)| EventRow { seq, json })
            .collect()
    }
}

impl Store {
    /// Decides about a message and stores the task it makes, in one transaction. `new` may be absent for a message that
    /// names a task, which makes none.
    ///
    /// # Errors
    /// [`StoreError`] when the database refuses; then nothing was stored.
    pub(crate) async fn accept(
        &self,
        message: &StoredMessage,
        new: Option<&Newcomer>,
    ) -> Result<Accepted, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(verdict) = known(&mut tx, message).await? {
            return Ok(verdict);
        }
        let verdict = match (&message.task_given, new) {
            (Some(task), _) => continuation(&mut tx, task, message.context_given.as_ref()).await?,
            (None, Some(new)) => {
                let verdict = admission(&mut tx, new).await?;
                if verdict == Accepted::Created {
                    insert(&mut tx, message, new).await?;
                    tx.commit().await?;
                }
                verdict
            }
            (None, None) => {
                return Err(StoreError::Damaged {
                    what: "a message without a task".to_owned(),
                });
            }
        };
        Ok(verdict)
    }
}

/// Whether the message was taken before.
async fn known(
    tx: &mut Transaction<'_, Sqlite>,
    message: &StoredMessage,
) -> Result<Option<Accepted>, StoreError> {
    let row = sqlx::query(
        "SELECT m.task_id AS task_id, m.parts_hash AS parts_hash, m.context_given AS context_given,
                t.context_id AS context_id
         FROM messages m JOIN tasks t ON t.id = m.task_id WHERE m.message_id = ?",
    )
    .bind(message.message_id.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let task = task_id(row.try_get("task_id")?)?;
    let stored: Option<String> = row.try_get("context_given")?;
    let context: String = row.try_get("context_id")?;
    let given = message.context_given.as_ref().map(ContextId::as_str);
    // Whoever learnt the context of its message may name it when it asks again.
    let same_context = given == stored.as_deref() || given == Some(context.as_str());
    let same_task = message
        .task_given
        .as_ref()
        .is_none_or(|given| *given == task);
    let same_parts = row.try_get::<String, _>("parts_hash")? == message.parts_hash;
    Ok(Some(if same_parts && same_context && same_task {
        Accepted::Known(task)
    } else {
        Accepted::Conflict(task)
    }))
}

/// What a message means that names a task.
async fn continuation(
    tx: &mut Transaction<'_, Sqlite>,
    task: &TaskId,
    context: Option<&ContextId>,
) -> Result<Accepted, StoreError> {
    let row = sqlx::query("SELECT * FROM tasks WHERE id = ?")
        .bind(task.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row.as_ref().map(rows::task).transpose()? else {
        return Ok(Accepted::NoTask(task.clone()));
    };
    if context.is_some_and(|given| *given != row.context_id) {
        return Ok(Accepted::OtherContext(row.id));
    }
    Ok(match row.state {
        TaskState::InputRequired => Accepted::Answer(row.id),
        TaskState::Submitted | TaskState::Working => Accepted::Busy {
            task: row.id,
            context: row.context_id,
        },
        TaskState::Completed | TaskState::Failed | TaskState::Canceled | TaskState::Rejected => {
            Accepted::TaskEnded(row.id)
        }
    })
}

/// Whether a new task may begin on its context.
async fn admission(
    tx: &mut Transaction<'_, Sqlite>,
    new: &Newcomer,
) -> Result<Accepted, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT id FROM tasks
                 WHERE context_id = ? AND state IN ('submitted', 'working', 'input_required')) AS busy,
                (SELECT count(*) FROM tasks
                 WHERE state IN ('submitted', 'working', 'input_required')) AS open",
    )
    .bind(new.task.context_id.as_str())
    .fetch_one(&mut **tx)
    .await?;
    if let Some(busy) = row.try_get::<Option<String>, _>("busy")? {
        return Ok(Accepted::Busy {
            task: task_id(busy)?,
            context: new.task.context_id.clone(),
        });
    }
    Ok(if row.try_get::<i64, _>("open")? >= new.max_open {
        Accepted::Full
    } else {
        Accepted::Created
    })
}

/// The task, its first event and its message, as one text: one trip to the database's thread. The parameters of all three
/// count on; numbered ones with gaps would be bound wrongly.
const INSERT: &str = "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
     INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?);
     INSERT INTO events VALUES (?, 1, ?, 'task', ?)";
/// The same of a task that begins at once, with event 2.
const INSERT_BEGUN: &str = "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
     INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?);
     INSERT INTO events VALUES (?, 1, ?, 'task', ?), (?, 2, ?, 'status', ?)";

async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    message: &StoredMessage,
    new: &Newcomer,
) -> Result<(), StoreError> {
    let task = &new.task;
    let begun = new.begun_json.as_ref();
    let mut query = sqlx::query(begun.map_or(INSERT, |_| INSERT_BEGUN))
        .bind(task.id.as_str())
        .bind(task.context_id.as_str())
        .bind(task.state.word())
        .bind(&task.status_json)
        .bind(&task.usage_json)
        .bind(&task.limits_json)
        .bind(task.accepted_at_ms)
        .bind(task.deadline_at_ms)
        .bind(task.changed_at_ms)
        .bind(task.last_seq)
        .bind(message.message_id.as_str())
        .bind(task.id.as_str())
        .bind(&message.parts_hash)
        .bind(message.context_given.as_ref().map(ContextId::as_str))
        .bind(task.accepted_at_ms)
        .bind(&message.json)
        .bind(task.id.as_str())
        .bind(task.accepted_at_ms)
        .bind(&new.event_json);
    if let Some(begun) = begun {
        let at_ms = task.changed_at_ms;
        query = query.bind(task.id.as_str()).bind(at_ms).bind(begun);
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

pub(super) async fn insert_message(
    tx: &mut Transaction<'_, Sqlite>,
    task: &TaskId,
    message: &StoredMessage,
    at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)")
        .bind(message.message_id.as_str())
        .bind(task.as_str())
        .bind(&message.parts_hash)
        .bind(message.context_given.as_ref().map(ContextId::as_str))
        .bind(at_ms)
        .bind(&message.json)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn task_id(text: String) -> Result<TaskId, StoreError> {
    TaskId::new(text).map_err(|error| StoreError::Damaged {
        what: error.to_string(),
    })
}
