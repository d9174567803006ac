//! What people were told about budgets, so that nothing is told twice or lost.
//!
//! Owns: the rows. Does not own: when one is due (`domain`) and how it is shown.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::parsed;
use super::{Store, StoreError};
use crate::domain::{Figure, PeerName, Window};

/// How long after its window's end a notice is of no use to anybody: a day, so that the last of yesterday still is.
const KEPT_AFTER_END_MS: i64 = 86_400_000;

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetNoticeRow {
    /// About whom.
    pub peer: PeerName,
    /// What is told.
    pub percent: u8,
    /// When, in milliseconds of Unix time.
    pub at_ms: i64,
    /// The sentence.
    pub text: String,
}

/// What a notice is about, which is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occasion {
    pub(crate) figure: Figure,
    pub(crate) window: Window,
    pub(crate) adjustment_id: i64,
}

impl Store {
    /// Stores a notice. `false`: it was told before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub(crate) async fn tell_once(
        &self,
        occasion: Occasion,
        notice: &BudgetNoticeRow,
    ) -> Result<bool, StoreError> {
        let (window, at_ms) = (occasion.window, notice.at_ms);
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO budget_notices (peer, figure, percent, window, window_start_ms, adjustment_id, ends_at_ms,
                 at_ms, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(notice.peer.as_str())
        .bind(occasion.figure.word())
        .bind(notice.percent)
        .bind(window.word())
        .bind(window.start_ms(at_ms))
        .bind(occasion.adjustment_id)
        .bind(window.end_ms(at_ms))
        .bind(at_ms)
        .bind(&notice.text)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM budget_notices WHERE ends_at_ms < ?")
            .bind(at_ms.saturating_sub(KEPT_AFTER_END_MS))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The newest notices of windows that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub async fn standing_notices(
        &self,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<BudgetNoticeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM budget_notices WHERE ends_at_ms IS NULL OR ends_at_ms > ?
             ORDER BY at_ms DESC LIMIT ?",
        )
        .bind(now_ms)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.iter().rev().map(read).collect()
    }

    /// What was told about a peer since an instant, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub async fn notices_since(
        &self,
        peer: &PeerName,
        since_ms: i64,
    ) -> Result<Vec<BudgetNoticeRow>, StoreError> {
        sqlx::query("SELECT * FROM budget_notices WHERE peer = ? AND at_ms >= ? ORDER BY at_ms")
            .bind(peer.as_str())
            .bind(since_ms)
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

fn read(row: &SqliteRow) -> Result<BudgetNoticeRow, StoreError> {
    Ok(BudgetNoticeRow {
        peer: parsed(row, "peer")?,
        percent: row.try_get("percent")?,
        at_ms: row.try_get("at_ms")?,
        text: row.try_get("text")?,
    })
}
