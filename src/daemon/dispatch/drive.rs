//! One dispatch, from stored to ended: `send_message_and_wait`.
//!
//! Owns: the task of an open dispatch: finding the peer, sending once, looking for what may have arrived. Following an
//! accepted task is in `follow`, its end in `finish`. Does not own: the decisions, which are pure (`machine`, `outcome`).
//!
//! Each change is committed before the effect it announces, so the task may be dropped at any await; the next one goes
//! on from the rows, the transcript and the peer.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::{ClientError, EventStream, ReturnWhen};
use fleet_a2a::contract::{ContractError, Outbound, encode_message};
use fleet_a2a::ext::Grant;
use fleet_a2a::types::{Message, SendMessageResponse, StreamResponse};
use fleet_a2a::{ContextId, IdError, MessageId, clock};
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::calls::{CallFuture, Due};
use super::follow::Stop;
use super::lines::{ReplyRule, blank, note};
use super::live::{Inner, Live};
use super::machine::{self, AfterSend, Backoff};
use super::outcome::{self, StopWhy, Whose};
use crate::control::{Direction, LineKind, NoticeLevel};
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::daemon::store::{AttemptRow, DispatchRow, StoreError};
use crate::daemon::transcript::{self, TranscriptError, Writer};
use crate::domain::{
    Cost, DispatchId, DispatchState, ErrorKind, Failure, PeerName, Progress, Reason, next_state,
};

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

/// What a send brought.
pub(super) enum Sent {
    Stream(EventStream),
    Answer(Box<SendMessageResponse>),
}

/// Why a message could not be sent at all.
enum SendError {
    Client(ClientError),
    Ours(String),
}

impl From<ContractError> for SendError {
    fn from(error: ContractError) -> Self {
        Self::Ours(error.to_string())
    }
}

impl From<IdError> for SendError {
    fn from(error: IdError) -> Self {
        Self::Ours(error.to_string())
    }
}

/// The task of one open dispatch.
pub(super) struct Drive {
    pub(super) inner: Arc<Inner>,
    pub(super) id: DispatchId,
    pub(super) peer: PeerName,
    env: ClientEnv,
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
            due: Due::default(),
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

    fn stepped(
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
    fn publish(&self, row: DispatchRow) {
        self.inner.with(self.id, |live| {
            let cancel_at_ms = live.row.times.cancel_at_ms;
            live.row = row;
            live.row.times.cancel_at_ms = cancel_at_ms;
        });
        self.inner.changed();
    }

    /// Finds the peer and sends, until it has been sent, may have been, or will not be.
    async fn queued(&mut self) -> Result<(), DriveError> {
        let window = (Instant::now() + machine::DELIVERY_WINDOW).min(self.deadline);
        let mut backoff = Backoff::tries();
        loop {
            if self.cancel_wanted() {
                return self
                    .finish(outcome::unsent(StopWhy::Canceled, self.whose()))
                    .await;
            }
            if Instant::now() >= self.deadline {
                return self
                    .finish(outcome::unsent(StopWhy::Deadline, self.whose()))
                    .await;
            }
            let tried = tokio::select! {
                ready = self.inner.peers.ready(&self.peer, &self.env) => ready,
                () = self.wake.notified() => continue,
                () = sleep_until(self.deadline) => continue,
            };
            let (reason, failure) = match tried {
                Ok(ready) => match self.attempt(ready).await? {
                    Attempt::Sent => return Ok(()),
                    Attempt::Again(reason, failure) => (reason, failure),
                },
                Err(failure) => match machine::after_no_peer(&failure) {
                    None => (Reason::Unreachable, failure),
                    Some(reason) => {
                        return self
                            .finish(outcome::undelivered(reason, failure, self.whose()))
                            .await;
                    }
                },
            };
            let wait = backoff.wait();
            if Instant::now() + wait >= window {
                return self
                    .finish(outcome::undelivered(reason, failure, self.whose()))
                    .await;
            }
            self.pause(wait).await;
        }
    }

    /// Waits, or until a person wants something.
    async fn pause(&mut self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.wake.notified() => {}
        }
    }

