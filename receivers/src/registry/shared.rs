//! What all parts of a running registry share.
//!
//! Owns: nothing but the wiring.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleet_a2a::TaskId;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::live::LiveMap;
use crate::adapter::Adapter;
use crate::child::{self, ChildEnv, Spawner};
use crate::config::ReceiverConfig;
use crate::harness::Guard;
use crate::store::Store;

/// The parts. Always behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) config: ReceiverConfig,
    /// Asked before each turn.
    pub(crate) guard: Guard,
    /// What the agents' processes get.
    pub(crate) env: ChildEnv,
    /// Turns that may run at a time.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) live: LiveMap,
    /// Cancelled: nothing new, and what waits is left for the next start.
    pub(crate) drain: CancellationToken,
    /// Cancelled: what runs ends as interrupted.
    pub(crate) kill: CancellationToken,
    /// Rung when a turn found the agent without a login.
    pub(crate) doubt: Notify,
    pub(crate) pulse: Pulse,
}

impl Shared {
    /// Starts processes for a task.
    pub(crate) fn spawner(&self, task: &TaskId) -> Spawner {
        Spawner::new(
            &self.config.receiver_id,
            task,
            self.config.repo.clone(),
            self.env.clone(),
        )
    }

    /// Kills whatever still bears the marker of this receiver, with one label or with any.
    pub(crate) async fn sweep(&self, label: Option<&str>) {
        let report = child::sweep(&self.config.receiver_id, label).await;
        if report.survivors > 0 {
            tracing::error!(?label, ?report, "processes of a turn could not be killed");
        } else if report.killed > 0 {
            tracing::info!(?label, ?report, "killed what a turn left behind");
        }
    }
}

/// When the work loop last turned.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Instant>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(crate) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(crate) fn age(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}
