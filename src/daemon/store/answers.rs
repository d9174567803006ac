//! Answers to permission requests: stored with their message id before they are sent.
//!
//! Owns: the rows and their statements. Does not own: delivery.

use fleet_a2a::ext::Decision;
use sqlx::Row;

use super::rows::{word, word_of};
use super::{Store, StoreError};
use crate::domain::DispatchId;

/// One answer that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Stable over retries.
    pub message_id: String,
    /// Which request.
    pub request_id: String,
    /// Yes or no.
    pub decision: Decision,
    /// Told to the agent with a denial.
    pub reason: Option<String>,
}

impl Store {
    /// Stores an answer. The one that was stored first for a request stays: it is given back, whoever asks.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn add_answer(
        &self,
        id: DispatchId,
        answer: &AnswerRow,
        now_ms: i64,
    ) -> Result<AnswerRow, StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO answers (message_id, dispatch_id, request_id, decision, reason, created_at_ms)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (dispatch_id, request_id) DO NOTHING",
        )
        .bind(&answer.message_id)
        .bind(id.to_string())
        .bind(&answer.request_id)
        .bind(word_of(answer.decision))
        .bind(&answer.reason)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query("SELECT * FROM answers WHERE dispatch_id = ? AND request_id = ?")
            .bind(id.to_string())
            .bind(&answer.request_id)
            .fetch_one(&mut *tx)
            .await?;
        let stored = read(&row)?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Answers that are neither delivered nor void, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pending_answers(&self, id: DispatchId) -> Result<Vec<AnswerRow>, StoreError> {
        sqlx::query(
            "SELECT * FROM answers WHERE dispatch_id = ? AND settled_at_ms IS NULL
             ORDER BY created_at_ms, message_id",
        )
        .bind(id.to_string())
        .fetch_all(self.readers())
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// Stores that an answer was delivered, or that its request is over.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn settle_answer(&self, message_id: &str, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE answers SET settled_at_ms = ?2 WHERE message_id = ?1")
            .bind(message_id)
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<AnswerRow, StoreError> {
    Ok(AnswerRow {
        message_id: row.try_get("message_id")?,
        request_id: row.try_get("request_id")?,
        decision: word("decision", &row.try_get::<String, _>("decision")?)?,
        reason: row.try_get("reason")?,
    })
}
