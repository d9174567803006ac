//! Rows of receivers: what should run, where, and as which process it was last seen.
//!
//! Owns: the row and its statements. Does not own: what follows from them; the supervisor does.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::domain::PeerName;

/// One receiver of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverRow {
    /// Whose.
    pub peer: PeerName,
    /// Names the receiver in the marker of its processes; kept over restarts.
    pub receiver_id: String,
    /// Whether a person or a dispatch wants it to run.
    pub should_run: bool,
    /// The claimed port, unique over all peers.
    pub port: Option<u16>,
    /// Its process, as last proven.
    pub pid: Option<u32>,
    /// That process's start time, in the system's own ticks.
    pub start_time: Option<u64>,
    /// The boot in which that process was started.
    pub boot_id: Option<String>,
    /// The instance id it told.
    pub instance: Option<String>,
    /// Its failures, in the supervisor's own JSON.
    pub failures: String,
    /// Why it is parked.
    pub parked_reason: Option<String>,
}

impl ReceiverRow {
    /// A receiver that was never started.
    #[must_use]
    pub fn new(peer: PeerName, receiver_id: String) -> Self {
        Self {
            peer,
            receiver_id,
            should_run: false,
            port: None,
            pid: None,
            start_time: None,
            boot_id: None,
            instance: None,
            failures: "[]".to_owned(),
            parked_reason: None,
        }
    }

    /// No process is known any more.
    pub fn forget_process(&mut self) {
        self.pid = None;
        self.start_time = None;
        self.boot_id = None;
        self.instance = None;
    }
}

impl Store {
    /// Writes everything of a receiver but its port claim, which only [`Store::claim_port`] changes.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn upsert_receiver(&self, row: &ReceiverRow) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO receivers (peer, receiver_id, should_run, pid, start_time, boot_id, instance, failures,
                 parked_reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (peer) DO UPDATE SET receiver_id = ?2, should_run = ?3, pid = ?4, start_time = ?5,
                 boot_id = ?6, instance = ?7, failures = ?8, parked_reason = ?9",
        )
        .bind(row.peer.as_str())
        .bind(&row.receiver_id)
        .bind(row.should_run)
        .bind(row.pid)
        .bind(row.start_time.map(u64::cast_signed))
        .bind(&row.boot_id)
        .bind(&row.instance)
        .bind(&row.failures)
        .bind(&row.parked_reason)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every receiver, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn receivers(&self) -> Result<Vec<ReceiverRow>, StoreError> {
        sqlx::query("SELECT * FROM receivers ORDER BY peer")
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// One receiver, if it was ever written.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn receiver(&self, peer: &PeerName) -> Result<Option<ReceiverRow>, StoreError> {
        sqlx::query("SELECT * FROM receivers WHERE peer = ?")
            .bind(peer.as_str())
            .fetch_optional(self.readers())
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Claims a port for a peer whose row exists, and gives up the one it had. `false`: another peer has claimed it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the peer has no row.
    pub async fn claim_port(&self, peer: &PeerName, port: u16) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let claimed = sqlx::query("UPDATE receivers SET port = ?2 WHERE peer = ?1")
            .bind(peer.as_str())
            .bind(port)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from);
        match claimed {
            Ok(done) if done.rows_affected() == 1 => {
                tx.commit().await?;
                Ok(true)
            }
            Ok(_) => Err(sqlx::Error::RowNotFound.into()),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets a receiver and its port claim.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_receiver(&self, peer: &PeerName) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM receivers WHERE peer = ?")
            .bind(peer.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<ReceiverRow, StoreError> {
    let peer: String = row.try_get("peer")?;
    Ok(ReceiverRow {
        peer: PeerName::new(peer).map_err(|error| StoreError::Damaged {
            what: "a peer name",
            detail: error.to_string(),
        })?,
        receiver_id: row.try_get("receiver_id")?,
        should_run: row.try_get("should_run")?,
        port: row.try_get("port")?,
        pid: row.try_get("pid")?,
        start_time: row
            .try_get::<Option<i64>, _>("start_time")?
            .map(i64::cast_unsigned),
        boot_id: row.try_get("boot_id")?,
        instance: row.try_get("instance")?,
        failures: row.try_get("failures")?,
        parked_reason: row.try_get("parked_reason")?,
    })
}
