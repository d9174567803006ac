//! An amount that is being typed, to add to a budget.
//!
//! Owns: what can be typed. Does not own: whether the budget takes it; the daemon says so.

use crate::domain::{CommandId, Cost, PeerName, TopUp};
use crate::tui::widgets::{Input, Lines};

/// The line and whose budget it is about.
#[derive(Debug)]
pub(crate) struct TopUpDraft {
    pub(crate) peer: PeerName,
    pub(crate) input: Input,
    pub(crate) sent: Sent,
}

/// What was sent of it: the same amount again keeps its id, so that it counts once even if an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    As(CommandId, TopUp),
}

impl TopUpDraft {
    /// Nothing typed yet.
    pub(crate) fn new(peer: PeerName) -> Self {
        let mut input = Input::new(Lines::One);
        input.focus(true);
        Self {
            peer,
            input,
            sent: Sent::Nothing,
        }
    }

    /// The amount that stands there: `50000`, `50,000 tokens`, `5 turns` or `$2.50`.
    pub(crate) fn amounts(&self) -> Option<TopUp> {
        parse(&self.input.text())
    }
}

fn parse(text: &str) -> Option<TopUp> {
    let text = text.trim();
    if let Some(usd) = text.strip_prefix('$') {
        let cost = Cost::from_usd(usd.trim().parse().ok()?);
        return (cost != Cost(0)).then(|| TopUp {
            cost: Some(cost),
            ..TopUp::default()
        });
    }
    let (figure, word) = match text.split_once(' ') {
        Some((figure, word)) => (figure, word.trim()),
        None => (text, "tokens"),
    };
    let figure: u64 = figure.replace([',', '_'], "").parse().ok()?;
    let figure = Some(figure).filter(|figure| *figure > 0)?;
    match word {
        "tokens" | "token" => Some(TopUp {
            tokens: Some(figure),
            ..TopUp::default()
        }),
        "turns" | "turn" => Some(TopUp {
            turns: Some(figure),
            ..TopUp::default()
        }),
        _neither => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_a_person_would_type() {
        let tokens = |figure| TopUp {
            tokens: Some(figure),
            ..TopUp::default()
        };
        for text in ["50000", " 50,000 ", "50_000 tokens"] {
            assert_eq!(parse(text), Some(tokens(50_000)), "{text}");
        }
        assert_eq!(parse("1 turn").unwrap().turns, Some(1));
        assert_eq!(parse("$2.5").unwrap().cost, Some(Cost(2_500_000)));
        for nothing in [
            "",
            "0",
            "-1",
            "5 dollars",
            "$",
            "$0",
            "$-1",
            "$inf",
            "1e3",
            "18446744073709551616",
        ] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_adds_something_or_nothing(text in "\\PC{0,20}") {
            if let Some(TopUp { tokens, turns, cost }) = parse(&text) {
                let figures = [tokens, turns, cost.map(|cost| cost.0)];
                prop_assert_eq!(figures.iter().flatten().count(), 1);
                prop_assert!(figures.iter().flatten().all(|figure| *figure > 0));
            }
        }
    }
}
