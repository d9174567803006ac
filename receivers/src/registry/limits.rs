//! What one turn may take: its deadline and its grant, from the message and the receiver's ceilings.
//!
//! Owns: the arithmetic; the smaller of two limits always holds. Does not own: enforcing (see `machine`).

use std::time::Duration;

use fleet_a2a::ext::{Grant, Usage};
use serde::{Deserialize, Serialize};

use crate::config::{Ceiling, ReceiverConfig};

/// What the end of a turn keeps of its deadline when a person has not answered: time for the agent to finish without.
const ANSWER_RESERVE: Duration = Duration::from_secs(30);

/// The limits of one turn, stored with its task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// What it may spend.
    pub(crate) grant: Grant,
}

impl Limits {
    /// The smaller of what the caller grants and what this receiver allows anybody.
    pub(crate) fn new(asked: Option<Grant>, ceiling: &Ceiling) -> Self {
        // Token counts beyond 2^53 lose their last digits, which no budget notices.
        #[allow(clippy::cast_precision_loss, reason = "see above")]
        let own = Grant {
            tokens: ceiling.tokens.map(|tokens| tokens as f64),
            turns: None,
            cost_usd: ceiling.cost_usd,
        };
        Self {
            grant: asked.unwrap_or_default().min(own),
        }
    }

    /// One sentence when `usage` is past the grant.
    pub(crate) fn passed_by(&self, usage: &Usage) -> Option<String> {
        #[allow(clippy::cast_precision_loss, reason = "as above")]
        let (tokens, turns) = (usage.counted_tokens() as f64, usage.turns as f64);
        let over = |spent: f64, granted: Option<f64>| granted.filter(|granted| spent > *granted);
        if let Some(granted) = over(tokens, self.grant.tokens) {
            return Some(format!(
                "The turn spent {tokens} tokens of the {granted} it was granted and was stopped."
            ));
        }
        if let Some(granted) = over(turns, self.grant.turns) {
            return Some(format!(
                "The turn was granted {granted} message runs, which leaves none for it."
            ));
        }
        over(usage.cost_usd.unwrap_or(0.0), self.grant.cost_usd).map(|granted| {
            format!(
                "The turn spent {} USD of the {granted} it was granted and was stopped.",
                usage.cost_usd.unwrap_or(0.0)
            )
        })
    }
}

/// When a task accepted at `accepted_at_ms` must have ended, in Unix milliseconds.
pub(crate) fn deadline_at_ms(accepted_at_ms: i64, asked_s: u32, config: &ReceiverConfig) -> i64 {
    let seconds = asked_s.min(config.max_deadline_s);
    accepted_at_ms.saturating_add(i64::from(seconds).saturating_mul(1_000))
}

/// What is left until `deadline_at_ms`; nothing when it has passed.
pub(crate) fn remaining(deadline_at_ms: i64, now_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(deadline_at_ms.saturating_sub(now_ms)).unwrap_or(0))
}

/// How long a permission request may wait: as configured, but at most what the deadline leaves less half a minute, or half
/// of it when less than a minute is left.
pub(crate) fn answer_time(configured_s: u32, left: Duration) -> Duration {
    let bound = if left < ANSWER_RESERVE * 2 {
        left / 2
    } else {
        left - ANSWER_RESERVE
    };
    Duration::from_secs(u64::from(configured_s)).min(bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usage(input: u64, write: u64, output: u64) -> Usage {
        Usage {
            input_tokens: input,
            cache_write_tokens: write,
            output_tokens: output,
            cache_read_tokens: 1_000_000,
            turns: 1,
            ..Usage::default()
        }
    }

    #[test]
    fn the_smaller_limit_holds() {
        let ceiling = Ceiling {
            tokens: Some(100),
            cost_usd: None,
        };
        let asked = |tokens| Grant {
            tokens: Some(tokens),
            ..Grant::default()
        };
        assert_eq!(Limits::new(None, &ceiling).grant.tokens, Some(100.0));
        assert_eq!(
            Limits::new(Some(asked(50.0)), &ceiling).grant.tokens,
            Some(50.0)
        );
        assert_eq!(
            Limits::new(Some(asked(500.0)), &ceiling).grant.tokens,
            Some(100.0)
        );
        assert_eq!(
            Limits::new(Some(asked(5.0)), &Ceiling::default())
                .grant
                .tokens,
            Some(5.0)
        );
    }

    #[test]
    fn cache_reads_are_free_and_the_grant_itself_may_be_spent() {
        let limits = Limits::new(
            Some(Grant {
                tokens: Some(60.0),
                turns: Some(1.0),
                cost_usd: Some(0.5),
            }),
            &Ceiling::default(),
        );
        assert_eq!(limits.passed_by(&usage(10, 20, 30)), None);
        assert!(limits.passed_by(&usage(10, 20, 31)).is_some());
        let mut dear = usage(1, 1, 1);
        dear.cost_usd = Some(0.51);
        assert!(limits.passed_by(&dear).unwrap().contains("USD"));
        dear.cost_usd = None;
        dear.turns = 2;
        assert!(limits.passed_by(&dear).unwrap().contains("message runs"));
    }

    #[test]
    fn a_person_has_less_time_than_the_deadline_leaves() {
        let time = |configured, left| answer_time(configured, Duration::from_secs(left)).as_secs();
        assert_eq!(time(300, 900), 300);
        assert_eq!(time(300, 200), 170);
        assert_eq!(time(300, 60), 30);
        assert_eq!(time(300, 40), 20);
        assert_eq!(time(5, 40), 5);
        assert_eq!(time(300, 0), 0);
    }

    proptest! {
        #[test]
        fn an_answer_never_outlives_the_deadline(configured in 0_u32..100_000, left in 0_u64..100_000_000) {
            let left = Duration::from_millis(left);
            prop_assert!(answer_time(configured, left) <= left);
        }

        #[test]
        fn nothing_overflows(at in any::<i64>(), now in any::<i64>()) {
            let _ = remaining(at, now);
        }
    }
}
