//! The handle: what the rest of the daemon may ask of dispatch.
//!
//! Owns: [`DispatchHandle`]. Does not own: the rules behind the answers; the modules beside it do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fleet_a2a::ext::Ruling;
use fleet_a2a::{MessageId, clock};
use tokio::sync::{broadcast, oneshot, watch};

use super::drive::Drive;
use super::guard::{Admission, admit};
use super::live::{Inner, lock};
use super::permission::{choose, state_failure};
use super::request::{known_peer, prepare, request_hash};
use super::view::{self, Extent};
use crate::config::FleetConfig;
use crate::control::{DispatchView, Notice, SubmitRequest, TranscriptLine, TranscriptView};
use crate::daemon::peers::ClientEnv;
use crate::daemon::store::{AnswerRow, AuditEntry, DispatchRow};
use crate::daemon::transcript::{self, Cursor, TranscriptError};
use crate::domain::{
    BudgetLimit, DispatchId, DispatchState, ErrorKind, Failure, PeerName, Progress, next_state,
};

/// Talks to the dispatcher; clones are cheap.
#[derive(Debug, Clone)]
pub struct DispatchHandle {
    pub(super) inner: Arc<Inner>,
}

impl DispatchHandle {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Stores a dispatch and starts it; answers once it is durable. The same id with the same request answers with the
    /// dispatch as it stands. Trust in fleet.toml is the caller's to check first.
    ///
    /// # Errors
    /// `NotFound` an unknown peer; `Contract` a bad contract, or the same id with another; `Duplicate` the guard;
    /// `Budget` the ledger; `Daemon` when it is closing.
    pub async fn submit(
        &self,
        request: SubmitRequest,
        config: &FleetConfig,
        env: ClientEnv,
    ) -> Result<DispatchView, Failure> {
        self.submit_audited(request, config, env, None).await
    }

    /// [`DispatchHandle::submit`] that writes the command down in the transaction that does it.
    ///
    /// # Errors
    /// As [`DispatchHandle::submit`].
    pub async fn submit_audited(
        &self,
        request: SubmitRequest,
        config: &FleetConfig,
        env: ClientEnv,
        entry: Option<Arc<AuditEntry>>,
    ) -> Result<DispatchView, Failure> {
        self.inner.configured(config);
        let limit = known_peer(&request.peer, config)?.budget;
        let row = prepare(request, config, clock::now_ms())?;
        let (told, answer) = oneshot::channel();
        // A task of its own: a client that goes away between the commit and the start must not leave it lying.
        let accept = accept(Arc::clone(&self.inner), (row, limit, entry), env, told);
        if !self.inner.spawn(accept) {
            return Err(closing());
        }
        answer.await.unwrap_or_else(|_| Err(closing()))
    }

