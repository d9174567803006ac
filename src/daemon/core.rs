//! What every command works with.
//!
//! Owns: the parts of a running daemon in one place, and the count of its clients. Does not own: starting or stopping them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::dispatch::DispatchHandle;
use super::fleet::FleetCell;
use super::notices::Notices;
use super::store::Store;
use super::supervisor::SupervisorHandle;
use crate::control::{DaemonView, FleetSnapshot, Target};

/// The parts of a running daemon.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) target: Target,
    /// For the audit; all else goes through its owner.
    pub(super) store: Store,
    pub(super) fleet: Arc<FleetCell>,
    pub(super) dispatch: DispatchHandle,
    pub(super) supervisor: SupervisorHandle,
    pub(super) notices: Arc<Notices>,
    /// The newest snapshot; `None` until somebody followed.
    pub(super) snapshots: watch::Sender<Option<Arc<FleetSnapshot>>>,
    /// Somebody began to follow.
    pub(super) woken: Notify,
    pub(super) activity: Activity,
    /// Ends the daemon.
    pub(super) stop: CancellationToken,
}

impl Core {
    /// This daemon.
    pub(super) fn view(&self) -> DaemonView {
        DaemonView {
            running: true,
            pid: Some(std::process::id()),
            version: Some(fleet_receivers::version().to_owned()),
            config: self.target.config.display().to_string(),
        }
    }
}

/// How many clients there are.
#[derive(Debug, Default)]
pub(super) struct Activity {
    clients: Arc<AtomicUsize>,
}

/// One client; dropped when it leaves.
#[derive(Debug)]
pub(super) struct Client(Arc<AtomicUsize>);

impl Activity {
    pub(super) fn enter(&self) -> Client {
        self.clients.fetch_add(1, Ordering::Relaxed);
        Client(Arc::clone(&self.clients))
    }

    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
