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
