//! `urn:a2a-fleet:usage:v1`: what a task has spent so far, in the metadata of its updates.
//!
//! Owns: [`Usage`] and its arithmetic. Totals are running totals of the task and never fall.

use serde::{Deserialize, Serialize};

/// The key in `metadata` of status and artifact updates.
pub const URI: &str = "urn:a2a-fleet:usage:v1";

/// Bytes that stand for one token where a CLI reports nothing; the usual rule of thumb for English and code.
pub const ESTIMATE_BYTES_PER_TOKEN: u64 = 4;

/// A running total. `input_tokens` excludes what was read from or written to a cache; `output_tokens` includes thinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Uncached input tokens.
    pub input_tokens: u64,
    /// Output tokens, thinking included.
    pub output_tokens: u64,
    /// Tokens read from a cache: shown, not counted against a budget.
    pub cache_read_tokens: u64,
    /// Tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Message runs.
    pub turns: u64,
    /// Dollars, when the agent says so. Unknown is never zero.
    #[serde(skip_serializing_if = "Option::is_none")]
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