    /// The dispatch that this very request made before, whatever fleet.toml says by now; `None` when there is none.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn resubmitted(
        &self,
        request: &SubmitRequest,
    ) -> Result<Option<DispatchView>, Failure> {
        let known = self.inner.store.dispatch(request.dispatch_id).await?;
        match known {
            Some(row) if row.identity.request_hash == request_hash(request) => {
                self.show(row.dispatch_id).await.map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// One dispatch as it stands.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn show(&self, id: DispatchId) -> Result<DispatchView, Failure> {
        if let Some(view) = self.open_view(id) {
            return Ok(view);
        }
        Ok(view::of_row(&self.row(id).await?, clock::now_ms()))
    }

    fn open_view(&self, id: DispatchId) -> Option<DispatchView> {
        let now_ms = clock::now_ms();
        self.inner.with(id, |live| {
            view::of_open(&live.row, &live.turn, now_ms, Extent::Whole)
        })
    }

    /// Whether a dispatch is open and in this state.
    #[must_use]
    pub fn is_in(&self, id: DispatchId, state: DispatchState) -> bool {
        self.inner.with(id, |live| live.row.state) == Some(state)
    }

    /// To whom a dispatch goes or went, where there is one and it can be read.
    pub async fn peer_of(&self, id: DispatchId) -> Option<PeerName> {
        match self.inner.with(id, |live| live.row.peer.clone()) {
            Some(peer) => Some(peer),
            None => self.row(id).await.ok().map(|row| row.peer),
        }
    }

    async fn row(&self, id: DispatchId) -> Result<DispatchRow, Failure> {
        let row = self.inner.store.dispatch(id).await?;
        row.ok_or_else(|| {
            Failure::new(
                ErrorKind::NotFound,
                format!("There is no dispatch {id}."),
                "See which there are with: fleet dispatches list",
            )
        })
    }

    /// Dispatches, newest first, whole.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn list(
        &self,
        peer: Option<PeerName>,
        limit: u32,
    ) -> Result<Vec<DispatchView>, Failure> {
        let rows = self
            .inner
            .store
            .newest_dispatches(peer.as_ref(), limit)
            .await?;
        let now_ms = clock::now_ms();
        let views = rows.iter().map(|row| {
            self.open_view(row.dispatch_id)
                .unwrap_or_else(|| view::of_row(row, now_ms))
        });
        Ok(views.collect())
    }

    /// Open dispatches and the newest ended ones, newest first, from memory: for snapshots. Replies and artifacts are
    /// left out, because a snapshot is sent at each change; [`DispatchHandle::show`] has them.
    #[must_use]
    pub fn recent(&self, limit: usize) -> Vec<DispatchView> {
        self.inner.recent(limit)
    }

    /// Stores the wish to end a dispatch; it is sent as soon as the peer's task is known. No effect on an ended one.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn cancel(&self, id: DispatchId) -> Result<DispatchView, Failure> {
        let now_ms = clock::now_ms();
        if self.inner.store.want_cancel(id, now_ms).await? {
            self.inner.with(id, |live| {
                live.row.times.cancel_at_ms = Some(now_ms);
                live.wake.notify_one();
            });
            self.inner.changed();
        }
        self.show(id).await
    }

    /// Stores the answer to a permission request or to questions; `None` means the only open one.
    ///
    /// # Errors
    /// `NotFound`; `State` when there is no such request, or more than one and none is named, or it has another answer;
    /// `Usage` when what was chosen does not fit the questions.
    pub async fn answer(
        &self,
        id: DispatchId,
        request_id: Option<String>,
        ruling: Ruling,
    ) -> Result<DispatchView, Failure> {
        let open = self.inner.with(id, |live| live.turn.permissions().to_vec());
        let Some(open) = open else {
            let state = self.row(id).await?.state.word();
            return Err(state_failure(
                id,
                &format!("has ended ({state}) and asks nothing"),
            ));
        };
        let request = choose(id, &open, request_id.as_deref(), &ruling)?;
        let answer = AnswerRow {
            message_id: MessageId::mint().to_string(),
            request_id: request.request_id.clone(),
            ruling,
        };
        let stored = self
            .inner
            .store
            .add_answer(id, &answer, clock::now_ms())
            .await?;
        let (first, now) = (&stored.ruling, &answer.ruling);
        if first.decision != now.decision || first.answers != now.answers {
            return Err(state_failure(
                id,
                "has another answer to this request already",
            ));
        }
        self.inner.with(id, |live| {
            live.turn.answered_again();
            live.wake.notify_one();
        });
        self.show(id).await
    }

    /// A person decides about an unknown dispatch: `completed`, `failed` or `canceled`.
    ///
    /// # Errors
    /// `NotFound`; `State` when it is not unknown; `Usage` for another state.
    pub async fn resolve(
        &self,
        id: DispatchId,
        state: DispatchState,
    ) -> Result<DispatchView, Failure> {
        match state {
            DispatchState::Completed | DispatchState::Failed | DispatchState::Canceled => {}
            DispatchState::Queued
            | DispatchState::Sending
            | DispatchState::Working
            | DispatchState::InputRequired
            | DispatchState::Rejected
            | DispatchState::Expired
            | DispatchState::Unknown => {
                return Err(Failure::new(
                    ErrorKind::Usage,
                    format!("A dispatch cannot be resolved as {}.", state.word()),
                    "Take completed, failed or canceled.",
                ));
            }
        }
        let row = self.row(id).await?;
        let allowed = next_state(row.state, Progress::Resolved(state)).is_some();
        if !allowed || !self.inner.store.resolve_dispatch(id, state).await? {
            let text = format!("is {}, not unknown", row.state.word());
            return Err(state_failure(id, &text));
        }
        let view = view::of_row(&self.row(id).await?, clock::now_ms());
        self.inner.remember(view.clone());
        self.inner.changed();
        Ok(view)
    }

    /// Lines of a dispatch's transcript from a sequence number on (0: from its start), at most `max`. Empty: there are no
    /// further ones yet. They are there at once; a follower waits for [`DispatchHandle::changes`] and asks again.
    ///
    /// # Errors
    /// `NotFound`; `Internal` when the file cannot be read.
    pub async fn lines(
        &self,
        id: DispatchId,
        from_seq: u64,
        max: usize,
    ) -> Result<Vec<TranscriptLine>, Failure> {
        let place = self.inner.with(id, |live| live.row.transcript.clone());
        let place = match place {
            Some(place) => place,
            None => self.row(id).await?.transcript,
        };
        let Some(offset) = place.offset else {
            return Ok(Vec::new());
        };
        let from = lock(&self.inner.cursors).before(id, from_seq);
        let from = from.unwrap_or(Cursor { offset });
        let read =
            tokio::task::spawn_blocking(move || transcript::read(&place, id, from, from_seq, max));
        let batch = read.await.unwrap_or_else(|join| Err(joined(join)))?;
        if let Some(last) = batch.lines.last() {
            let offset = batch.end_offset;
            lock(&self.inner.cursors).remember(id, last.seq + 1, Cursor { offset });
        }
        Ok(batch.lines)
    }

    /// Moves at each change of any dispatch or transcript.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Notices, such as a budget that is nearly used up. A slow listener misses the oldest.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.notices.subscribe()
    }

    /// Open dispatches of all peers.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.inner.each_open(|_| ()).len()
    }

    /// Open dispatches of each peer that has any.
    #[must_use]
    pub fn open_by_peer(&self) -> BTreeMap<PeerName, u32> {
        let mut counts = BTreeMap::new();
        for peer in self.inner.each_open(|live| live.row.peer.clone()) {
            *counts.entry(peer).or_insert(0) += 1;
        }
        counts
    }

    /// Transcripts, newest first.
    ///
    /// # Errors
    /// `Internal` when the folder cannot be read.
    pub async fn transcripts(
        &self,
        config: &FleetConfig,
        peer: Option<PeerName>,
    ) -> Result<Vec<TranscriptView>, Failure> {
        let contexts = self.inner.store.transcript_contexts().await?;
        let contexts: HashMap<String, String> = contexts.into_iter().collect();
        let config = config.clone();
        let listed = tokio::task::spawn_blocking(move || {
            transcript::list(&config, peer.as_ref(), &contexts)
        });
        Ok(listed.await.unwrap_or_else(|join| Err(joined(join)))?)
    }
}

