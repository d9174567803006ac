//! Statements on the ledger.
//!
//! Owns: the entries' form in rows and the sums over them. Does not own: what an entry holds; the ledger does.

use std::collections::HashMap;

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row, Sqlite};

use super::{Store, StoreError, Write};
use crate::domain::{BudgetUse, Cost, DispatchId, PeerName};

/// The largest figure of one entry: beyond any real spend, and thousands of them still add up without overflow.
/// A peer that reports more is a peer that reports nonsense.
const MAX_FIGURE: u64 = 1 << 50;

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Holds an amount for an open dispatch.
    Grant,
    /// Releases what was held, and says what was spent.
    Settle,
    /// Adds to what was spent, after the end.
    Correction,
}

/// One entry. The amounts are those of its kind: held by a grant, released and spent by a settle, added by a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose dispatch.
    pub dispatch_id: DispatchId,
    /// Whose budget.
    pub peer: PeerName,
    /// What it does.
    pub kind: EntryKind,
    /// When the dispatch was granted, in milliseconds of Unix time: the window that the entry counts in.
    pub granted_at_ms: i64,
    /// When it was written.
    pub at_ms: i64,
    /// What a grant holds, or a settle releases.
    pub held: BudgetUse,
    /// What a settle or a correction spends.
    pub spent: BudgetUse,
}

/// The sums of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Held by open dispatches.
    pub held: BudgetUse,
    /// Spent by ended ones, since the last reset.
    pub spent: BudgetUse,
    /// Topped up by a person.
    pub topped_up: BudgetUse,
    /// The last top-up or reset of the window; 0 where there is none.
    pub adjustment_id: i64,
}

impl Balance {
    /// Held and spent, added up: what a budget has to hold against.
    #[must_use]
    pub fn used(&self) -> BudgetUse {
        self.held.plus(&self.spent)
    }
}

/// The sums since the instant ?1, for each peer that `whose` lets through. What was spent up to the mark of the last reset
/// is left out; what is held is not.
fn sums(whose: &str) -> String {
    format!(
        "SELECT peer, sum(held_tokens), sum(held_turns), sum(held_micros),
             sum(spent_tokens), sum(spent_turns), sum(spent_micros),
             sum(more_tokens), sum(more_turns), sum(more_micros), max(adjustment_id)
         FROM (
             SELECT peer, held_tokens, held_turns, held_micros,
                 iif(entry_id > mark, spent_tokens, 0) AS spent_tokens,
                 iif(entry_id > mark, spent_turns, 0) AS spent_turns,
                 iif(entry_id > mark, spent_micros, 0) AS spent_micros,
                 0 AS more_tokens, 0 AS more_turns, 0 AS more_micros, 0 AS adjustment_id
             FROM (
                 SELECT ledger.*, coalesce(reset_mark, 0) AS mark FROM ledger LEFT JOIN (
                     SELECT peer AS reset_peer, max(ledger_mark) AS reset_mark FROM adjustments
                     WHERE kind = 'reset' GROUP BY peer
                 ) ON reset_peer = peer
             )
             WHERE granted_at_ms >= ?1 {whose}
             UNION ALL
             SELECT peer, 0, 0, 0, 0, 0, 0, iif(kind = 'top_up', tokens, 0),
                 iif(kind = 'top_up', turns, 0), iif(kind = 'top_up', micros, 0), adjustment_id
             FROM adjustments WHERE at_ms >= ?1 {whose}
         ) GROUP BY peer"
    )
}

impl Store {
    /// What every peer has used since an instant, in milliseconds of Unix time.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn balances(&self, since_ms: i64) -> Result<HashMap<String, Balance>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(sums("")))
            .bind(since_ms)
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(|row| Ok((row.try_get("peer")?, read(row)?)))
            .collect()
    }

    /// What one peer has used since an instant, outside any transaction.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn balance_of(&self, peer: &PeerName, since_ms: i64) -> Result<Balance, StoreError> {
        let mut reader = self.readers().acquire().await?;
        balance(&mut reader, peer, since_ms).await
    }

    /// Writes a correction.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn correct(&self, entry: &Entry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What one peer has used since an instant, inside a transaction.
pub(crate) async fn balance(
    tx: &mut SqliteConnection,
    peer: &PeerName,
    since_ms: i64,
) -> Result<Balance, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(sums("AND peer = ?2")))
        .bind(since_ms)
        .bind(peer.as_str())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map_or_else(|| Ok(Balance::default()), read)
}

/// One entry; its parameters are those of [`bind`].
pub(super) const INSERT: &str =
    "INSERT INTO ledger (dispatch_id, peer, kind, granted_at_ms, at_ms, held_tokens, held_turns, held_micros,
         spent_tokens, spent_turns, spent_micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Writes an entry. The unique indexes refuse a second grant or settle of a dispatch.
pub(super) async fn insert(tx: &mut Write, entry: &Entry) -> Result<(), StoreError> {
    bind(sqlx::query(INSERT), entry).execute(&mut **tx).await?;
    Ok(())
}

/// The parameters of [`INSERT`], in order.
pub(super) fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    entry: &'q Entry,
) -> Query<'q, Sqlite, SqliteArguments> {
    let (kind, sign) = match entry.kind {
        EntryKind::Grant => ("grant", 1),
        EntryKind::Settle => ("settle", -1),
        EntryKind::Correction => ("correction", 0),
    };
    let figure = |amount: u64| amount.min(MAX_FIGURE).cast_signed();
    query
        .bind(entry.dispatch_id.to_string())
        .bind(entry.peer.as_str())
        .bind(kind)
        .bind(entry.granted_at_ms)
        .bind(entry.at_ms)
        .bind(sign * figure(entry.held.tokens))
        .bind(sign * figure(entry.held.turns))
        .bind(sign * figure(entry.held.cost.0))
        .bind(figure(entry.spent.tokens))
        .bind(figure(entry.spent.turns))
        .bind(figure(entry.spent.cost.0))
}

fn read(row: &SqliteRow) -> Result<Balance, StoreError> {
    // The peer stands first, then three figures each.
    let figures = |first: usize| -> Result<BudgetUse, StoreError> {
        let figure = |column: usize| -> Result<u64, StoreError> {
            Ok(row.try_get::<i64, _>(column)?.max(0).cast_unsigned())
        };
        Ok(BudgetUse {
            tokens: figure(first)?,
            turns: figure(first + 1)?,
            cost: Cost(figure(first + 2)?),
        })
    };
    Ok(Balance {
        held: figures(1)?,
        spent: figures(4)?,
        topped_up: figures(7)?,
        adjustment_id: row.try_get(10)?,
    })
}
