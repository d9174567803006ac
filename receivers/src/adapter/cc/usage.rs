//! What a turn has spent, from the CLI's lines.
//!
//! Owns: the running total over the model calls of a turn, and the final figures of its result. No I/O.

use std::collections::BTreeMap;

use fleet_a2a::ext::Usage;
use serde_json::Value;

/// Adds up the model calls of a turn. A call is known by who makes it: the agent or one of its subagents, one call at a time.
#[derive(Debug, Default)]
pub(super) struct Meter {
    done: Usage,
    open: BTreeMap<String, Usage>,
    /// Spent by the process of its own, before the turn.
    unasked: Usage,
    /// The largest total told so far.
    told: Usage,
}

impl Meter {
    /// A call began; `usage` is that of its `message_start`.
    pub(super) fn begin(&mut self, caller: &str, usage: &Value) {
        self.end(caller);
        self.open.insert(caller.to_owned(), figures(usage));
    }

    /// A call told its figures anew; they are those of the whole call.
    pub(super) fn update(&mut self, caller: &str, usage: &Value) {
        let call = self.open.entry(caller.to_owned()).or_default();
        *call = call.max(figures(usage));
    }

    /// A call is over.
    pub(super) fn end(&mut self, caller: &str) {
        if let Some(call) = self.open.remove(caller) {
            self.done = sum(self.done, call);
        }
    }

    /// The total so far. It never falls.
    pub(super) fn total(&mut self) -> Usage {
        self.tell(self.sum_of_calls())
    }

    /// The process worked of its own, and this is the result.
    pub(super) fn unasked(&mut self, result: &Value) {
        let spent = figures(&result["usage"]).max(by_model(&result[BY_MODEL]));
        self.unasked = sum(self.unasked, spent);
    }

    /// The total of a turn whose result is this line: the largest of what was metered and what the line says twice. It counts calls
    /// that were never streamed, and the model figures those of subagents. Where a process does not give its turn's own, they are
    /// the difference of its totals, which begin anew with each process.
    pub(super) fn finish(&mut self, result: &Value, before: Usage) -> Usage {
        let metered = self.sum_of_calls();
        let said = figures(&result["usage"]);
        let by_model = if result[BY_MODEL].is_null() {
            difference(process_total(result), before)
        } else {
            by_model(&result[BY_MODEL])
        };
        self.tell(metered.max(said).max(by_model))
    }

    fn sum_of_calls(&self) -> Usage {
        let calls = self.open.values();
        calls.fold(self.done, |total, call| sum(total, *call))
    }

    fn tell(&mut self, total: Usage) -> Usage {
        self.told = Usage {
            turns: 1,
            estimated: false,
            ..self.told.max(sum(self.unasked, total))
        };
        self.told
    }
}

/// Where a result gives the turn's own figures.
const BY_MODEL: &str = "model_usage_since_last_result";

fn by_model(models: &Value) -> Usage {
    let models = models.as_object().into_iter().flatten();
    models.fold(Usage::default(), |total, (_, model)| {
        sum(total, model_figures(model))
    })
}

/// What the process spent so far. It is no turn's own figure.
pub(super) fn process_total(result: &Value) -> Usage {
    by_model(&result["modelUsage"])
}

fn difference(total: Usage, before: Usage) -> Usage {
    let less = |total: u64, before: u64| total.saturating_sub(before);
    Usage {
        input_tokens: less(total.input_tokens, before.input_tokens),
        output_tokens: less(total.output_tokens, before.output_tokens),
        cache_read_tokens: less(total.cache_read_tokens, before.cache_read_tokens),
        cache_write_tokens: less(total.cache_write_tokens, before.cache_write_tokens),
        cost_usd: total
            .cost_usd
            .map(|cost| (cost - before.cost_usd.unwrap_or(0.0)).max(0.0)),
        ..Usage::default()
    }
}

fn count(usage: &Value, name: &str) -> u64 {
    usage[name].as_u64().unwrap_or(0)
}

fn figures(usage: &Value) -> Usage {
    Usage {
        input_tokens: count(usage, "input_tokens"),
        output_tokens: count(usage, "output_tokens"),
        cache_read_tokens: count(usage, "cache_read_input_tokens"),
        cache_write_tokens: count(usage, "cache_creation_input_tokens"),
        ..Usage::default()
    }
}

