//! What comes of a person's answer once it was sent.
//!
//! Owns: the end of its row, and that a person is told when the peer does not take it. Does not own: the sending (`calls`), or
//! which answers are sent (`permission`).

use fleet_a2a::client::ClientError;
use fleet_a2a::clock;
use fleet_a2a::types::SendMessageResponse;
use tokio::time::Instant;

use super::calls::{self, AnswerFate};
use super::drive::{Drive, DriveError, now_text};
use super::follow::CALL_AGAIN;
use super::lines::answer_refused;
use crate::control::{AnswerRefused, NoticeLevel};
use crate::daemon::store::AnswerRow;
use crate::domain::PeerText;

/// What a peer says of an answer that it does not take is a sentence or two; more is cut.
const MAX_REASON_CHARS: usize = 500;

impl Drive {
    pub(super) async fn answered(
        &mut self,
        row: &AnswerRow,
        sent: &Result<SendMessageResponse, ClientError>,
    ) -> Result<(), DriveError> {
        self.due.answering.remove(&row.message_id);
        let card = self.ready.as_ref().map(|ready| &ready.endpoint.card);
        let idempotent = card.is_some_and(|card| card.lists_dispatch);
        let store = &self.inner.store;
        match calls::fate(sent, idempotent) {
            AnswerFate::Settled => {
                store
                    .settle_answer(&row.message_id, clock::now_ms())
                    .await?
            }
            AnswerFate::Again => self.due.answers_at = Some(Instant::now() + CALL_AGAIN),
            AnswerFate::Refused => {
                // The place is free before anybody is told that it is.
                store.withdraw_answer(&row.message_id).await?;
                self.tell_refused(row, sent)?;
            }
        }
        Ok(())
    }

    fn tell_refused(
        &mut self,
        row: &AnswerRow,
        sent: &Result<SendMessageResponse, ClientError>,
    ) -> Result<(), DriveError> {
        let reason = sent.as_ref().err().map(ToString::to_string);
        let reason: String = reason
            .unwrap_or_default()
            .chars()
            .take(MAX_REASON_CHARS)
            .collect();
        let waits = self.view(|live| {
            let mut open = live.turn.permissions().iter();
            open.any(|open| open.request_id == row.request_id)
        });
        let then = match waits {
            Some(true) => " It waits for another answer.",
            Some(false) | None => "",
        };
        let text = format!(
            "{} did not take your answer to {}: {reason}.{then}",
            self.peer, row.request_id
        );
        let refused = AnswerRefused {
            request_id: row.request_id.clone(),
            at: now_text(),
            reason: PeerText::new(reason),
        };
        self.write(&mut [answer_refused(self.id, &refused, &text)])?;
        self.inner.notice(NoticeLevel::Warning, &self.peer, &text);
        Ok(())
    }
}
