//! The marks of a budget that a person is told of.
//!
//! Owns: when one is reached and how that reads. Does not own: that each is told once; the store does.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BudgetLimit, BudgetUse, Cost, grouped};

/// Spent so much of a limit, a person still has time to do something.
const NEAR: u8 = 80;
/// Spent all: what follows is refused.
const FULL: u8 = 100;

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Counted tokens.
    Tokens,
    /// Message runs.
    Turns,
    /// Money.
    Cost,
}

/// So much of a figure is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Of what.
    pub figure: Figure,
    /// 80 or 100.
    pub percent: u8,
    /// Spent; money in millionths.
    pub spent: u64,
    /// Out of so much, what was topped up included.
    pub limit: u64,
}

impl Figure {
    /// The word of rows, flags and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Turns => "turns",
            Self::Cost => "cost",
        }
    }

    /// What its flag takes.
    #[must_use]
    pub fn flag_value(self) -> &'static str {
        match self {
            Self::Tokens | Self::Turns => "N",
            Self::Cost => "USD",
        }
    }
}

impl Mark {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.percent >= FULL
    }
}

/// `82,000 of 100,000 tokens (82 %)`; the percentage is rounded down, so that 100 is never said too early.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = u128::from(self.spent) * 100 / u128::from(self.limit.max(1));
        match self.figure {
            Figure::Tokens | Figure::Turns => {
                let (spent, limit) = (grouped(self.spent), grouped(self.limit));
                let what = self.figure.word();
                write!(f, "{spent} of {limit} {what} ({percent} %)")
            }
            Figure::Cost => {
                let (spent, limit) = (Cost(self.spent), Cost(self.limit));
                write!(f, "${spent} of ${limit} ({percent} %)")
            }
        }
    }
}

/// The highest mark that each limited figure has reached, of what is spent: what is merely held may come back.
#[must_use]
pub fn marks_reached(limit: &BudgetLimit, topped_up: &BudgetUse, spent: &BudgetUse) -> Vec<Mark> {
    let cost = limit.cost.map(|cost| cost.0);
    [
        (Figure::Tokens, limit.tokens, topped_up.tokens, spent.tokens),
        (Figure::Turns, limit.turns, topped_up.turns, spent.turns),
        (Figure::Cost, cost, topped_up.cost.0, spent.cost.0),
    ]
    .into_iter()
    .filter_map(|(figure, limit, more, spent)| {
        let limit = limit?.saturating_add(more);
        let reached =
            |percent: u8| u128::from(spent) * 100 >= u128::from(limit) * u128::from(percent);
        let percent = [FULL, NEAR].into_iter().find(|percent| reached(*percent))?;
        Some(Mark {
            figure,
            percent,
            spent,
            limit,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Window;

    fn limit(tokens: u64) -> BudgetLimit {
        BudgetLimit {
            tokens: Some(tokens),
            turns: Some(10),
            cost: Some(Cost(3_000_000)),
            window: Window::Day,
            per_dispatch_tokens: None,
        }
    }

    fn told(spent: BudgetUse, topped_up: BudgetUse) -> Vec<String> {
        let marks = marks_reached(&limit(100_000), &topped_up, &spent);
        marks.iter().map(Mark::to_string).collect()
    }

    #[test]
    fn each_figure_has_its_own_mark() {
        let spent = |tokens, turns, cost| BudgetUse {
            tokens,
            turns,
            cost: Cost(cost),
        };
        let nothing = BudgetUse::default();
        assert_eq!(told(spent(79_999, 7, 2_399_999), nothing), [""; 0]);
        assert_eq!(
            told(spent(80_000, 10, 2_400_000), nothing),
            [
                "80,000 of 100,000 tokens (80 %)",
                "10 of 10 turns (100 %)",
                "$2.40 of $3.00 (80 %)"
            ]
        );
        assert_eq!(
            told(spent(99_999, 0, 0), nothing),
            ["99,999 of 100,000 tokens (99 %)"]
        );
        assert_eq!(
            told(spent(100_000, 0, 0), spent(100_000, 0, 0)),
            [""; 0],
            "half of what it is now"
        );
    }

    proptest! {
        #[test]
        fn the_mark_is_the_share_that_is_spent(tokens in 1..u64::MAX, spent in any::<u64>(), more in any::<u64>()) {
            let spent = BudgetUse { tokens: spent, ..BudgetUse::default() };
            let topped_up = BudgetUse { tokens: more, ..BudgetUse::default() };
            let marks = marks_reached(&limit(tokens), &topped_up, &spent);
            let total = u128::from(tokens.saturating_add(more));
            let part = u128::from(spent.tokens) * 100;
            let expected = if part >= total * 100 { vec![100] } else if part >= total * 80 { vec![80] } else { vec![] };
            prop_assert_eq!(marks.iter().map(|mark| mark.percent).collect::<Vec<_>>(), expected);
        }
    }
}
