//! Statements on dispatches and their attempts.
//!
//! Owns: the SQL. Each function is one transaction, or one step in a caller's. Does not own: the state table (`domain`).

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Row, Sqlite};

use super::ledger::Entry;
use super::rows::{parsed, text_of, word_of};
use super::{DispatchRow, Store, StoreError, Write};
use crate::domain::{DispatchId, DispatchState, PeerName};

/// States in which the guard refuses another one.
const HELD: &str = "('queued', 'sending', 'working', 'input_required', 'unknown')";
/// States that a task of the daemon follows.
const OPEN: &str = "('queued', 'sending', 'working', 'input_required')";
/// Writes what changes while a dispatch is open, and nothing of one that has ended; the wish to cancel is not among it,
/// because another task writes that. Statements that belong to it follow in
/// the same text, because each trip to the database's thread costs more than a statement.
const UPDATE: &str =
    "UPDATE dispatches SET state = ?2, reason = ?3, task_id = ?4, peer_context_id = ?5, ended_at_ms = ?6,
         usage = ?7, transcript_offset = ?8, transcript_seq = ?9, last_event = ?10, outcome = ?11
     WHERE dispatch_id = ?1 AND state IN ('queued', 'sending', 'working', 'input_required')";

/// One try to deliver a dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Where it was sent.
    pub address: String,
    /// The receiver's instance id, for a receiver of ours.
    pub instance: Option<String>,
    /// Whether the peer's card listed our extension: then the same message may be sent again.
    pub idempotent: bool,
    /// When it began, in milliseconds of Unix time.
    pub started_at_ms: i64,
}

impl Store {
    /// One dispatch.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the row is damaged.
    pub async fn dispatch(&self, id: DispatchId) -> Result<Option<DispatchRow>, StoreError> {
        sqlx::query("SELECT * FROM dispatches WHERE dispatch_id = ?")
            .bind(id.to_string())
            .fetch_optional(self.readers())
            .await?
            .as_ref()
            .map(DispatchRow::read)
            .transpose()
    }

    /// Dispatches that must be followed to their end, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub async fn open_dispatches(&self) -> Result<Vec<DispatchRow>, StoreError> {
        let sql = format!(
            "SELECT * FROM dispatches WHERE state IN {OPEN} ORDER BY accepted_at_ms, dispatch_id"
        );
        sqlx::query(AssertSqlSafe(sql))
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(DispatchRow::read)
            .collect()
    }

    /// The newest dispatches, of one peer or of all.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub async fn newest_dispatches(
        &self,
        peer: Option<&PeerName>,
        limit: u32,
    ) -> Result<Vec<DispatchRow>, StoreError> {
        let order = "ORDER BY accepted_at_ms DESC, dispatch_id DESC LIMIT ?1";
        let sql = match peer {
            Some(_) => format!("SELECT * FROM dispatches WHERE peer = ?2 {order}"),
            None => format!("SELECT * FROM dispatches {order}"),
        };
        let query = sqlx::query(AssertSqlSafe(sql)).bind(limit);
        let query = match peer {
            Some(peer) => query.bind(peer.as_str()),
            None => query,
        };
        query
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(DispatchRow::read)
            .collect()
    }

    /// Every context that has a transcript: peer, context and path below its base.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn transcript_contexts(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT transcript_rel, context_id FROM dispatches")
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    /// Writes what changes while a dispatch is open. `false`: it has already ended, and nothing was written.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_dispatch(&self, row: &DispatchRow) -> Result<bool, StoreError> {
        let done = bind_update(sqlx::query(UPDATE), row)?
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The same, with the attempt that is about to be made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn start_attempt(
        &self,
        row: &DispatchRow,
        attempt: &AttemptRow,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let sql = format!(
            "{UPDATE};
             INSERT INTO attempts (dispatch_id, address, instance, idempotent, started_at_ms)
             SELECT ?1, ?12, ?13, ?14, ?15 WHERE changes() = 1"
        );
        let done = bind_update(sqlx::query(AssertSqlSafe(sql)), row)?
            .bind(&attempt.address)
            .bind(&attempt.instance)
            .bind(attempt.idempotent)
            .bind(attempt.started_at_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// The same, with the end of the last attempt, which surely did not arrive.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn end_attempt(
        &self,
        row: &DispatchRow,
        detail: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let saved = bind_update(sqlx::query(UPDATE), row)?
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE attempts SET ended_at_ms = ?2, detail = ?3
             WHERE attempt_id = (SELECT max(attempt_id) FROM attempts WHERE dispatch_id = ?1)",
        )
        .bind(row.dispatch_id.to_string())
        .bind(now_ms)
        .bind(detail)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(saved.rows_affected() == 1)
    }

    /// The attempt that may have arrived: the last one, unless it surely did not.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn last_attempt(&self, id: DispatchId) -> Result<Option<AttemptRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM attempts WHERE dispatch_id = ? ORDER BY attempt_id DESC LIMIT 1",
        )
        .bind(id.to_string())
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| {
            Ok(AttemptRow {
                address: row.try_get("address")?,
                instance: row.try_get("instance")?,
                idempotent: row.try_get("idempotent")?,
                started_at_ms: row.try_get("started_at_ms")?,
            })
        })
        .transpose()
    }

    /// Writes the end and its settlement in one transaction. `false`: another end was committed first, and wins.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn finish_dispatch(
        &self,
        row: &DispatchRow,
        settle: &Entry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let sql = format!(
            "{UPDATE};
             UPDATE answers SET settled_at_ms = ?6
             WHERE changes() = 1 AND dispatch_id = ?1 AND settled_at_ms IS NULL"
        );
        let done = bind_update(sqlx::query(AssertSqlSafe(sql)), row)?
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        super::ledger::insert(&mut tx, settle).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Stores that a person wants the end. `false`: it has ended, or the wish is there already.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn want_cancel(&self, id: DispatchId, now_ms: i64) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE dispatches SET cancel_at_ms = ?2
             WHERE dispatch_id = ?1 AND cancel_at_ms IS NULL AND state IN {OPEN}"
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .bind(now_ms)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Turns an unknown dispatch into what a person says it is. `false`: it is not unknown.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn resolve_dispatch(
        &self,
        id: DispatchId,
        state: DispatchState,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE dispatches SET state = ?2, reason = 'resolved'
             WHERE dispatch_id = ?1 AND state = 'unknown'",
        )
        .bind(id.to_string())
        .bind(state.word())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// The dispatch of that id, inside a transaction.
