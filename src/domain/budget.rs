//! Budget arithmetic: what a dispatch is granted, what it is charged, and when a window begins.
//!
//! Owns: the sums, in integers (money in millionths of a dollar). Does not own: rows; the ledger keeps those and makes
//! the grant in the transaction that stores the dispatch.

use std::fmt;

use fleet_a2a::ext::Usage;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday; weeks start on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// When a budget starts anew. Calendar windows are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// At midnight.
    Day,
    /// On Monday at midnight.
    Week,
    /// Never.
    Total,
}

impl Window {
    /// The start of the window that holds `now_ms` (Unix milliseconds); 0 for [`Window::Total`].
    #[must_use]
    pub fn start_ms(self, now_ms: i64) -> i64 {
        let day = now_ms.div_euclid(DAY_MS);
        match self {
            Self::Day => day * DAY_MS,
            Self::Week => (day - (day + EPOCH_WEEKDAY).rem_euclid(7)) * DAY_MS,
            Self::Total => 0,
        }
    }

    /// The end of that window, exclusive; `None` for [`Window::Total`].
    #[must_use]
    pub fn end_ms(self, now_ms: i64) -> Option<i64> {
        match self {
            Self::Day => Some(self.start_ms(now_ms) + DAY_MS),
            Self::Week => Some(self.start_ms(now_ms) + 7 * DAY_MS),
            Self::Total => None,
        }
    }

    /// The word in fleet.toml.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Total => "total",
        }
    }
}

/// Money in millionths of a dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(pub u64);

impl Cost {
    /// Rounds up, so that a fraction is never free; nonsense (negative, not a number) is zero.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        if usd.is_finite() && usd > 0.0 {
            Self((usd * 1e6).ceil() as u64)
        } else {
            Self(0)
        }
    }

    /// Dollars.
    #[must_use]
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// A peer's budget as fleet.toml says it. An absent figure is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLimit {
    /// Counted tokens a window.
    pub tokens: Option<u64>,
    /// Message runs a window.
    pub turns: Option<u64>,
    /// Money a window.
    pub cost: Option<Cost>,
    /// The window.
    pub window: Window,
    /// Counted tokens of one dispatch; a third of `tokens` when absent.
    pub per_dispatch_tokens: Option<u64>,
}

/// What of a window is taken: held by open dispatches and spent by ended ones, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// Counted tokens.
    pub tokens: u64,
    /// Message runs.
    pub turns: u64,
    /// Money.
    pub cost: Cost,
}

/// What one dispatch was granted. An absent figure is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedAmounts {
    /// Counted tokens.
    pub tokens: Option<u64>,
    /// Message runs: always 1 when turns are limited.
    pub turns: Option<u64>,
    /// Money.
    pub cost: Option<Cost>,
}

/// A budget that does not allow another dispatch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget allows no further dispatch: {left} of {limit} {what} are left in this {window}"
)]
pub struct BudgetRefusal {
    /// Which figure.
    pub what: &'static str,
    /// What is left.
    pub left: String,
    /// Out of what.
    pub limit: String,
    /// The window's word.
    pub window: &'static str,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.usd())
    }
}

