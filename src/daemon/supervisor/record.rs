//! What is written down and shown of a receiver.
//!
//! Owns: its row in the store and its status. Does not own: what happens to it.

use fleet_a2a::clock;
use fleet_receivers::folder;
use tokio::time::Instant;

use super::ability::{unable, undecided};
use super::handshake::{Serves, view};
use super::machine::{Event, Life};
use super::receiver::{Receiver, ready_peer};
use super::status::Status;
use crate::control::NoticeLevel;
use crate::daemon::store::ReceiverRow;
use crate::domain::{ErrorKind, Failure, Health};

impl Receiver {
    pub(super) async fn record_failure(&mut self, why: &str) {
        tracing::warn!(peer = %self.name, %why, "a receiver failed");
        let event = Event::Failed {
            reason: why.to_owned(),
        };
        self.machine.step(event, clock::now_ms(), 0.0);
        if let Life::Parked { reason } = &self.machine.life {
            self.parts.notices.say(
                NoticeLevel::Error,
                &self.name,
                format!("{} is parked, it failed too often: {reason}.", self.name),
            );
        }
        self.store_failures().await;
    }

    pub(super) async fn store_failures(&self) {
        let failures = serde_json::to_string(&self.machine.failures).unwrap_or_default();
        let parked = match &self.machine.life {
            Life::Parked { reason } => Some(reason.clone()),
            Life::Stopped | Life::Starting | Life::Ready | Life::Draining => None,
        };
        self.store_row(|row| {
            row.failures.clone_from(&failures);
            row.parked_reason.clone_from(&parked);
        })
        .await;
    }

    pub(super) async fn store_row(&self, change: impl FnOnce(&mut ReceiverRow)) {
        let store = &self.parts.store;
        let stored = match store.receiver(&self.name).await {
            Ok(Some(mut row)) => {
                change(&mut row);
                store.upsert_receiver(&row).await
            }
            // Never deployed: there is nothing to remember.
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            tracing::error!(peer = %self.name, %error, "a receiver's row could not be stored");
        }
    }

    pub(super) fn show_stopped(&self, port: Option<u16>) {
        self.status
            .set(Status::not_running(&self.name, &self.machine.life, port));
    }

    pub(super) fn show_running(&self) {
        let Some(running) = &self.running else { return };
        let (health, reason) = match unable(&running.health) {
            Some((reason, _)) => (Health::Degraded, Some(reason)),
            None if undecided(&running.health) => (
                Health::Starting,
                Some("its agent is asked whether it can work".to_owned()),
            ),
            None => (Health::Ready, None),
        };
        let ready = (health == Health::Ready).then(|| ready_peer(running));
        let handshake = running.handshake.as_ref();
        self.status.set(Status {
            health,
            reason,
            remedy: Some(running.health.remedy.clone()).filter(|remedy| !remedy.is_empty()),
            pid: Some(running.identity.pid),
            port: Some(running.identity.addr.port()),
            url: Some(running.identity.url.clone()),
            dialect: Some(running.endpoint.card.dialect.word().to_owned()),
            version: running.health.cli_version.clone(),
            probed_at: Some(Instant::now()),
            serves: Some(Serves::of(running)),
            handshake: handshake.map(|told| Box::new(view(told))),
            ready,
        });
    }

    pub(super) fn failed(&self, why: &str) -> Failure {
        if let Life::Parked { reason } = &self.machine.life {
            return self.parked(reason);
        }
        Failure::new(
            ErrorKind::Unreachable,
            format!("The receiver of {} cannot be started: {why}.", self.name),
            format!("Look into its log, {}.", self.log().display()),
        )
    }

    pub(super) fn parked(&self, reason: &str) -> Failure {
        Failure::new(
            ErrorKind::Unreachable,
            format!(
                "The receiver of {} failed too often and is parked: {reason}.",
                self.name
            ),
            format!(
                "Look into its log, {}, then run `fleet start {}`.",
                self.log().display(),
                self.name
            ),
        )
    }

    fn log(&self) -> std::path::PathBuf {
        let dir = self.parts.target.receiver_dir(&self.name);
        folder::path(&dir, folder::LOG_FILE)
    }
}
