//! Opening the database: versions, pragmas, migrations.
//!
//! Owns: the connections. One writer, because SQLite has one; two readers, so that a long replay does not hold up a poll.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::StoreError;

/// The first SQLite without the WAL-reset bug.
const MIN_SQLITE: &str = "3.51.3";
/// Longest wait for a lock; only a person's `sqlite3` on the same file can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at a time.
const READERS: u32 = 2;
/// Page cache per connection, in KiB: small, because the receiver promises 12 MB.
const CACHE_KIB: u32 = 128;
/// Schema steps in order; `user_version` counts those that were applied.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001.sql")];

/// The open database. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl Store {
    /// Opens or creates the file (mode 0600) and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be used, SQLite is too old, or the schema is newer than this program.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(crate::folder::no_follow())
            .open(path)
            .map_err(|source| StoreError::Create {
                path: path.to_owned(),
                source,
            })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", format!("-{CACHE_KIB}"));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let store = Self {
            writer,
            readers: SqlitePoolOptions::new()
                .max_connections(READERS)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(options.read_only(true)),
        };
        store.check_version().await?;
        store.migrate().await?;
        Ok(store)
    }

    async fn check_version(&self) -> Result<(), StoreError> {
        let found: String = sqlx::query("SELECT sqlite_version()")
            .fetch_one(&self.writer)
            .await?
            .try_get(0)?;
        if numbers(&found) < numbers(MIN_SQLITE) {
            return Err(StoreError::TooOld {
                found,
                needed: MIN_SQLITE,
            });
        }
        Ok(())
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let mut connection = self.writer.acquire().await?;
        let found: i64 = sqlx::query("PRAGMA user_version")
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        for (step, sql) in (1_i64..).zip(MIGRATIONS) {
            if step <= found {
                continue;
            }
            let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::raw_sql(sql).execute(&mut *tx).await?;
            // A pragma takes no bound parameter; the number is our own.
            sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {step}")))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Closes all connections; what was committed is in the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// `3.51.3` as numbers that compare.
fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("3.9.2") < numbers("3.51.3"));
        assert!(numbers("3.51.3") >= numbers("3.51.3"));
        assert!(numbers("3.51.10") > numbers("3.51.3"));
    }
}