/// What a new dispatch may spend: its share, or what remains if that is at least a tenth of the share.
///
/// # Errors
/// [`BudgetRefusal`] when less remains of any limited figure.
pub fn grant_for(limit: &BudgetLimit, used: &BudgetUse) -> Result<GrantedAmounts, BudgetRefusal> {
    let refuse = |what, left: String, limit_text: String| BudgetRefusal {
        what,
        left,
        limit: limit_text,
        window: limit.window.word(),
    };
    let tokens = match (limit.tokens, limit.per_dispatch_tokens) {
        (Some(total), share) => {
            let left = total.saturating_sub(used.tokens);
            let share = share.unwrap_or_else(|| total.div_ceil(3));
            Some(
                part(share, left)
                    .ok_or_else(|| refuse("tokens", left.to_string(), total.to_string()))?,
            )
        }
        (None, share) => share,
    };
    let turns = match limit.turns {
        Some(total) if used.turns >= total => {
            return Err(refuse("turns", "0".to_owned(), total.to_string()));
        }
        Some(_) => Some(1),
        None => None,
    };
    let cost = match limit.cost {
        Some(total) => {
            let left = total.0.saturating_sub(used.cost.0);
            let amount = part(total.0.div_ceil(3), left);
            Some(Cost(amount.ok_or_else(|| {
                refuse("dollars", Cost(left).to_string(), total.to_string())
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

/// Whether the step from `before` to `after` crossed 80 % of any limited figure: then a notice is due, once.
#[must_use]
pub fn near_limit(limit: &BudgetLimit, before: &BudgetUse, after: &BudgetUse) -> bool {
    fn crossed(limit: Option<u64>, before: u64, after: u64) -> bool {
        limit.is_some_and(|limit| {
            let mark = u128::from(limit) * 8;
            u128::from(before) * 10 < mark && u128::from(after) * 10 >= mark
        })
    }
    crossed(limit.tokens, before.tokens, after.tokens)
        || crossed(limit.turns, before.turns, after.turns)
        || crossed(limit.cost.map(|c| c.0), before.cost.0, after.cost.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

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
    fn windows_are_utc_calendar_days_and_weeks_from_monday() {
        // 2026-11-21 is a Saturday; its Monday is the 16th.
        let saturday: i64 = 1_795_219_200_000;
        let monday = saturday - 5 * DAY_MS;
        assert_eq!(Window::Day.start_ms(saturday + HOUR_MS), saturday);
        assert_eq!(Window::Day.start_ms(saturday - 1), saturday - DAY_MS);
        assert_eq!(Window::Week.start_ms(saturday), monday);
        assert_eq!(Window::Week.start_ms(monday), monday);
        assert_eq!(Window::Week.start_ms(monday - 1), monday - 7 * DAY_MS);
        assert_eq!(Window::Week.end_ms(saturday), Some(monday + 7 * DAY_MS));
        assert_eq!(Window::Total.start_ms(saturday), 0);
        assert_eq!(Window::Total.end_ms(saturday), None);
    }

    #[test]
    fn a_grant_is_a_third_rounded_up_or_what_remains() {
        let third = limit(Some(100), None, None);
        let tokens = |used_tokens| grant_for(&third, &used(used_tokens, 0)).map(|g| g.tokens);
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
        assert_eq!(grant_for(&own, &used(1 << 40, 9)).unwrap().tokens, Some(7));
        let none = limit(None, None, None);
        assert_eq!(grant_for(&none, &used(1, 1)), Ok(GrantedAmounts::default()));
    }

    #[test]
    fn turns_and_money_gate_too() {
        let ten = limit(None, Some(10), None);
        assert_eq!(grant_for(&ten, &used(0, 9)).unwrap().turns, Some(1));
        assert_eq!(grant_for(&ten, &used(0, 10)).unwrap_err().what, "turns");
        let money = BudgetLimit {
            cost: Some(Cost::from_usd(3.0)),
            ..limit(None, None, None)
        };
        let spent = |usd| BudgetUse {
            cost: Cost::from_usd(usd),
            ..BudgetUse::default()
        };
        assert_eq!(
            grant_for(&money, &spent(0.0)).unwrap().cost,
            Some(Cost(1_000_000))
        );
        let refused = grant_for(&money, &spent(2.95)).unwrap_err();
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
            if let Ok(granted) = grant_for(&limit, &used(spent, 0)) {
                let tokens = granted.tokens.unwrap();
                prop_assert!(tokens > 0 && spent + tokens <= total);
                prop_assert!(tokens <= share.unwrap_or(total.div_ceil(3)));
            }
        }

        #[test]
        fn eighty_percent_is_crossed_exactly_once(
            total in 1..10_000_u64, steps in prop::collection::vec(0..500_u64, 1..60),
        ) {
            let limit = limit(Some(total), None, None);
            let (mut before, mut told) = (0, 0);
            for step in steps {
                let after = before + step;
                told += u32::from(near_limit(&limit, &used(before, 0), &used(after, 0)));
                before = after;
            }
            prop_assert_eq!(told, u32::from(before * 10 >= total * 8));
        }

        #[test]
        fn an_instant_is_in_its_window(now_ms in 0..4_000_000_000_000_i64) {
            for window in [Window::Day, Window::Week] {
                let (start, end) = (window.start_ms(now_ms), window.end_ms(now_ms).unwrap());
                prop_assert!(start <= now_ms && now_ms < end);
                prop_assert_eq!(window.start_ms(end), end);
                prop_assert_eq!(window.start_ms(end - 1), start);
            }
        }
    }
}
