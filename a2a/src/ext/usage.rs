//! `urn:a2a-fleet:usage:v1`: what a task has spent so far, in the metadata of its updates.
//!
//! Owns: [`Usage`] and its arithmetic. Totals are running totals of the task and never fall.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The key in `metadata` of status and artifact updates.
pub const URI: &str = "urn:a2a-fleet:usage:v1";

/// Bytes that stand for one token where a CLI reports nothing; the usual rule of thumb for English and code.
pub const ESTIMATE_BYTES_PER_TOKEN: u64 = 4;

/// A running total. `input_tokens` excludes what was read from or written to a cache; `output_tokens` includes thinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Uncached input tokens.
    #[serde(deserialize_with = "whole")]
    pub input_tokens: u64,
    /// Output tokens, thinking included.
    #[serde(deserialize_with = "whole")]
    pub output_tokens: u64,
    /// Tokens read from a cache: shown, not counted against a budget.
    #[serde(deserialize_with = "whole")]
    pub cache_read_tokens: u64,
    /// Tokens written to a cache.
    #[serde(deserialize_with = "whole")]
    pub cache_write_tokens: u64,
    /// Message runs.
    #[serde(deserialize_with = "whole")]
    pub turns: u64,
    /// Dollars, when the agent says so. Unknown is never zero.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "dollars")]
    pub cost_usd: Option<f64>,
    /// True when the figures come from counting bytes.
    pub estimated: bool,
}

impl Usage {
    /// What counts against a token budget: input, cache write and output.
    #[must_use]
    pub fn counted_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_write_tokens)
            .saturating_add(self.output_tokens)
    }

    /// The larger of both, figure by figure, so that a total never falls.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(other.input_tokens),
            output_tokens: self.output_tokens.max(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.max(other.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.max(other.cache_write_tokens),
            turns: self.turns.max(other.turns),
            cost_usd: match (self.cost_usd, other.cost_usd) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (one, None) | (None, one) => one,
            },
            estimated: self.estimated && other.estimated,
        }
    }

    /// An estimate from the bytes that went in and came out.
    #[must_use]
    pub fn estimate(input_bytes: u64, output_bytes: u64) -> Self {
        Self {
            input_tokens: input_bytes.div_ceil(ESTIMATE_BYTES_PER_TOKEN),
            output_tokens: output_bytes.div_ceil(ESTIMATE_BYTES_PER_TOKEN),
            turns: 1,
            estimated: true,
            ..Self::default()
        }
    }
}

/// A count that may come as 5.0, because it passed through a protobuf Struct. Part of one counts as one.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(u64),
        Double(f64),
    }
    match Number::deserialize(deserializer)? {
        Number::Whole(count) => Ok(count),
        Number::Double(count) if count >= 0.0 =>
        {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative, and a cast from a double saturates"
            )]
            Ok(count.ceil() as u64)
        }
        Number::Double(count) => Err(D::Error::custom(format!("a negative count: {count}"))),
    }
}

/// A negative or impossible amount is no amount.
fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let amount = Option::<f64>::deserialize(deserializer)?;
    Ok(amount.filter(|amount| amount.is_finite() && *amount >= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_are_counts_and_what_is_missing_is_zero() {
        let usage: Usage = serde_json::from_str(
            r#"{"input_tokens": 5.0, "output_tokens": 7, "cost_usd": 0.25, "estimated": false}"#,
        )
        .expect("readable");
        assert_eq!((usage.input_tokens, usage.output_tokens), (5, 7));
        assert_eq!(usage.cost_usd, Some(0.25));
        assert_eq!(usage.turns, 0);
    }

    #[test]
    fn a_negative_count_is_refused_and_a_negative_price_is_none() {
        assert!(serde_json::from_str::<Usage>(r#"{"input_tokens": -1}"#).is_err());
        let usage: Usage = serde_json::from_str(r#"{"cost_usd": -1}"#).expect("readable");
        assert_eq!(usage.cost_usd, None);
    }

    fn any_usage() -> impl Strategy<Value = Usage> {
        (
            any::<[u64; 5]>(),
            proptest::option::of(0.0..1e9f64),
            any::<bool>(),
        )
            .prop_map(|(n, cost_usd, estimated)| Usage {
                input_tokens: n[0],
                output_tokens: n[1],
                cache_read_tokens: n[2],
                cache_write_tokens: n[3],
                turns: n[4],
                cost_usd,
                estimated,
            })
    }

    proptest! {
        #[test]
        fn a_total_never_falls(reports in proptest::collection::vec(any_usage(), 1..20)) {
            let mut total = Usage::default();
            for report in reports {
                let next = total.max(report);
                prop_assert!(next.counted_tokens() >= total.counted_tokens());
                prop_assert!(next.counted_tokens() >= report.counted_tokens());
                prop_assert!(next.turns >= total.turns);
                prop_assert!(next.cost_usd.unwrap_or(0.0) >= total.cost_usd.unwrap_or(0.0));
                total = next;
            }
        }

        #[test]
        fn usage_survives_its_json(usage in any_usage()) {
            let json = serde_json::to_value(usage).expect("encodes");
            let back: Usage = serde_json::from_value(json).expect("decodes");
            prop_assert_eq!(back.counted_tokens(), usage.counted_tokens());
            prop_assert_eq!(back.turns, usage.turns);
        }
    }
}
