//! The daemon's SQLite database: what was promised, to whom, and how it ended.
//!
//! Owns: every SQL statement of the daemon, the schema and its migrations, one writing connection and a few reading
//! ones. Does not own: what the rows mean; dispatch, ledger and supervisor do.

mod adjustments;
mod answers;
mod audit;
mod budget_notices;
mod dispatches;
mod error;
mod ledger;
mod receivers;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

pub use adjustments::{Adjusted, Adjustment, AdjustmentKind};
pub use answers::AnswerRow;
pub use audit::{AuditClient, AuditEntry, AuditRow, Audited, outcome_word};
pub use budget_notices::BudgetNoticeRow;
pub(crate) use budget_notices::Occasion;
pub use dispatches::{AttemptRow, Standing};
pub(crate) use dispatches::{Before, before, insert};
pub use error::StoreError;
pub(crate) use ledger::balance;
pub use ledger::{Balance, Entry, EntryKind};
pub use receivers::ReceiverRow;
pub use rows::{DispatchRow, Identity, Outcome, Times, TranscriptPlace, WireIds};

/// The migrations, in order; the schema's number is how many of them were run.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];
/// The first SQLite without the defect that lets two connections corrupt a write-ahead log.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// How long a statement waits for another process that holds the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for the writing connection: far longer than any queue of 1 ms commits that we accept.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Readers beside the writer: lists and views are short, and there are two to four cores.
const READERS: u32 = 4;

/// The store. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

pub(crate) type Write = Transaction<'static, Sqlite>;

impl Store {
    /// Opens or makes the database and brings its schema up to date. The file is readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be used, was written by a newer fleet, or SQLite is too old.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        check_version(&writer).await?;
        migrate(&writer, path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .max_lifetime(None)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection after what they are doing; the write-ahead log is folded in.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A write transaction that holds the only writing connection: it sees all that was committed, and nobody writes
    /// between its reads and its writes. Dropped without a commit, it never was.
    pub(crate) async fn begin(&self) -> Result<Write, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| StoreError::File {
            path: path.to_owned(),
            source,
        })
}

async fn check_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await?;
    let parts: Vec<u32> = found
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    if parts.as_slice() >= OLDEST_SQLITE.as_slice() {
        Ok(())
    } else {
        Err(StoreError::OldSqlite { found })
    }
}

async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *tx)
        .await?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Newer {
            path: PathBuf::from(path),
            found,
            known,
        });
    }
    for sql in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
    }
    if found < known {
        // A pragma takes no parameters; the number is ours.
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "PRAGMA user_version = {known}"
        )))
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests;