    /// One try: the row and the attempt are committed, then the message goes out.
    async fn attempt(&mut self, ready: ReadyPeer) -> Result<Attempt, DriveError> {
        self.open_writer()?;
        self.start_attempt(&ready, Progress::AttemptStarted).await?;
        let error = match self.send(&ready).await {
            Ok(sent) => {
                self.took(ready, sent)?;
                return Ok(Attempt::Sent);
            }
            Err(SendError::Client(error)) => error,
            Err(SendError::Ours(text)) => {
                let failure = Failure::new(ErrorKind::Internal, text, "");
                self.finish(outcome::undelivered(
                    Reason::AgentError,
                    failure,
                    self.whose(),
                ))
                .await?;
                return Ok(Attempt::Sent);
            }
        };
        match machine::after_send(&error, &self.peer) {
            AfterSend::Again(reason, failure) => {
                self.not_sent(&error).await?;
                self.inner.peers.doubt(&self.peer).await;
                Ok(Attempt::Again(reason, failure))
            }
            AfterSend::Look => {
                tracing::info!(dispatch_id = %self.id, %error, "a send may have arrived");
                self.inner.peers.doubt(&self.peer).await;
                Ok(Attempt::Sent)
            }
            AfterSend::GiveUp(reason, failure) => {
                self.finish(outcome::undelivered(reason, failure, self.whose()))
                    .await?;
                Ok(Attempt::Sent)
            }
        }
    }

