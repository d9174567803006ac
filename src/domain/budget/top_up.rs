//! What a person adds to a budget for the rest of its window.
//!
//! Owns: which amounts make sense. Does not own: storing them.

use serde::{Deserialize, Serialize};

use super::{BudgetLimit, BudgetUse, Cost, Figure};

/// Largest figure of one top-up (of money: a million dollars): beyond any real one, and thousands of them still add up
/// without overflow.
pub const MAX_TOP_UP: u64 = 1_000_000_000_000;

/// Amounts to add to what a window allows. An absent figure stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Counted tokens.
    pub tokens: Option<u64>,
    /// Message runs.
    pub turns: Option<u64>,
    /// Money.
    pub cost: Option<Cost>,
}

/// Amounts that cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopUpError {
    /// No figure was named.
    #[error("no amount was named")]
    Nothing,
    /// Zero, or beyond [`MAX_TOP_UP`].
    #[error("{} takes more than 0 and at most {}", .0.word(), most(*.0))]
    Amount(Figure),
    /// The budget does not limit that figure.
    #[error("the budget does not limit {}", .0.word())]
    Unlimited(Figure),
}

impl TopUp {
    /// The amounts, where each adds something to a figure that is limited.
    ///
    /// # Errors
    /// [`TopUpError`] otherwise.
    pub fn amounts(&self, limit: &BudgetLimit) -> Result<BudgetUse, TopUpError> {
        let figures = [
            (Figure::Tokens, self.tokens, limit.tokens.is_some()),
            (Figure::Turns, self.turns, limit.turns.is_some()),
            (
                Figure::Cost,
                self.cost.map(|cost| cost.0),
                limit.cost.is_some(),
            ),
        ];
        if figures.iter().all(|(_, amount, _)| amount.is_none()) {
            return Err(TopUpError::Nothing);
        }
        for (figure, amount, is_limited) in figures {
            match amount {
                None => {}
                Some(amount) if !(1..=MAX_TOP_UP).contains(&amount) => {
                    return Err(TopUpError::Amount(figure));
                }
                Some(_) if !is_limited => return Err(TopUpError::Unlimited(figure)),
                Some(_) => {}
            }
        }
        Ok(BudgetUse {
            tokens: self.tokens.unwrap_or(0),
            turns: self.turns.unwrap_or(0),
            cost: self.cost.unwrap_or_default(),
        })
    }
}

fn most(figure: Figure) -> String {
    match figure {
        Figure::Tokens | Figure::Turns => super::grouped(MAX_TOP_UP),
        Figure::Cost => format!("${}", Cost(MAX_TOP_UP)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Window;

    #[test]
    fn only_amounts_of_limited_figures_are_taken() {
        let limit = BudgetLimit {
            tokens: Some(5),
            turns: None,
            cost: Some(Cost(1)),
            window: Window::Day,
            per_dispatch_tokens: None,
        };
        let tokens = |tokens| TopUp {
            tokens: Some(tokens),
            ..TopUp::default()
        };
        assert_eq!(tokens(7).amounts(&limit).unwrap().tokens, 7);
        assert_eq!(TopUp::default().amounts(&limit), Err(TopUpError::Nothing));
        for bad in [0, MAX_TOP_UP + 1, u64::MAX] {
            let refused = tokens(bad).amounts(&limit).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "tokens takes more than 0 and at most 1,000,000,000,000"
            );
        }
        let both = TopUp {
            turns: Some(1),
            ..tokens(1)
        };
        let refused = both.amounts(&limit).unwrap_err();
        assert_eq!(refused.to_string(), "the budget does not limit turns");
        let money = TopUp {
            cost: Some(Cost(MAX_TOP_UP + 1)),
            ..TopUp::default()
        };
        let refused = money.amounts(&limit).unwrap_err();
        assert!(refused.to_string().ends_with("$1000000.00"), "{refused}");
    }
}