async fn find(
    tx: &mut SqliteConnection,
    id: DispatchId,
) -> Result<Option<DispatchRow>, StoreError> {
    sqlx::query("SELECT * FROM dispatches WHERE dispatch_id = ?")
        .bind(id.to_string())
        .fetch_optional(tx)
        .await?
        .as_ref()
        .map(DispatchRow::read)
        .transpose()
}

/// What the guard knows of the dispatch that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub dispatch_id: DispatchId,
    /// Where it stands.
    pub state: DispatchState,
}

/// What the guard finds before it stores a dispatch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Before {
    /// Nothing stands in the way.
    Nothing,
    /// The same id was stored before.
    Known(Box<DispatchRow>),
    /// The open dispatch that a new one would double: on the same context, or, where no context was named and no second
    /// run is meant, of the same content.
    Standing(Standing),
}

/// What stands in the way of a new dispatch. Only open ones are looked through, however many have ended.
pub(crate) async fn before(
    tx: &mut SqliteConnection,
    new: &DispatchRow,
) -> Result<Before, StoreError> {
    let sql = format!(
        "SELECT dispatch_id, state, accepted_at_ms, 1 AS known FROM dispatches WHERE dispatch_id = ?5
         UNION ALL
         SELECT dispatch_id, state, accepted_at_ms, 0 FROM dispatches INDEXED BY dispatches_open
         WHERE state IN {HELD} AND peer = ?1
           AND (context_id = ?2 OR (?4 AND context_named = 0 AND content_hash = ?3))
         ORDER BY known DESC, accepted_at_ms LIMIT 1"
    );
    let by_content = !new.identity.context_named && !new.identity.again;
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(new.peer.as_str())
        .bind(&new.wire.context_id)
        .bind(&new.identity.content_hash)
        .bind(by_content)
        .bind(new.dispatch_id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = found else {
        return Ok(Before::Nothing);
    };
    if row.try_get("known")?
        && let Some(known) = find(tx, new.dispatch_id).await?
    {
        return Ok(Before::Known(Box::new(known)));
    }
    Ok(Before::Standing(Standing {
        dispatch_id: parsed(&row, "dispatch_id")?,
        state: super::rows::word("state", &row.try_get::<String, _>("state")?)?,
    }))
}

/// Writes a new dispatch and its grant.
pub(crate) async fn insert(
    tx: &mut Write,
    row: &DispatchRow,
    grant: &Entry,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO dispatches (dispatch_id, peer, state, contract, request_hash, content_hash, context_id,
             context_named, again, message_id, accepted_at_ms, deadline_at_ms, granted, usage, transcript_base,
             transcript_rel, outcome)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
         {}",
        super::ledger::INSERT
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(row.dispatch_id.to_string())
        .bind(row.peer.as_str())
        .bind(row.state.word())
        .bind(text_of("contract", &row.contract)?)
        .bind(&row.identity.request_hash)
        .bind(&row.identity.content_hash)
        .bind(&row.wire.context_id)
        .bind(row.identity.context_named)
        .bind(row.identity.again)
        .bind(&row.wire.message_id)
        .bind(row.times.accepted_at_ms)
        .bind(row.times.deadline_at_ms)
        .bind(text_of("granted", &row.granted)?)
        .bind(text_of("usage", &row.usage)?)
        .bind(path_text(&row.transcript.base)?)
        .bind(path_text(&row.transcript.rel)?)
        .bind(text_of("outcome", &row.outcome)?);
    super::ledger::bind(query, grant).execute(&mut **tx).await?;
    Ok(())
}

fn path_text(path: &std::path::Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::Damaged {
        what: "a transcript's path",
        detail: format!("{} is not UTF-8", path.display()),
    })
}

/// The parameters of [`UPDATE`], in order.
fn bind_update<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    row: &'q DispatchRow,
) -> Result<Query<'q, Sqlite, SqliteArguments>, StoreError> {
    Ok(query
        .bind(row.dispatch_id.to_string())
        .bind(row.state.word())
        .bind(row.reason.and_then(word_of))
        .bind(&row.wire.task_id)
        .bind(&row.wire.peer_context_id)
        .bind(row.times.ended_at_ms)
        .bind(text_of("usage", &row.usage)?)
        .bind(row.transcript.offset.map(u64::cast_signed))
        .bind(row.transcript.seq.cast_signed())
        .bind(row.last_event.raw())
        .bind(text_of("outcome", &row.outcome)?))
}
