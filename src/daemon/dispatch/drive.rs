//! One dispatch, from stored to ended: `send_message_and_wait`.
//!
//! Owns: the task of an open dispatch and what all its stages share. The stages are `deliver`, `locate`, `follow` with
//! `attach`, and `finish`. Does not own: the decisions, which are pure (`machine`, `outcome`).
//!
//! Each change is committed before the effect it announces, so the task may be dropped at any await; the next one goes
//! on from the rows, the transcript and the peer.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::EventStream;
use fleet_a2a::clock;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::calls::{CallFuture, Due};
use super::follow::Stop;
use super::lines::{ReplyRule, note};
use super::live::{Inner, Live};
use super::outcome::Whose;
use crate::control::NoticeLevel;
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::daemon::store::{DispatchRow, StoreError};
use crate::daemon::transcript::{self, TranscriptError, Writer};
use crate::domain::{DispatchId, DispatchState, PeerName, Progress, next_state};

/// Before a dispatch goes on whose store or transcript failed: a full disk is not freed faster.
const STORAGE_WAIT: Duration = Duration::from_secs(1);

/// What stops a step; the dispatch goes on from what was committed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
}

/// The task of one open dispatch.
pub(super) struct Drive {
    pub(super) inner: Arc<Inner>,
    pub(super) id: DispatchId,
    pub(super) peer: PeerName,
    pub(super) env: ClientEnv,
    pub(super) wake: Arc<Notify>,
    pub(super) deadline: Instant,
    pub(super) writer: Option<Writer>,
    pub(super) ready: Option<ReadyPeer>,
    pub(super) stream: Option<EventStream>,
    pub(super) stop: Option<Stop>,
    pub(super) calls: FuturesUnordered<CallFuture>,
    pub(super) due: Due,
    pub(super) pace: super::follow::Pace,
}

impl Drive {
    /// For a dispatch that was made known with [`Inner::opened`].
    pub(super) fn new(
        inner: Arc<Inner>,
        row: &DispatchRow,
        env: ClientEnv,
        wake: Arc<Notify>,
    ) -> Self {
        let left_ms = u64::try_from(row.times.deadline_at_ms - clock::now_ms()).unwrap_or(0);
        Self {
            inner,
            id: row.dispatch_id,
            peer: row.peer.clone(),
            env,
            wake,
            deadline: Instant::now() + Duration::from_millis(left_ms),
            writer: None,
            ready: None,
            stream: None,
            stop: None,
            calls: FuturesUnordered::new(),
            due: Due::of(row.state),
            pace: super::follow::Pace::new(),
        }
    }

    /// Follows the dispatch to its end.
    pub(super) async fn run(mut self) {
        loop {
            let Err(error) = self.go().await else { return };
            tracing::error!(dispatch_id = %self.id, %error, "a dispatch waits for its store or transcript");
            let text = format!("Dispatch {} waits: {error}.", self.id);
            self.inner.notice(NoticeLevel::Error, &self.peer, &text);
            self.writer = None;
            self.stream = None;
            sleep(STORAGE_WAIT).await;
        }
    }

