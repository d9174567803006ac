//! What a turn has spent so far.
//!
//! Owns: the running total. Where the agent reports, its figures count; where it does not, bytes do, marked as an estimate.

use fleet_a2a::ext::Usage;

/// The meter of one turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meter {
    /// Nothing was reported yet.
    Estimated {
        /// Bytes of the prompt.
        input_bytes: u64,
        /// Bytes of text, thoughts and tool calls.
        output_bytes: u64,
    },
    /// What the agent reported, never falling.
    Reported(Usage),
}

impl Meter {
    /// Before the first event.
    pub(crate) fn new(prompt: &str) -> Self {
        Self::Estimated {
            input_bytes: len(prompt),
            output_bytes: 0,
        }
    }

    /// The agent wrote so much.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        match self {
            Self::Estimated { output_bytes, .. } => {
                *output_bytes = output_bytes.saturating_add(bytes as u64);
            }
            Self::Reported(_) => {}
        }
    }

    /// The whole reply is known; deltas may have told less of it.
    pub(crate) fn replied(&mut self, reply: &str) {
        match self {
            Self::Estimated { output_bytes, .. } => *output_bytes = (*output_bytes).max(len(reply)),
            Self::Reported(_) => {}
        }
    }

    /// The agent reported a running total.
    pub(crate) fn reported(&mut self, usage: Usage) {
        let before = match self {
            Self::Estimated { .. } => usage,
            Self::Reported(before) => *before,
        };
        let mut total = before.max(usage);
        total.turns = total.turns.max(1);
        *self = Self::Reported(total);
    }

    /// The running total.
    pub(crate) fn total(&self) -> Usage {
        match self {
            Self::Estimated {
                input_bytes,
                output_bytes,
            } => Usage::estimate(*input_bytes, *output_bytes),
            Self::Reported(usage) => *usage,
        }
    }
}

fn len(text: &str) -> u64 {
    text.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_the_agent_reports() {
        let mut meter = Meter::new("12345678");
        meter.wrote(5);
        let estimate = meter.total();
        assert_eq!(
            (
                estimate.input_tokens,
                estimate.output_tokens,
                estimate.turns
            ),
            (2, 2, 1)
        );
        assert!(estimate.estimated);
        meter.reported(Usage {
            input_tokens: 1,
            output_tokens: 7,
            ..Usage::default()
        });
        meter.wrote(4_000);
        meter.reported(Usage {
            input_tokens: 9,
            output_tokens: 3,
            ..Usage::default()
        });
        let total = meter.total();
        assert_eq!(
            (total.input_tokens, total.output_tokens, total.turns),
            (9, 7, 1)
        );
        assert!(!total.estimated);
    }

    #[test]
    fn a_reply_counts_once() {
        let mut meter = Meter::new("");
        meter.wrote(8);
        meter.replied("12345678");
        assert_eq!(meter.total().output_tokens, 2);
        meter.replied("1234567812345678");
        assert_eq!(meter.total().output_tokens, 4);
    }
}
