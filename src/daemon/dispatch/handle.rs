//! The handle: what the rest of the daemon may ask of dispatch.
//!
//! Owns: [`DispatchHandle`]. Does not own: the answers; the modules beside it do.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleet_a2a::ext::Decision;
use tokio::sync::{broadcast, watch};

use super::DispatchDeps;
use crate::config::FleetConfig;
use crate::control::{
    BudgetView, DispatchView, Notice, SubmitRequest, TranscriptLine, TranscriptView,
};
use crate::daemon::peers::ClientEnv;
use crate::domain::{DispatchId, DispatchState, ErrorKind, Failure, PeerName};

/// Notices that wait for a slow listener: it only misses old ones.
const NOTICES: usize = 100;

/// Talks to the dispatcher; clones are cheap.
#[derive(Debug, Clone)]
pub struct DispatchHandle {
    changes: Arc<watch::Sender<u64>>,
    notices: broadcast::Sender<Notice>,
}

fn missing() -> Failure {
    Failure::new(ErrorKind::Internal, "This is being built.", "")
}

impl DispatchHandle {
    pub(super) fn new(_deps: DispatchDeps) -> Self {
        Self {
            changes: Arc::new(watch::Sender::new(0)),
            notices: broadcast::Sender::new(NOTICES),
        }
    }

    /// Stores a dispatch and starts it; answers once it is durable. The same id with the same request answers with the
    /// dispatch as it stands. Trust in fleet.toml is the caller's to check first.
    ///
    /// # Errors
    /// `NotFound` an unknown peer; `Contract` a bad contract, or the same id with another; `Duplicate` the guard;
    /// `Budget` the ledger.
    pub async fn submit(
        &self,
        _request: SubmitRequest,
        _config: &FleetConfig,
        _env: ClientEnv,
    ) -> Result<DispatchView, Failure> {
        Err(missing())
    }

    /// One dispatch as it stands.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn show(&self, _id: DispatchId) -> Result<DispatchView, Failure> {
        Err(missing())
    }

    /// Dispatches, newest first, whole.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn list(
        &self,
        _peer: Option<PeerName>,
        _limit: u32,
    ) -> Result<Vec<DispatchView>, Failure> {
        Err(missing())
    }

    /// Open dispatches and the newest ended ones, newest first, from memory: for snapshots. Replies and artifacts are
    /// left out, because a snapshot is sent at each change; [`DispatchHandle::show`] has them.
    #[must_use]
    pub fn recent(&self, _limit: usize) -> Vec<DispatchView> {
        Vec::new()
    }

    /// Stores the wish to end a dispatch; it is sent as soon as the peer's task is known. No effect on an ended one.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn cancel(&self, _id: DispatchId) -> Result<DispatchView, Failure> {
        Err(missing())
    }

    /// Stores the answer to a permission request; `None` means the only open one.
    ///
    /// # Errors
    /// `NotFound`; `State` when there is no such request, or more than one and none is named, or it has another answer.
    pub async fn answer(
        &self,
        _id: DispatchId,
        _request_id: Option<String>,
        _decision: Decision,
        _reason: Option<String>,
    ) -> Result<DispatchView, Failure> {
        Err(missing())
    }

    /// A person decides about an unknown dispatch: `completed`, `failed` or `canceled`.
    ///
    /// # Errors
    /// `NotFound`; `State` when it is not unknown; `Usage` for another state.
    pub async fn resolve(
        &self,
        _id: DispatchId,
        _state: DispatchState,
    ) -> Result<DispatchView, Failure> {
        Err(missing())
    }

    /// Lines of a dispatch's transcript from a sequence number on (0: from its start), at most `max`. Empty: there are no
    /// further ones yet. They are there at once; a follower waits for [`DispatchHandle::changes`] and asks again.
    ///
    /// # Errors
    /// `NotFound`; `Internal` when the file cannot be read.
    pub async fn lines(
        &self,
        _id: DispatchId,
        _from_seq: u64,
        _max: usize,
    ) -> Result<Vec<TranscriptLine>, Failure> {
        Err(missing())
    }

    /// Moves at each change of any dispatch or transcript.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Notices, such as a budget that is nearly used up. A slow listener misses the oldest.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Budgets in their current window, in the order of fleet.toml.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn budgets(
        &self,
        _config: &FleetConfig,
        _peer: Option<PeerName>,
    ) -> Result<Vec<BudgetView>, Failure> {
        Err(missing())
    }

    /// Open dispatches of all peers.
    #[must_use]
    pub fn open_count(&self) -> usize {
        0
    }

    /// Open dispatches of each peer that has any.
    #[must_use]
    pub fn open_by_peer(&self) -> BTreeMap<PeerName, u32> {
        BTreeMap::new()
    }

    /// Transcripts, newest first.
    ///
    /// # Errors
    /// `Internal` when the folder cannot be read.
    pub async fn transcripts(
        &self,
        _config: &FleetConfig,
        _peer: Option<PeerName>,
    ) -> Result<Vec<TranscriptView>, Failure> {
        Err(missing())
    }
}