    /// Takes the file in hand; the place of this dispatch's lines is committed with the attempt.
    fn open_writer(&mut self) -> Result<(), DriveError> {
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

    async fn start_attempt(
        &mut self,
        ready: &ReadyPeer,
        progress: Progress,
    ) -> Result<(), DriveError> {
        let attempt = AttemptRow {
            address: ready.endpoint.rpc_url.to_string(),
            instance: ready.instance.clone(),
            idempotent: ready.endpoint.card.lists_dispatch,
            started_at_ms: clock::now_ms(),
        };
        let Some(mut row) = self.view(|live| live.row.clone()) else {
            return Ok(());
        };
        // A message that may have arrived is sent once more from the state it is in.
        row.state = next_state(row.state, progress).unwrap_or(row.state);
        self.inner.store.start_attempt(&row, &attempt).await?;
        self.publish(row);
        Ok(())
    }

    async fn not_sent(&mut self, error: &ClientError) -> Result<(), DriveError> {
        let row = self.stepped(Progress::AttemptFailed, |_| ());
        if let Some(row) = row {
            let store = &self.inner.store;
            store
                .end_attempt(&row, &error.to_string(), clock::now_ms())
                .await?;
            self.publish(row);
        }
        Ok(())
    }

    async fn send(&mut self, ready: &ReadyPeer) -> Result<Sent, SendError> {
        let message = self.message(ready)?;
        self.tell_message(&message).map_err(SendError::Ours)?;
        let (client, endpoint) = (&self.inner.client, &ready.endpoint);
        let sent = if endpoint.card.streaming {
            client
                .send_streaming(endpoint, &message)
                .await
                .map(Sent::Stream)
        } else {
            let sent = client.send(endpoint, &message, ReturnWhen::Accepted).await;
            sent.map(|answer| Sent::Answer(Box::new(answer)))
        };
        sent.map_err(SendError::Client)
    }

    fn message(&self, ready: &ReadyPeer) -> Result<Message, SendError> {
        let row = self.view(|live| live.row.clone());
        let row = row.ok_or_else(|| SendError::Ours("The dispatch has ended.".to_owned()))?;
        let card = &ready.endpoint.card;
        let ours = card.lists_dispatch || row.identity.context_named;
        let context_id = ContextId::new(&row.wire.context_id)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let granted = &row.granted;
        let grant = Grant {
            tokens: granted.tokens.map(|tokens| tokens as f64),
            turns: granted.turns.map(|turns| turns as f64),
            cost_usd: granted.cost.map(Cost::usd),
        };
        let outbound = Outbound {
            card,
            message_id: &MessageId::new(&row.wire.message_id)?,
            context_id: ours.then_some(&context_id),
            grant: (grant != Grant::default()).then_some(grant),
            remaining_s: u32::try_from(left.as_secs_f64().ceil() as u64)
                .unwrap_or(1)
                .max(1),
            default_deadline_s: self.inner.default_deadline_s(),
        };
        Ok(encode_message(&row.contract, &outbound)?)
    }

    /// Writes our message to the transcript, once.
    fn tell_message(&mut self, message: &Message) -> Result<(), String> {
        if self.view(|live| live.turn.message_told()) != Some(false) {
            return Ok(());
        }
        let mut line = blank(self.id, now_text(), LineKind::Message, Direction::Out);
        line.message_id = Some(message.message_id.clone());
        let parts = message.parts.iter().map(serde_json::to_value);
        line.parts = parts.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        self.write(&mut [line]).map_err(|error| error.to_string())
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

    /// Takes in what a send brought.
    pub(super) fn took(&mut self, ready: ReadyPeer, sent: Sent) -> Result<(), DriveError> {
        self.ready = Some(ready);
        match sent {
            Sent::Stream(stream) => {
                self.stream = Some(stream);
                self.pace.heard();
                Ok(())
            }
            Sent::Answer(answer) => self.record_snapshot(match *answer {
                SendMessageResponse::Task(task) => StreamResponse::Task(task),
                SendMessageResponse::Message(message) => StreamResponse::Message(message),
            }),
        }
    }

    /// Looks for a message that may have arrived, until a task is known or 10 s past the deadline.
    async fn locate(&mut self) -> Result<(), DriveError> {
        let give_up = self.deadline + machine::AFTER_DEADLINE;
        let mut backoff = Backoff::tries();
        loop {
            if self.known().await? {
                return Ok(());
            }
            if Instant::now() >= give_up {
                return self
                    .finish(outcome::given_up(None, false, self.whose()))
                    .await;
            }
            let found = timeout_at(give_up, self.inner.peers.ready(&self.peer, &self.env)).await;
            if let Ok(Ok(ready)) = found
                && self.look(ready).await?
            {
                return Ok(());
            }
            tokio::select! {
                () = sleep_until(give_up) => {}
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// Whether the transcript already says that the message arrived; then the row says so too.
    async fn known(&mut self) -> Result<bool, DriveError> {
        if let Some(end) = self.view(|live| live.turn.end()).flatten() {
            self.finish_as(&end).await?;
            return Ok(true);
        }
        let task = self
            .view(|live| live.turn.task_id().map(str::to_owned))
            .flatten();
        if task.is_none() {
            return Ok(false);
        }
        self.advance(Progress::Accepted, |row| row.wire.task_id = task)
            .await?;
        Ok(true)
    }

    /// One look: the same message again where that is safe, else a search. `true`: there is news.
    async fn look(&mut self, ready: ReadyPeer) -> Result<bool, DriveError> {
        let attempt = self.inner.store.last_attempt(self.id).await?;
        let address = ready.endpoint.rpc_url.to_string();
        let again = attempt.as_ref().is_some_and(|attempt| {
            machine::may_resend(attempt, &address, ready.instance.as_deref())
        });
        if !(again && ready.endpoint.card.lists_dispatch && Instant::now() < self.deadline) {
            return self.search(ready).await;
        }
        self.start_attempt(&ready, Progress::AttemptStarted).await?;
        let error = match self.send(&ready).await {
            Ok(sent) => {
                self.took(ready, sent)?;
                return Ok(true);
            }
            Err(SendError::Client(error)) => error,
            Err(SendError::Ours(text)) => {
                tracing::error!(dispatch_id = %self.id, text, "a message could not be made again");
                return Ok(false);
            }
        };
        match machine::after_send(&error, &self.peer) {
            AfterSend::GiveUp(reason, failure) => {
                self.finish(outcome::undelivered(reason, failure, self.whose()))
                    .await?;
                Ok(true)
            }
            // An earlier attempt may have arrived, so this one's failure proves nothing.
            AfterSend::Again(..) | AfterSend::Look => {
                self.inner.peers.doubt(&self.peer).await;
                Ok(false)
            }
        }
    }

    /// Searches the peer's tasks for our message.
    async fn search(&mut self, ready: ReadyPeer) -> Result<bool, DriveError> {
        let Some(wire) = self.view(|live| live.row.wire.clone()) else {
            return Ok(true);
        };
        let named = self.view(|live| live.row.identity.context_named) == Some(true);
        let ours = named || ready.endpoint.card.lists_dispatch;
        let context = ours.then_some(wire.context_id);
        let found = super::calls::find_task(
            &self.inner.client,
            &ready.endpoint,
            context,
            &wire.message_id,
        );
        let Some(task_id) = found.await else {
            return Ok(false);
        };
        let mut line = blank(self.id, now_text(), LineKind::State, Direction::In);
        line.task_id = Some(task_id);
        self.write(&mut [line])?;
        self.ready = Some(ready);
        self.known().await
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
        let asked = timeout_at(until, self.inner.peers.ready(&self.peer, &self.env)).await;
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

/// What came of one try.
enum Attempt {
    /// It is out, may be out, or the dispatch has ended: the state says which.
    Sent,
    /// It surely did not arrive.
    Again(Reason, Failure),
}

pub(super) fn now_text() -> String {
    clock::rfc3339(clock::now_ms())
}
