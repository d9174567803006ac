//! Budget arithmetic: limits and use, what a dispatch is granted and charged, marks that a person is told of, windows.
//!
//! Owns: the figures, in integers (money in millionths of a dollar). Does not own: rows; the ledger keeps those.

mod grant;
mod marks;
mod top_up;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use grant::{BudgetRefusal, Settlement, grant_for, settle_for};
pub use marks::{Figure, Mark, marks_reached};
pub use top_up::{MAX_TOP_UP, TopUp, TopUpError};
pub use window::Window;

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

/// Figures of a window: held by open dispatches, spent by ended ones, both added up, or topped up by a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// Counted tokens.
    pub tokens: u64,
    /// Message runs.
    pub turns: u64,
    /// Money.
    pub cost: Cost,
}

impl BudgetUse {
    /// Both, added up; figures beyond any counting stay at the largest.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            turns: self.turns.saturating_add(other.turns),
            cost: Cost(self.cost.0.saturating_add(other.cost.0)),
        }
    }
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

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.usd())
    }
}

/// A number with a comma at each thousand.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
