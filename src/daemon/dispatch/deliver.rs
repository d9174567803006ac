//! Sending: a queued dispatch becomes one message at its peer.
//!
//! Owns: finding the peer, the attempt and its message. Does not own: looking for what may have arrived, see `locate`.

use std::time::Duration;

use fleet_a2a::client::{ClientError, EventStream, ReturnWhen};
use fleet_a2a::contract::{ContractError, Outbound, encode_message};
use fleet_a2a::ext::Grant;
use fleet_a2a::types::{Message, SendMessageResponse, StreamResponse};
use fleet_a2a::{ContextId, IdError, MessageId, clock};
use tokio::time::{Instant, sleep, sleep_until};

use super::drive::{Drive, DriveError, now_text};
use super::lines::blank;
use super::machine::{self, AfterSend, Backoff};
use super::outcome::{self, StopWhy};
use crate::control::{Direction, LineKind};
use crate::daemon::peers::ReadyPeer;
use crate::daemon::store::AttemptRow;
use crate::domain::{Cost, ErrorKind, Failure, Progress, Reason, next_state};

/// What a send brought.
pub(super) enum Sent {
    Stream(EventStream),
    Answer(Box<SendMessageResponse>),
}

/// Why a message could not be sent at all.
pub(super) enum SendError {
    Client(ClientError),
    /// The contract or an id cannot be encoded; validation should have refused it.
    Ours(String),
    /// Our message could not be written down, so it was not sent.
    Drive(DriveError),
}

impl From<DriveError> for SendError {
    fn from(error: DriveError) -> Self {
        Self::Drive(error)
    }
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

/// What came of one try.
enum Attempt {
    /// It is out, may be out, or the dispatch has ended: the state says which.
    Sent,
    /// It surely did not arrive.
    Again(Reason, Failure),
}

impl Drive {
    /// Finds the peer and sends, until it has been sent, may have been, or will not be.
    pub(super) async fn queued(&mut self) -> Result<(), DriveError> {
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
        match self.open_writer() {
            Ok(()) => {}
            // Nothing was sent, so nothing is lost by an end that says why; to wait until the deadline says less.
            Err(DriveError::Transcript(error)) => {
                let verdict = outcome::unwritable(error.into(), self.whose());
                self.finish(verdict).await?;
                return Ok(Attempt::Sent);
            }
            Err(error) => return Err(error),
        }
        self.start_attempt(&ready, Progress::AttemptStarted).await?;
        let error = match self.send(&ready).await {
            Ok(sent) => {
                self.took(ready, sent)?;
                return Ok(Attempt::Sent);
            }
            Err(SendError::Client(error)) => error,
            Err(SendError::Drive(error)) => {
                self.not_sent(&error.to_string()).await?;
                return Err(error);
            }
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
                self.not_sent(&error.to_string()).await?;
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

    pub(super) async fn start_attempt(
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

    async fn not_sent(&mut self, detail: &str) -> Result<(), DriveError> {
        let row = self.stepped(Progress::AttemptFailed, |_| ());
        if let Some(row) = row {
            let store = &self.inner.store;
            store.end_attempt(&row, detail, clock::now_ms()).await?;
            self.publish(row);
        }
        Ok(())
    }

    pub(super) async fn send(&mut self, ready: &ReadyPeer) -> Result<Sent, SendError> {
        let message = self.message(ready)?;
        self.tell_message(&message)?;
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
    fn tell_message(&mut self, message: &Message) -> Result<(), SendError> {
        if self.view(|live| live.turn.message_told()) != Some(false) {
            return Ok(());
        }
        let mut line = blank(self.id, now_text(), LineKind::Message, Direction::Out);
        line.message_id = Some(message.message_id.clone());
        let parts = message.parts.iter().map(serde_json::to_value);
        let parts: Result<_, serde_json::Error> = parts.collect();
        line.parts = parts.map_err(|error| SendError::Ours(error.to_string()))?;
        Ok(self.write(&mut [line])?)
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
}