/// Stores a dispatch, answers, and follows it.
async fn accept(
    inner: Arc<Inner>,
    (row, limit, entry): (DispatchRow, Option<BudgetLimit>, Option<Arc<AuditEntry>>),
    env: ClientEnv,
    told: oneshot::Sender<Result<DispatchView, Failure>>,
) {
    let row = match admit(&inner.store, row, limit.as_ref(), entry.as_deref()).await {
        Ok(Admission::New(row)) => *row,
        Ok(Admission::Known(row)) => {
            let handle = DispatchHandle::new(inner);
            let view = handle.show(row.dispatch_id).await;
            drop(told.send(view));
            return;
        }
        Err(failure) => {
            drop(told.send(Err(failure)));
            return;
        }
    };
    let wake = inner.opened(row.clone());
    // A client that has gone is no reason not to do what was stored.
    drop(told.send(Ok(view::of_row(&row, clock::now_ms()))));
    Box::pin(Drive::new(inner, &row, env, wake).run()).await;
}

fn closing() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon is closing and takes no new work.",
        "Send it again: the next command starts a daemon.",
    )
}

fn joined(join: tokio::task::JoinError) -> TranscriptError {
    TranscriptError::Io {
        path: std::path::PathBuf::new(),
        source: std::io::Error::other(join),
    }
}
