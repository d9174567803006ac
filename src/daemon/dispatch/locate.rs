//! Looking for a message that may have arrived.
//!
//! Owns: the same message again where that is safe, the search where it is not, and giving up.

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::deliver::SendError;
use super::drive::{Drive, DriveError, now_text};
use super::lines::blank;
use super::machine::{self, AfterSend, Backoff};
use super::outcome;
use crate::control::{Direction, LineKind};
use crate::daemon::peers::ReadyPeer;
use crate::domain::Progress;

impl Drive {
    /// Looks for a message that may have arrived, until a task is known or 10 s past the deadline.
    pub(super) async fn locate(&mut self) -> Result<(), DriveError> {
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
            let found = timeout_at(give_up, self.inner.peers.attached(&self.peer, &self.env)).await;
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
            Err(SendError::Drive(error)) => return Err(error),
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
}
