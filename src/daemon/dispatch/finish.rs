//! The end of a dispatch: checks, the last line, the settlement, in the order that survives a crash.
//!
//! Owns: that order. The transcript is on the disk before the row says that it has ended; state and settlement are one
//! transaction; only then is anybody told.

use fleet_a2a::clock;
use fleet_a2a::contract::{Verdict as Checked, check_reply};
use tokio::time::Instant;

use super::drive::{Drive, DriveError, now_text};
use super::follow::input_bytes;
use super::lines::{ReplyRule, blank, note};
use super::live::Inner;
use super::outcome::{self, Around, Verdict};
use super::turn::{PeerEnd, Turn};
use crate::control::{Direction, LineKind};
use crate::daemon::ledger;
use crate::daemon::store::{DispatchRow, Outcome};
use crate::domain::{
    DispatchState, PeerName, PeerText, Progress, Reason, Verification, next_state,
};

/// Replies up to this size are checked at once; longer ones off the runtime's threads, in bytes.
const CHECK_AT_ONCE: usize = 16 * 1024;

impl Drive {
    /// Ends the dispatch as the peer ended its task.
    pub(super) async fn finish_as(&mut self, end: &PeerEnd) -> Result<(), DriveError> {
        let foreign = self.reply_rule() == ReplyRule::FirstText;
        let started = self.view(|live| live.turn.started()).unwrap_or(true);
        let around = Around {
            stop: self.stop.map(|stop| stop.why),
            started,
            too_late: foreign && Instant::now() >= self.deadline,
        };
        let verdict = outcome::of_peer(end, around, self.whose());
        let untrusted = verdict.reason == Some(Reason::Untrusted);
        self.finish(verdict).await?;
        if untrusted {
            // The next dispatch is refused before it is sent.
            self.inner.peers.doubt(&self.peer).await;
        }
        Ok(())
    }

    /// Ends the dispatch so.
    pub(super) async fn finish(&mut self, verdict: Verdict) -> Result<(), DriveError> {
        // Dropped at the end: by then the peer has closed it in order, and its connection serves the next dispatch.
        let _stream = self.stream.take();
        self.last_lines(&verdict)?;
        if let Some(writer) = &self.writer {
            writer.sync().await?;
        }
        let Some((mut row, estimate)) = self.view(|live| {
            let mut row = live.row.clone();
            row.outcome = outcome_of(&live.turn, &verdict);
            row.last_event = PeerText::new(live.turn.last());
            (row, live.turn.estimate(input_bytes(&live.row)))
        }) else {
            return Ok(());
        };
        let now_ms = clock::now_ms();
        row.times.ended_at_ms = Some(now_ms);
        row.state = next_state(row.state, Progress::Ended(verdict.state)).unwrap_or(verdict.state);
        row.reason = verdict.reason;
        check(&mut row).await;
        let settle = ledger::settlement(&row, verdict.price, estimate, now_ms);
        if self.inner.store.finish_dispatch(&row, &settle).await? {
            // Before the end is known, so that whoever waits for it hears of the budget too.
            tell_marks(&self.inner, &self.peer).await;
        } else if let Some(stored) = self.inner.store.dispatch(self.id).await? {
            row = stored;
        }
        self.inner.ended(&row);
        Ok(())
    }

    /// The lines that only we can write: an end that the peer did not tell, and what was not kept.
    fn last_lines(&mut self, verdict: &Verdict) -> Result<(), DriveError> {
        let written = self.view(|live| {
            (
                live.row.transcript.offset.is_some(),
                live.turn.end(),
                live.turn.reply_is_cut(),
            )
        });
        // A dispatch that was never sent has no lines.
        let Some((true, end, cut)) = written else {
            return Ok(());
        };
        let mut lines = Vec::new();
        if cut {
            let text =
                "The reply is longer than what views and checks keep; all of it stands above.";
            lines.push(note(self.id, now_text(), text));
        }
        if end.is_none_or(|end| end.state != verdict.state) {
            let mut line = blank(self.id, now_text(), LineKind::State, Direction::Out);
            line.state = Some(verdict.state);
            lines.push(line);
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.write(&mut lines)
    }
}

/// The end is stored by now; a notice that cannot be stored is due again at the next end.
async fn tell_marks(inner: &Inner, peer: &PeerName) {
    if let Err(error) = inner.tell_marks(peer).await {
        tracing::warn!(%peer, %error, "the budget's notices could not be stored");
    }
}

fn outcome_of(turn: &Turn, verdict: &Verdict) -> Outcome {
    let text = match verdict.state {
        DispatchState::Completed => turn.final_text(),
        DispatchState::Queued
        | DispatchState::Sending
        | DispatchState::Working
        | DispatchState::InputRequired
        | DispatchState::Failed
        | DispatchState::Rejected
        | DispatchState::Canceled
        | DispatchState::Expired
        | DispatchState::Unknown => Some(turn.reply()).filter(|text| !text.is_empty()),
    };
    let text = match (text, verdict.late) {
        (None, true) => turn.final_text(),
        (text, _) => text,
    };
    Outcome {
        reply: text.map(PeerText::new),
        artifacts: turn.artifacts().to_vec(),
        refused: turn.refused().to_vec(),
        verification: None,
        failed_checks: if turn.reply_is_cut() {
            vec![PeerText::new(
                "The reply is too long to be checked; the transcript has all of it.",
            )]
        } else {
            Vec::new()
        },
        error: verdict.error.clone(),
        late: verdict.late,
    }
}

/// Holds the reply of a completed dispatch against its contract.
async fn check(row: &mut DispatchRow) {
    if row.state != DispatchState::Completed {
        return;
    }
    let reply = row.outcome.reply.as_ref().map_or("", |reply| reply.raw());
    let too_long = !row.outcome.failed_checks.is_empty();
    let checked = if reply.len() <= CHECK_AT_ONCE {
        check_reply(&row.contract, reply)
    } else {
        let (contract, reply) = (row.contract.clone(), reply.to_owned());
        tokio::task::spawn_blocking(move || check_reply(&contract, &reply))
            .await
            .unwrap_or_else(|join| {
                Checked::Rejected(vec![format!("The checks could not be run: {join}.")])
            })
    };
    let (verification, failed) = match checked {
        // Nothing was to be checked, so nothing is missing.
        Checked::Unverified => (Verification::Unverified, Vec::new()),
        Checked::Verified | Checked::Rejected(_) if too_long => (
            Verification::Rejected,
            std::mem::take(&mut row.outcome.failed_checks),
        ),
        Checked::Verified => (Verification::Verified, Vec::new()),
        Checked::Rejected(failed) => (
            Verification::Rejected,
            failed.into_iter().map(PeerText::new).collect(),
        ),
    };
    row.outcome.verification = Some(verification);
    row.outcome.failed_checks = failed;
}
