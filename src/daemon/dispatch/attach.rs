//! Attaching to an accepted task and taking in what it tells.
//!
//! Owns: subscriptions from the last event, gaps, GetTask where nothing streams, and writing each event once.

use fleet_a2a::TaskId;
use fleet_a2a::client::{ClientError, PeerEvent};
use fleet_a2a::types::StreamResponse;
use tokio::time::Instant;

use super::drive::{Drive, DriveError, now_text};
use super::lines::{Stamp, blank, lines_of};
use super::machine::{self, Backoff};
use super::outcome;
use crate::control::{Direction, LineKind};

impl Drive {
    /// Takes in what the stream brought. `true`: the dispatch has ended.
    pub(super) async fn heard(
        &mut self,
        event: Option<Result<PeerEvent, ClientError>>,
    ) -> Result<bool, DriveError> {
        let error = match event {
            Some(Ok(event)) => {
                if self.gap_before(&event) {
                    self.stream = None;
                    self.pace.attach_at = Instant::now();
                } else {
                    self.pace.heard();
                    self.record(event)?;
                }
                return Ok(false);
            }
            Some(Err(error)) => error,
            None => ClientError::Closed("the stream ended".to_owned()),
        };
        self.stream = None;
        self.pace.lost();
        tracing::debug!(dispatch_id = %self.id, %error, "a stream broke");
        if error.is_task_not_found() && self.task_id().is_some() {
            self.finish(outcome::task_lost(self.whose())).await?;
            return Ok(true);
        }
        if error.is_unsupported() {
            // The task has ended, and without a number there is nothing to replay: ask for it.
            self.pace.attach.wait();
            self.pace.attach.wait();
            self.pace.attach_at = Instant::now();
        }
        self.inner.peers.doubt(&self.peer).await;
        self.ready = None;
        Ok(false)
    }

    pub(super) fn doubt_silence(&mut self) {
        if self.stream.is_some() && Instant::now() >= self.pace.silent_at {
            self.stream = None;
            self.pace.heard();
        }
    }

    /// Whether events are missing before this one: then they are asked for, once.
    fn gap_before(&mut self, event: &PeerEvent) -> bool {
        let (Some(id), true) = (event.id, self.numbered()) else {
            return false;
        };
        let last = self.view(|live| live.turn.last_event().map_or(0, |(last, _)| last));
        let missing = id > last.unwrap_or(0) + 1;
        let known = self.task_id().is_some();
        if !missing || self.pace.gap_at == Some(id) {
            return false;
        }
        self.pace.gap_at = Some(id);
        if !known && let StreamResponse::Task(task) = &event.body {
            // Only the id is taken from the snapshot: the events will bring the rest, in order.
            return self.note_task(&task.id).is_ok();
        }
        known
    }

    fn note_task(&mut self, task_id: &str) -> Result<(), DriveError> {
        let kind = LineKind::State;
        let mut line = blank(self.id, now_text(), kind, Direction::In);
        line.task_id = Some(task_id.to_owned());
        self.write(&mut [line])
    }

    /// Whether the peer's numbers are those of the task's durable events; others count per connection.
    fn numbered(&self) -> bool {
        self.ready.as_ref().is_some_and(|ready| {
            let endpoint = &ready.endpoint;
            endpoint.card.lists_dispatch && endpoint.rest_url.is_some()
        })
    }

    /// Attaches to the task, or asks for it. `true`: the dispatch has ended.
    pub(super) async fn attach(&mut self, task: &TaskId) -> Result<bool, DriveError> {
        if self.ready.is_none() {
            let until = self.deadline + machine::AFTER_DEADLINE;
            let Some(ready) = self.find_peer(until).await else {
                self.pace.lost();
                return Ok(false);
            };
            self.ready = Some(ready);
            self.call_due().await?;
        }
        let Some(ready) = self.ready.clone() else {
            return Ok(false);
        };
        if ready.endpoint.card.streaming && !self.pace.attach.ask_instead() {
            let from = self.numbered().then(|| self.resume_from());
            let client = &self.inner.client;
            self.stream = Some(client.subscribe(&ready.endpoint, task, from));
            self.pace.silent_at = Instant::now() + machine::SILENCE;
            return Ok(false);
        }
        match self.inner.client.get_task(&ready.endpoint, task).await {
            Ok(task) => {
                self.pace.attach = Backoff::tries();
                self.pace.attach_at = Instant::now() + self.pace.look.wait();
                self.record_snapshot(StreamResponse::Task(task))?;
            }
            Err(error) if error.is_task_not_found() => {
                self.finish(outcome::task_lost(self.whose())).await?;
                return Ok(true);
            }
            Err(_) => {
                self.pace.lost();
                self.inner.peers.doubt(&self.peer).await;
                self.ready = None;
            }
        }
        Ok(false)
    }

    /// The event to go on from: one before the last, because after a crash some of its lines may be missing. Lines that
    /// stand in the transcript are not written again.
    fn resume_from(&self) -> u64 {
        let last = self.view(|live| live.turn.last_event()).flatten();
        last.map_or(0, |(last, _)| last.saturating_sub(1))
    }

    /// Writes a whole task or a sole message as it stands.
    pub(super) fn record_snapshot(&mut self, body: StreamResponse) -> Result<(), DriveError> {
        self.record(PeerEvent { id: None, body })
    }

    /// Writes an event to the transcript, once, and takes it in.
    fn record(&mut self, mut event: PeerEvent) -> Result<(), DriveError> {
        if !self.numbered() {
            event.id = None;
        }
        let stamp = Stamp {
            dispatch_id: self.id,
            at: now_text(),
            rule: self.reply_rule(),
        };
        let lines = self.inner.with(self.id, |live| {
            let have = match (event.id, live.turn.last_event()) {
                (Some(id), Some((last, _))) if id < last => return Vec::new(),
                (Some(id), Some((last, have))) if id == last => have,
                _ => 0,
            };
            let mut lines = lines_of(&event, &live.turn, &stamp);
            if let StreamResponse::ArtifactUpdate(update) = &event.body
                && !lines.iter().any(|l| l.kind == LineKind::Artifact)
            {
                live.turn.reply_is(&update.artifact.artifact_id);
            }
            lines.drain(..have.min(lines.len()));
            lines
        });
        match lines {
            Some(mut lines) if !lines.is_empty() => self.write(&mut lines),
            Some(_) | None => Ok(()),
        }
    }
}
