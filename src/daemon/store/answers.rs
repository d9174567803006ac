//! Answers to permission requests and questions: stored with their message id before they are sent.
//!
//! Owns: the rows and their statements. Does not own: delivery.

use fleet_a2a::ext::{Chosen, Ruling};
use sqlx::Row;

use super::rows::{json_of, text_of, word, word_of};
use super::{Store, StoreError};
use crate::domain::DispatchId;

/// One answer that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Stable over retries.
    pub message_id: String,
    /// Which request.
    pub request_id: String,
    /// What is said to it.
    pub ruling: Ruling,
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
        let answers = match answer.ruling.answers.as_slice() {
            [] => None,
            answers => Some(text_of("answers", &answers)?),
        };
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO answers (message_id, dispatch_id, request_id, decision, reason, answers, created_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dispatch_id, request_id) DO NOTHING",
        )
        .bind(&answer.message_id)
        .bind(id.to_string())
        .bind(&answer.request_id)
        .bind(word_of(answer.ruling.decision))
        .bind(&answer.ruling.reason)
        .bind(answers)
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

    /// Takes back an answer that the peer did not take, so that its request may get another.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn withdraw_answer(&self, message_id: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM answers WHERE message_id = ?")
            .bind(message_id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<AnswerRow, StoreError> {
    let answers: Option<String> = row.try_get("answers")?;
    let answers: Option<Vec<Chosen>> = answers.map(|text| json_of("answers", &text)).transpose()?;
    Ok(AnswerRow {
        message_id: row.try_get("message_id")?,
        request_id: row.try_get("request_id")?,
        ruling: Ruling {
            decision: word("decision", &row.try_get::<String, _>("decision")?)?,
            reason: row.try_get("reason")?,
            answers: answers.unwrap_or_default(),
        },
    })
}
