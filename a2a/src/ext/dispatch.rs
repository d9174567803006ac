//! `urn:a2a-fleet:dispatch:v1`: the control fields of a dispatch, in `message.metadata`.
//!
//! Owns: [`DispatchMeta`] and [`Grant`]. The content-like fields (context, expected output)
//! travel as the second part of the message, see [`crate::contract`].

use serde::{Deserialize, Serialize};

/// The URI that a card lists, the `A2A-Extensions` header names and the metadata is keyed by.
pub const URI: &str = "urn:a2a-fleet:dispatch:v1";

/// What `message.metadata["urn:a2a-fleet:dispatch:v1"]` holds.
///
/// Numbers are `f64` on the wire because JSON numbers pass through protobuf's `Struct`, where 900 becomes 900.0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DispatchMeta {
    /// Seconds from acceptance to the deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<f64>,
    /// Where the reply is wanted; absent means the caller waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// What the turn may spend; absent means the receiver's own ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// What one dispatch may spend. An absent figure is not limited by the caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Counted tokens: input, cache write and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Message runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<f64>,
    /// United States dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Grant {
    /// The smaller of two grants, figure by figure; a figure that only one names counts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        fn least(a: Option<f64>, b: Option<f64>) -> Option<f64> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, None) | (None, one) => one,
            }
        }
        Self {
            tokens: least(self.tokens, other.tokens),
            turns: least(self.turns, other.turns),
            cost_usd: least(self.cost_usd, other.cost_usd),
        }
    }
}
