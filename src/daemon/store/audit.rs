//! What was done to the fleet, by whom, and how it ended.
//!
//! Owns: the rows, of which the newest `KEPT` stay. Nothing changes or deletes one of those, which the schema enforces; this
//! file alone deletes older ones. Does not own: which commands are worth a row, and their words.

use std::sync::OnceLock;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, Write};
use crate::domain::{Failure, PeerName};

/// Commands that are kept: months of work, in some ten megabytes. The triggers of the schema know this figure too.
const KEPT: i64 = 100_000;

/// Who gave a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditClient {
    /// The user.
    pub uid: u32,
    /// Its process, where the system told it.
    pub pid: Option<i32>,
    /// `cli`, `console` or `unknown`.
    pub kind: &'static str,
    /// Its version.
    pub version: String,
}

/// A command in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Ids and sizes, never a token or a contract's content.
    pub command: String,
    /// Whom it is about.
    pub peers: Vec<PeerName>,
    /// It is about every peer.
    pub all: bool,
}

/// One command as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts up.
    pub entry_id: i64,
    /// When, in milliseconds of Unix time.
    pub at_ms: i64,
    /// The user.
    pub uid: u32,
    /// The client's process.
    pub pid: Option<i32>,
    /// Which face of fleet.
    pub client: String,
    /// Of which version.
    pub version: String,
    /// What was asked.
    pub command: String,
    /// How it ended and when that was written; nothing while it is under way, or where the daemon died.
    pub outcome: Option<(String, i64)>,
}

/// How a command ended, as its row says it. The failure's message may quote what was sent; its kind does not.
#[must_use]
pub fn outcome_word(failure: Option<&Failure>) -> String {
    match failure {
        None => "done".to_owned(),
        Some(failure) => format!("failed: {}", failure.kind.word()),
    }
}

/// A command on its way to being written down: by the transaction that does it, or before that by itself.
#[derive(Debug)]
pub struct AuditEntry {
    client: AuditClient,
    audited: Audited,
    at_ms: i64,
    stands: OnceLock<i64>,
    ended: OnceLock<()>,
}

impl AuditEntry {
    /// Not written yet.
    #[must_use]
    pub fn new(client: AuditClient, audited: Audited, at_ms: i64) -> Self {
        Self {
            client,
            audited,
            at_ms,
            stands: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// Puts the command and its end into the transaction that does it: there is no moment at which one stands without the
    /// other, and nothing waits for the disk twice. To be followed by the commit and [`AuditEntry::is_written`].
    pub(crate) async fn put(&self, tx: &mut Write, outcome: &str) -> Result<(), StoreError> {
        let entry_id = insert(tx, self).await?;
        insert_outcome(tx, entry_id, outcome, self.at_ms).await
    }

    /// That transaction was committed.
    pub(crate) fn is_written(&self) {
        // Twice is once: nothing else stands behind it.
        let _ = self.ended.set(());
    }
}

impl Store {
    /// Writes a command down, before it is done.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let entry_id = insert(&mut tx, entry).await?;
        tx.commit().await?;
        let _ = entry.stands.set(entry_id);
        Ok(())
    }

    /// Writes down how a command ended, and the command itself where nothing was done that would have written it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_end(
        &self,
        entry: &AuditEntry,
        outcome: &str,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        if entry.ended.get().is_some() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let entry_id = match entry.stands.get() {
            Some(entry_id) => *entry_id,
            None => insert(&mut tx, entry).await?,
        };
        insert_outcome(&mut tx, entry_id, outcome, at_ms).await?;
        tx.commit().await?;
        entry.is_written();
        Ok(())
    }

    /// The newest commands, of one peer or of all, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audited(
        &self,
        peer: Option<&PeerName>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        sqlx::query(
            "SELECT audit.*, audit_outcomes.at_ms AS ended_at_ms, outcome
             FROM audit LEFT JOIN audit_outcomes USING (entry_id)
             WHERE ?1 IS NULL OR peers = ' * ' OR instr(peers, ' ' || ?1 || ' ') > 0
             ORDER BY entry_id DESC LIMIT ?2",
        )
        .bind(peer.map(PeerName::as_str))
        .bind(limit)
        .fetch_all(self.readers())
        .await?
        .iter()
        .map(read)
        .collect()
    }
}

/// Adds an entry and gives its number; the oldest beyond [`KEPT`] goes.
async fn insert(tx: &mut Write, entry: &AuditEntry) -> Result<i64, StoreError> {
    let AuditEntry {
        client, audited, ..
    } = entry;
    let done = sqlx::query(
        "INSERT INTO audit (at_ms, uid, pid, client, version, command, peers) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(entry.at_ms)
    .bind(client.uid)
    .bind(client.pid)
    .bind(client.kind)
    .bind(&client.version)
    .bind(&audited.command)
    .bind(peers_text(audited))
    .execute(&mut **tx)
    .await?;
    let entry_id = done.last_insert_rowid();
    let oldest = entry_id - KEPT;
    if oldest > 0 {
        sqlx::query(
            "DELETE FROM audit_outcomes WHERE entry_id <= ?1; DELETE FROM audit WHERE entry_id <= ?1",
        )
        .bind(oldest)
        .execute(&mut **tx)
        .await?;
    }
    Ok(entry_id)
}

async fn insert_outcome(
    tx: &mut Write,
    entry_id: i64,
    outcome: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit_outcomes (entry_id, at_ms, outcome) VALUES (?, ?, ?)")
        .bind(entry_id)
        .bind(at_ms)
        .bind(outcome)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn peers_text(audited: &Audited) -> String {
    if audited.all {
        return " * ".to_owned();
    }
    let names = audited.peers.iter().map(|name| format!("{name} "));
    format!(" {}", names.collect::<String>())
}

fn read(row: &SqliteRow) -> Result<AuditRow, StoreError> {
    let outcome: Option<String> = row.try_get("outcome")?;
    let ended_at_ms: Option<i64> = row.try_get("ended_at_ms")?;
    Ok(AuditRow {
        entry_id: row.try_get("entry_id")?,
        at_ms: row.try_get("at_ms")?,
        uid: row.try_get("uid")?,
        pid: row.try_get("pid")?,
        client: row.try_get("client")?,
        version: row.try_get("version")?,
        command: row.try_get("command")?,
        outcome: outcome.zip(ended_at_ms),
    })
}
