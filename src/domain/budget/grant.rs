//! What a dispatch is granted, and what it is charged.
//!
//! Owns: the sums. Does not own: rows; the ledger makes the grant in the transaction that stores the dispatch.

use fleet_a2a::ext::Usage;

use super::{BudgetLimit, BudgetUse, Cost, Figure, GrantedAmounts};

/// A budget that does not allow another dispatch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget allows no further dispatch: {left} of {limit} {what} are left in this {window}"
)]
pub struct BudgetRefusal {
    /// Which figure.
    pub figure: Figure,
    /// Its word: dollars, not cost.
    pub what: &'static str,
    /// What is left.
    pub left: String,
    /// Out of what.
    pub limit: String,
    /// The window's word.
    pub window: &'static str,
}

/// What a new dispatch may spend: its share of the limit, or what remains if that is at least a tenth of the share. What a
/// person has topped up leaves more remaining; the share stays that of the limit.
///
/// # Errors
/// [`BudgetRefusal`] when less remains of any limited figure.
pub fn grant_for(
    limit: &BudgetLimit,
    topped_up: &BudgetUse,
    used: &BudgetUse,
) -> Result<GrantedAmounts, BudgetRefusal> {
    let refuse = |figure, left: String, limit_text: String| BudgetRefusal {
        figure,
        what: match figure {
            Figure::Tokens => "tokens",
            Figure::Turns => "turns",
            Figure::Cost => "dollars",
        },
        left,
        limit: limit_text,
        window: limit.window.word(),
    };
    let tokens = match (limit.tokens, limit.per_dispatch_tokens) {
        (Some(limit), share) => {
            let total = limit.saturating_add(topped_up.tokens);
            let left = total.saturating_sub(used.tokens);
            let share = share.unwrap_or_else(|| limit.div_ceil(3));
            Some(
                part(share, left)
                    .ok_or_else(|| refuse(Figure::Tokens, left.to_string(), total.to_string()))?,
            )
        }
        (None, share) => share,
    };
    let turns = match limit
        .turns
        .map(|turns| turns.saturating_add(topped_up.turns))
    {
        Some(total) if used.turns >= total => {
            return Err(refuse(Figure::Turns, "0".to_owned(), total.to_string()));
        }
        Some(_) => Some(1),
        None => None,
    };
    let cost = match limit.cost {
        Some(limit) => {
            let total = Cost(limit.0.saturating_add(topped_up.cost.0));
            let left = total.0.saturating_sub(used.cost.0);
            let amount = part(limit.0.div_ceil(3), left);
            Some(Cost(amount.ok_or_else(|| {
                refuse(Figure::Cost, Cost(left).to_string(), total.to_string())
            })?))
        }
        None => None,
    };
    Ok(GrantedAmounts {
        tokens,
        turns,
        cost,
    })
}

fn part(share: u64, left: u64) -> Option<u64> {
    if left == 0 {
        None
    } else if left >= share {
        Some(share)
    } else if left >= share.div_ceil(10) {
        Some(left)
    } else {
        None
    }
}

/// How a dispatch ended, as far as its price depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// No turn ever started.
    NeverStarted,
    /// The receiver told its total.
    Told,
    /// Killed or interrupted: the report may be behind.
    Cut,
    /// Nobody can say.
    Unknown,
}