/// `total_cost_usd` counts the whole session; this is the turn's own.
fn model_figures(model: &Value) -> Usage {
    Usage {
        input_tokens: count(model, "inputTokens"),
        output_tokens: count(model, "outputTokens"),
        cache_read_tokens: count(model, "cacheReadInputTokens"),
        cache_write_tokens: count(model, "cacheCreationInputTokens"),
        cost_usd: model["costUSD"]
            .as_f64()
            .filter(|cost| cost.is_finite() && *cost >= 0.0),
        ..Usage::default()
    }
}

fn sum(one: Usage, other: Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.saturating_add(other.input_tokens),
        output_tokens: one.output_tokens.saturating_add(other.output_tokens),
        cache_read_tokens: one
            .cache_read_tokens
            .saturating_add(other.cache_read_tokens),
        cache_write_tokens: one
            .cache_write_tokens
            .saturating_add(other.cache_write_tokens),
        cost_usd: match (one.cost_usd, other.cost_usd) {
            (Some(a), Some(b)) => Some(a + b),
            (one, other) => one.or(other),
        },
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn call(output: u64) -> Value {
        json!({ "input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30, "output_tokens": output })
    }

    #[test]
    fn calls_add_up_and_a_call_told_twice_counts_once() {
        let mut meter = Meter::default();
        meter.begin("", &call(1));
        meter.update("", &json!({ "output_tokens": 40 }));
        meter.begin("", &call(1));
        let total = meter.total();
        assert_eq!(
            (
                total.input_tokens,
                total.output_tokens,
                total.cache_read_tokens
            ),
            (200, 41, 60)
        );
        assert_eq!(total.cost_usd, None);
        meter.begin("subagent", &call(5));
        assert_eq!(meter.total().output_tokens, 46);
    }

    #[test]
    fn the_result_counts_what_was_not_streamed_and_the_turns_own_cost() {
        let mut meter = Meter::default();
        meter.begin("", &call(1));
        let result = json!({
            "usage": { "input_tokens": 200, "output_tokens": 41 }, "total_cost_usd": 9.0,
            "model_usage_since_last_result": {
                "a": { "inputTokens": 100, "outputTokens": 40, "costUSD": 0.001 }, "b": { "outputTokens": 2, "costUSD": 0.002 },
            },
        });
        let total = meter.finish(&result, Usage::default());
        assert_eq!(
            (total.input_tokens, total.output_tokens, total.turns),
            (200, 42, 1)
        );
        assert!((total.cost_usd.unwrap() - 0.003).abs() < 1e-12);
    }

    #[test]
    fn an_older_process_is_asked_for_the_difference_of_its_totals() {
        let result = |output: u64, cost: f64| {
            json!({
                "usage": { "output_tokens": 40 },
                "modelUsage": { "a": { "outputTokens": output, "costUSD": cost } },
            })
        };
        let (first, second) = (result(80, 0.5), result(200, 0.75));
        let spent = Meter::default().finish(&first, Usage::default());
        assert_eq!((spent.output_tokens, spent.cost_usd), (80, Some(0.5)));
        let spent = Meter::default().finish(&second, process_total(&first));
        assert_eq!((spent.output_tokens, spent.cost_usd), (120, Some(0.25)));
        let spent = Meter::default().finish(&first, process_total(&second));
        assert_eq!((spent.output_tokens, spent.cost_usd), (40, Some(0.0)));
    }

    #[test]
    fn what_was_spent_unasked_counts_beside_the_turn() {
        let mut meter = Meter::default();
        let result = |output: u64| json!({ "usage": { "output_tokens": output } });
        meter.unasked(&result(5));
        assert_eq!(meter.finish(&result(7), Usage::default()).output_tokens, 12);
    }

    proptest! {
        #[test]
        fn a_total_never_falls(steps in proptest::collection::vec((0u8..3, 0u8..3, any::<u64>()), 0..40)) {
            let mut meter = Meter::default();
            let mut before = Usage::default();
            for (what, who, count) in steps {
                let who = who.to_string();
                match what {
                    0 => meter.begin(&who, &call(count)),
                    1 => meter.update(&who, &json!({ "output_tokens": count })),
                    _ => meter.end(&who),
                }
                let now = meter.total();
                prop_assert_eq!(now.max(before), now);
                before = now;
            }
        }
    }
}
