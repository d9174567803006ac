//! Top-ups and resets of budgets.
//!
//! Owns: their rows, and that one command counts once. Does not own: which amounts make sense (`domain`), or what the sums
//! over them are (`ledger`).

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, Write};
use crate::domain::{BudgetUse, CommandId, PeerName};

/// What a person does to a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Minted by the client.
    pub command_id: CommandId,
    /// Whose budget.
    pub peer: PeerName,
    /// What.
    pub kind: AdjustmentKind,
    /// When, in milliseconds of Unix time: the window that it counts in.
    pub at_ms: i64,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentKind {
    /// So much more may be used.
    TopUp(BudgetUse),
    /// What was spent counts from zero.
    Reset {
        /// Since this instant, for the record of how much it was.
        since_ms: i64,
    },
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjusted {
    /// Stored now.
    Now,
    /// The same command was stored before.
    Before,
    /// Another command was stored under this id.
    Otherwise,
}

impl Store {
    /// Stores a top-up or a reset, once for each command id.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn adjust(&self, adjustment: &Adjustment) -> Result<Adjusted, StoreError> {
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT * FROM adjustments WHERE command_id = ?")
            .bind(adjustment.command_id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = known {
            return Ok(if is_same(&row, adjustment)? {
                Adjusted::Before
            } else {
                Adjusted::Otherwise
            });
        }
        let amounts = match adjustment.kind {
            AdjustmentKind::TopUp(amounts) => amounts,
            AdjustmentKind::Reset { since_ms } => {
                super::balance(&mut tx, &adjustment.peer, since_ms)
                    .await?
                    .spent
            }
        };
        insert(&mut tx, adjustment, &amounts).await?;
        tx.commit().await?;
        Ok(Adjusted::Now)
    }
}

async fn insert(
    tx: &mut Write,
    adjustment: &Adjustment,
    amounts: &BudgetUse,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO adjustments (command_id, peer, kind, at_ms, tokens, turns, micros, ledger_mark)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(max(entry_id), 0) FROM ledger",
    )
    .bind(adjustment.command_id.to_string())
    .bind(adjustment.peer.as_str())
    .bind(word(adjustment.kind))
    .bind(adjustment.at_ms)
    .bind(amounts.tokens.cast_signed())
    .bind(amounts.turns.cast_signed())
    .bind(amounts.cost.0.cast_signed())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn word(kind: AdjustmentKind) -> &'static str {
    match kind {
        AdjustmentKind::TopUp(_) => "top_up",
        AdjustmentKind::Reset { .. } => "reset",
    }
}

fn is_same(row: &SqliteRow, adjustment: &Adjustment) -> Result<bool, StoreError> {
    let figure = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let amounts = (figure("tokens")?, figure("turns")?, figure("micros")?);
    let same_amounts = match adjustment.kind {
        AdjustmentKind::TopUp(asked) => amounts == (asked.tokens, asked.turns, asked.cost.0),
        // How much a reset left out is not the client's to say.
        AdjustmentKind::Reset { .. } => true,
    };
    Ok(same_amounts
        && row.try_get::<String, _>("peer")? == adjustment.peer.as_str()
        && row.try_get::<String, _>("kind")? == word(adjustment.kind))
}