    async fn go(&mut self) -> Result<(), DriveError> {
        self.restore().await?;
        while let Some(state) = self.inner.with(self.id, |live| live.row.state) {
            match state {
                DispatchState::Queued => self.queued().await?,
                DispatchState::Sending if self.stream.is_none() => self.locate().await?,
                DispatchState::Sending | DispatchState::Working | DispatchState::InputRequired => {
                    self.follow().await?;
                }
                DispatchState::Completed
                | DispatchState::Failed
                | DispatchState::Rejected
                | DispatchState::Canceled
                | DispatchState::Expired
                | DispatchState::Unknown => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads the turn again from its transcript: what is not in the file did not happen yet.
    async fn restore(&mut self) -> Result<(), DriveError> {
        let place = self.view(|live| live.row.transcript.clone());
        let Some(place) = place.filter(|place| place.offset.is_some()) else {
            return Ok(());
        };
        self.open_writer()?;
        let id = self.id;
        let read = tokio::task::spawn_blocking(move || {
            let mut turn = super::turn::Turn::default();
            transcript::for_each(&place, id, |line| turn.see(&line)).map(|()| turn)
        });
        let turn = read.await.unwrap_or_else(|join| {
            Err(TranscriptError::Io {
                path: std::path::PathBuf::new(),
                source: std::io::Error::other(join),
            })
        })?;
        self.inner.with(id, |live| live.turn = turn);
        Ok(())
    }

    /// Looks at the live entry; `None` once the dispatch has ended.
    pub(super) fn view<R>(&self, see: impl FnOnce(&Live) -> R) -> Option<R> {
        self.inner.with(self.id, |live| see(live))
    }

    pub(super) fn whose(&self) -> Whose<'_> {
        Whose {
            id: self.id,
            peer: &self.peer,
        }
    }

    pub(super) fn cancel_wanted(&self) -> bool {
        self.view(|live| live.row.times.cancel_at_ms.is_some()) == Some(true)
    }

    /// Commits a step of the state table with what else changes, then makes it known. A step that the table does not
    /// have changes nothing.
    pub(super) async fn advance(
        &mut self,
        progress: Progress,
        change: impl FnOnce(&mut DispatchRow),
    ) -> Result<(), DriveError> {
        let Some(row) = self.stepped(progress, change) else {
            return Ok(());
        };
        self.inner.store.save_dispatch(&row).await?;
        self.publish(row);
        Ok(())
    }

    pub(super) fn stepped(
        &self,
        progress: Progress,
        change: impl FnOnce(&mut DispatchRow),
    ) -> Option<DispatchRow> {
        let mut row = self.view(|live| live.row.clone())?;
        row.state = next_state(row.state, progress)?;
        change(&mut row);
        Some(row)
    }

    /// Puts a committed row in place; the wish to cancel may have come meanwhile, by another task.
    pub(super) fn publish(&self, row: DispatchRow) {
        self.inner.with(self.id, |live| {
            let cancel_at_ms = live.row.times.cancel_at_ms;
            live.row = row;
            live.row.times.cancel_at_ms = cancel_at_ms;
        });
        self.inner.changed();
    }

    /// Takes the file in hand; the place of this dispatch's lines is committed with the attempt.
    pub(super) fn open_writer(&mut self) -> Result<(), DriveError> {
        let Some(place) = self.view(|live| live.row.transcript.clone()) else {
            return Ok(());
        };
        if self.writer.is_some() {
            return Ok(());
        }
        let (mut writer, healed) = Writer::open(&place)?;
        if place.offset.is_none() {
            let offset = writer.bytes();
            self.inner
                .with(self.id, |live| live.row.transcript.offset = Some(offset));
        }
        if let Some(healed) = healed {
            let text = format!("A torn line of {} bytes was cut off here.", healed.bytes);
            writer.append(&mut [note(self.id, now_text(), &text)])?;
            tracing::warn!(dispatch_id = %self.id, bytes = healed.bytes, "a torn transcript line was cut off");
        }
        self.writer = Some(writer);
        Ok(())
    }

    /// Appends lines and takes them in.
    pub(super) fn write(
        &mut self,
        lines: &mut [crate::control::TranscriptLine],
    ) -> Result<(), DriveError> {
        self.open_writer()?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer.append(lines)?;
        let seq = writer.seq();
        self.inner.with(self.id, |live| {
            for line in &*lines {
                live.turn.see(line);
            }
            let input_bytes = super::follow::input_bytes(&live.row);
            live.row.usage = live.turn.usage(input_bytes);
            live.row.transcript.seq = seq;
        });
        self.inner.changed();
        Ok(())
    }

    /// Which artifact is the reply, at this peer.
    pub(super) fn reply_rule(&self) -> ReplyRule {
        match &self.ready {
            Some(ready) if !ready.endpoint.card.lists_dispatch => ReplyRule::FirstText,
            Some(_) | None => ReplyRule::Named,
        }
    }

    /// The peer, proven again; `None`: not now.
    pub(super) async fn find_peer(&mut self, until: Instant) -> Option<ReadyPeer> {
        let asked = timeout_at(until, self.inner.peers.attached(&self.peer, &self.env)).await;
        match asked {
            Ok(Ok(ready)) => Some(ready),
            Ok(Err(failure)) => {
                tracing::info!(dispatch_id = %self.id, %failure, "the peer cannot be had now");
                None
            }
            Err(_) => None,
        }
    }
}

pub(super) fn now_text() -> String {
    clock::rfc3339(clock::now_ms())
}