/// What an ended dispatch is charged, from the last report, an estimate from bytes, and the grant.
#[must_use]
pub fn settle_for(
    how: Settlement,
    report: Usage,
    estimate: Usage,
    grant: &GrantedAmounts,
) -> BudgetUse {
    let told = BudgetUse {
        tokens: report.counted_tokens(),
        turns: report.turns.max(1),
        cost: report.cost_usd.map_or(Cost(0), Cost::from_usd),
    };
    match how {
        Settlement::NeverStarted => BudgetUse::default(),
        Settlement::Told => told,
        Settlement::Cut => BudgetUse {
            tokens: told.tokens.max(estimate.counted_tokens()),
            ..told
        },
        Settlement::Unknown => BudgetUse {
            tokens: told.tokens.max(grant.tokens.unwrap_or(0)),
            turns: 1,
            cost: told.cost.max(grant.cost.unwrap_or(Cost(0))),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Window;

    const NOTHING: BudgetUse = BudgetUse {
        tokens: 0,
        turns: 0,
        cost: Cost(0),
    };

    fn limit(tokens: Option<u64>, turns: Option<u64>, share: Option<u64>) -> BudgetLimit {
        BudgetLimit {
            tokens,
            turns,
            cost: None,
            window: Window::Day,
            per_dispatch_tokens: share,
        }
    }

    fn used(tokens: u64, turns: u64) -> BudgetUse {
        BudgetUse {
            tokens,
            turns,
            cost: Cost(0),
        }
    }

    #[test]
    fn a_grant_is_a_third_rounded_up_or_what_remains() {
        let third = limit(Some(100), None, None);
        let tokens =
            |used_tokens| grant_for(&third, &NOTHING, &used(used_tokens, 0)).map(|g| g.tokens);
        assert_eq!(tokens(0), Ok(Some(34)));
        assert_eq!(
            tokens(80),
            Ok(Some(20)),
            "less than a share, more than a tenth of it"
        );
        assert_eq!(tokens(96), Ok(Some(4)), "a tenth of 34, rounded up");
        let refused = tokens(97).unwrap_err();
        assert_eq!((refused.what, refused.left.as_str()), ("tokens", "3"));
        assert!(tokens(100).is_err() && tokens(1_000).is_err());
        let own = limit(None, None, Some(7));
        assert_eq!(
            grant_for(&own, &NOTHING, &used(1 << 40, 9)).unwrap().tokens,
            Some(7)
        );
        let none = limit(None, None, None);
        assert_eq!(
            grant_for(&none, &NOTHING, &used(1, 1)),
            Ok(GrantedAmounts::default())
        );
    }

    #[test]
    fn turns_and_money_gate_too() {
        let ten = limit(None, Some(10), None);
        assert_eq!(
            grant_for(&ten, &NOTHING, &used(0, 9)).unwrap().turns,
            Some(1)
        );
        assert_eq!(
            grant_for(&ten, &NOTHING, &used(0, 10)).unwrap_err().what,
            "turns"
        );
        let money = BudgetLimit {
            cost: Some(Cost::from_usd(3.0)),
            ..limit(None, None, None)
        };
        let spent = |usd| BudgetUse {
            cost: Cost::from_usd(usd),
            ..BudgetUse::default()
        };
        assert_eq!(
            grant_for(&money, &NOTHING, &spent(0.0)).unwrap().cost,
            Some(Cost(1_000_000))
        );
        let refused = grant_for(&money, &NOTHING, &spent(2.95)).unwrap_err();
        assert!(
            refused.to_string().contains("0.05 of 3.00 dollars"),
            "{refused}"
        );
    }

    #[test]
    fn money_rounds_up_and_nonsense_is_nothing() {
        assert_eq!(Cost::from_usd(0.000_000_1), Cost(1));
        for nonsense in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            assert_eq!(Cost::from_usd(nonsense), Cost(0));
        }
    }

    #[test]
    fn every_end_has_its_price() {
        let report = Usage {
            output_tokens: 10,
            cache_read_tokens: 1_000,
            turns: 1,
            ..Usage::default()
        };
        let estimate = Usage::estimate(400, 0);
        let grant = GrantedAmounts {
            tokens: Some(50),
            turns: Some(1),
            cost: None,
        };
        let price = |how| settle_for(how, report, estimate, &grant);
        assert_eq!(price(Settlement::NeverStarted), BudgetUse::default());
        assert_eq!(
            price(Settlement::Told),
            used(10, 1),
            "reading a cache is not counted"
        );
        assert_eq!(price(Settlement::Cut), used(100, 1));
        assert_eq!(price(Settlement::Unknown), used(50, 1));
        let nothing = settle_for(Settlement::Told, Usage::default(), estimate, &grant);
        assert_eq!(
            nothing.turns, 1,
            "a turn that ran is one turn, whatever it says"
        );
    }

    proptest! {
        #[test]
        fn a_grant_never_passes_what_is_left(
            total in 1..1_000_000_u64, spent in 0..1_000_000_u64, share in prop::option::of(1..1_000_000_u64),
        ) {
            let limit = limit(Some(total), None, share);
            if let Ok(granted) = grant_for(&limit, &NOTHING, &used(spent, 0)) {
                let tokens = granted.tokens.unwrap();
                prop_assert!(tokens > 0 && spent + tokens <= total);
                prop_assert!(tokens <= share.unwrap_or(total.div_ceil(3)));
            }
        }

        #[test]
        fn a_top_up_leaves_just_so_much_more(
            total in 1..1_000_000_u64, spent in 0..2_000_000_u64, more in 0..2_000_000_u64,
        ) {
            let limit = limit(Some(total), Some(1), None);
            let topped_up = used(more, 3);
            match grant_for(&limit, &topped_up, &used(spent, 3)) {
                Ok(granted) => {
                    let tokens = granted.tokens.unwrap();
                    prop_assert!(spent + tokens <= total + more);
                    prop_assert!(tokens <= total.div_ceil(3), "the share stays that of the limit");
                }
                Err(refused) => prop_assert_eq!(refused.what, "tokens"),
            }
            let all = grant_for(&limit, &topped_up, &used(spent, 4)).unwrap_err();
            prop_assert!(all.what == "tokens" || all.what == "turns");
        }
    }
}
