//! `echo`: answers what it was told, needs no agent. The embedded default, smoke tests, conformance.
//!
//! Owns: the verbatim answer, streamed in a few pieces, and the prefixes of the conformance suites. The direct message that one of
//! them asks for is left out: a receiver of ours always answers with a task.

mod conformance;

use fleet_a2a::types::{Part, PartContent};
use tokio::sync::mpsc;

use crate::adapter::{
    Adapter, AdapterEvent, BoxFuture, Readiness, ReadinessState, Turn, TurnEnd, TurnIo, TurnOutcome,
};

/// Pieces that a short answer comes in, so that streaming can be seen.
const PIECES: usize = 4;
/// Largest piece, in bytes, so that a long answer streams too.
const MAX_PIECE_BYTES: usize = 16 * 1024;

/// Answers what it was told.
#[derive(Debug, Default)]
pub struct EchoAdapter;

impl Adapter for EchoAdapter {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        Box::pin(async {
            Readiness {
                version: Some(crate::version().to_owned()),
                state: ReadinessState::Ready,
            }
        })
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        Box::pin(async move {
            let outcome = match conformance::Case::of(&turn) {
                Some(case) => case.run(&turn, io).await,
                None => answer(&turn, &io.events).await,
            };
            TurnEnd {
                outcome,
                refused: Vec::new(),
            }
        })
    }
}

/// The first part, verbatim.
async fn answer(turn: &Turn, events: &mpsc::Sender<AdapterEvent>) -> TurnOutcome {
    let reply = turn.parts.first().map(text_of).unwrap_or_default();
    for piece in pieces(&reply) {
        let event = AdapterEvent::TextDelta(piece.to_owned());
        if events.send(event).await.is_err() {
            return TurnOutcome::Interrupted;
        }
    }
    TurnOutcome::Completed { reply }
}

fn text_of(part: &Part) -> String {
    match &part.content {
        PartContent::Text(text) | PartContent::Url(text) => text.clone(),
        PartContent::Data(data) => data.to_string(),
        PartContent::Raw(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A text in pieces of about the same size, cut between characters.
fn pieces(text: &str) -> Vec<&str> {
    let size = text.len().div_ceil(PIECES).clamp(1, MAX_PIECE_BYTES);
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let cut = (size..=rest.len())
            .find(|at| rest.is_char_boundary(*at))
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::pieces;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_the_text(text in any::<String>()) {
            prop_assert_eq!(pieces(&text).concat(), text);
        }
    }

    #[test]
    fn a_text_of_any_size_streams() {
        assert_eq!(pieces(""), Vec::<&str>::new());
        assert_eq!(pieces("hello").len(), 3);
        assert_eq!(pieces("äöüß"), ["ä", "ö", "ü", "ß"]);
        assert_eq!(pieces(&"x".repeat(1 << 20)).len(), 64);
    }
}
