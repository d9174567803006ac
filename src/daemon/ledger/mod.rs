//! Spending: grants, settlements and what is left of a budget.
//!
//! Owns: what an entry holds and what a balance means. Does not own: the arithmetic (`domain`) and the rows (`store`).

use fleet_a2a::clock;
use fleet_a2a::ext::Usage;

use crate::control::{Amounts, BudgetView};
use crate::daemon::store::balance;
use crate::daemon::store::{Balance, DispatchRow, Entry, EntryKind, StoreError, Write};
use crate::domain::{
    BudgetLimit, BudgetRefusal, BudgetUse, Cost, GrantedAmounts, PeerName, Settlement, grant_for,
    settle_for,
};

/// Why a grant was not made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The budget does not allow it.
    #[error(transparent)]
    Refused(#[from] BudgetRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides what a new dispatch may spend, inside the transaction that will store it: nobody else is granted anything
/// between the sum and the entry.
///
/// # Errors
/// [`GrantError`] when too little is left, or the store fails.
pub(crate) async fn decide(
    tx: &mut Write,
    peer: &PeerName,
    limit: Option<&BudgetLimit>,
    now_ms: i64,
) -> Result<GrantedAmounts, GrantError> {
    let Some(limit) = limit else {
        return Ok(GrantedAmounts::default());
    };
    let balance = balance(tx, peer, limit.window.start_ms(now_ms)).await?;
    Ok(grant_for(limit, &balance.topped_up, &balance.used())?)
}

/// The entry that a new dispatch is stored with.
#[must_use]
pub fn grant(row: &DispatchRow) -> Entry {
    entry(row, EntryKind::Grant, row.times.accepted_at_ms)
}

/// The entry that ends a dispatch: releases its grant and says what it spent.
#[must_use]
pub fn settlement(row: &DispatchRow, how: Settlement, estimate: Usage, at_ms: i64) -> Entry {
    Entry {
        spent: settle_for(how, row.usage, estimate, &row.granted),
        ..entry(row, EntryKind::Settle, at_ms)
    }
}

/// The entry for figures that came after the settlement; `None` when they are not larger than what was spent.
#[must_use]
pub fn correction(row: &DispatchRow, spent: &BudgetUse, told: Usage, at_ms: i64) -> Option<Entry> {
    let told = settle_for(Settlement::Told, told, Usage::default(), &row.granted);
    let more = BudgetUse {
        tokens: told.tokens.saturating_sub(spent.tokens),
        turns: told.turns.saturating_sub(spent.turns),
        cost: Cost(told.cost.0.saturating_sub(spent.cost.0)),
    };
    (more != BudgetUse::default()).then(|| Entry {
        held: BudgetUse::default(),
        spent: more,
        ..entry(row, EntryKind::Correction, at_ms)
    })
}

fn entry(row: &DispatchRow, kind: EntryKind, at_ms: i64) -> Entry {
    Entry {
        dispatch_id: row.dispatch_id,
        peer: row.peer.clone(),
        kind,
        granted_at_ms: row.times.accepted_at_ms,
        at_ms,
        held: held(&row.granted),
        spent: BudgetUse::default(),
    }
}

/// What a grant holds: one turn always, so that turns in flight are seen even where they are not limited.
fn held(granted: &GrantedAmounts) -> BudgetUse {
    BudgetUse {
        tokens: granted.tokens.unwrap_or(0),
        turns: 1,
        cost: granted.cost.unwrap_or(Cost(0)),
    }
}

/// A budget as views show it.
#[must_use]
pub fn view(
    peer: &PeerName,
    limit: Option<&BudgetLimit>,
    balance: &Balance,
    now_ms: i64,
) -> BudgetView {
    let Balance {
        held,
        spent,
        topped_up,
        ..
    } = balance;
    let tokens = limit.and_then(|limit| limit.tokens);
    let turns = limit.and_then(|limit| limit.turns);
    let micros = limit.and_then(|limit| limit.cost).map(|cost| cost.0);
    let cost = amounts(micros, [topped_up.cost.0, held.cost.0, spent.cost.0]);
    let usd = |micros: u64| Cost(micros).usd();
    BudgetView {
        peer: peer.clone(),
        tokens: amounts(tokens, [topped_up.tokens, held.tokens, spent.tokens]),
        turns: amounts(turns, [topped_up.turns, held.turns, spent.turns]),
        cost_usd: Amounts {
            limit: cost.limit.map(usd),
            topped_up: usd(cost.topped_up),
            granted: usd(cost.granted),
            spent: usd(cost.spent),
            remaining: cost.remaining.map(usd),
        },
        window: limit.map(|limit| limit.window),
        resets_at: limit
            .and_then(|limit| limit.window.end_ms(now_ms))
            .map(clock::rfc3339),
    }
}

fn amounts(limit: Option<u64>, [topped_up, granted, spent]: [u64; 3]) -> Amounts<u64> {
    let used = granted.saturating_add(spent);
    Amounts {
        limit,
        topped_up,
        granted,
        spent,
        remaining: limit.map(|limit| limit.saturating_add(topped_up).saturating_sub(used)),
    }
}
