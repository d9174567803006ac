//! Starting a receiver again that died or did not start, until it runs or is parked.
//!
//! Owns: when it is tried next, and taking over what an earlier daemon left. Does not own: how long it waits, see `machine`.

use fleet_a2a::clock;
use fleet_receivers::child;
use fleet_receivers::folder::Identity;
use tokio::time::{Instant, sleep_until};

use super::halt::end;
use super::machine::{Life, Machine};
use super::process::Exit;
use super::receiver::Receiver;
use super::start::adopt;
use crate::config::PeerKind;
use crate::control::NoticeLevel;
use crate::daemon::peers::ClientEnv;
use crate::daemon::store::ReceiverRow;

/// When a receiver that could not be started is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// Not by itself.
    None,
    /// Then.
    At(Instant),
}

/// What happens to a receiver without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// Its process ended.
    Exited(Exit),
    /// It is time to try again.
    Due,
}

impl Receiver {
    /// Waits for what happens next; for ever while nothing can.
    pub(super) async fn happening(&mut self) -> Happening {
        match (&mut self.running, self.retry) {
            (Some(running), _) => Happening::Exited(running.process.exited().await),
            (None, Retry::At(at)) => {
                sleep_until(at).await;
                Happening::Due
            }
            (None, Retry::None) => std::future::pending().await,
        }
    }

    /// Takes over what an earlier daemon left: a running receiver, a wish that it did not live to fulfil, or the orphans of
    /// one that died.
    pub(super) async fn take_over(&mut self) {
        let Ok(Some(row)) = self.parts.store.receiver(&self.name).await else {
            return;
        };
        let failures = serde_json::from_str(&row.failures).unwrap_or_default();
        self.machine = Machine::new(failures, row.parked_reason.clone());
        if let Some(deployed) = self.known_deployment() {
            match adopt(&self.parts.client, deployed).await {
                Some(running) if row.should_run => return self.proven(running).await,
                // A person had it stopped when the daemon was killed.
                Some(running) => end(running).await,
                None => {
                    child::sweep(&row.receiver_id, None).await;
                }
            }
        }
        self.take_up(&row).await;
    }

    async fn take_up(&mut self, row: &ReceiverRow) {
        let dir = self.parts.target.receiver_dir(&self.name);
        let died = Identity::read(&dir).is_ok_and(|identity| identity.is_some());
        self.show_stopped(row.port);
        if row.parked_reason.is_some() {
            return;
        }
        if row.should_run && died {
            // Its tasks may wait in its database.
            self.start_again("it died while no daemon looked after it")
                .await;
        } else if row.should_run && row.instance.is_none() {
            // It was being started, or started anew.
            self.try_again().await;
        } else if !died && row.instance.is_some() {
            // One that ends as it should takes its identity with it.
            self.rests(row.port).await;
        }
    }

    /// It ended by itself and in order: it starts again when it is needed.
    pub(super) async fn rests(&self, port: Option<u16>) {
        self.store_row(|row| row.should_run = false).await;
        self.show_stopped(port);
        self.status.change(|status| {
            status.reason = Some("idle; it starts again when it is needed".to_owned());
        });
    }

    /// After it died: its tasks wait in its database.
    pub(super) async fn start_again(&mut self, why: &str) {
        self.record_failure(why).await;
        if matches!(self.machine.life, Life::Parked { .. }) {
            self.show_stopped(self.status.get().port);
            return;
        }
        tracing::warn!(peer = %self.name, %why, "a receiver is started again");
        self.parts.notices.say(
            NoticeLevel::Warning,
            &self.name,
            format!("The receiver of {} is started again: {why}.", self.name),
        );
        self.try_again().await;
    }

    /// One try. What fails is tried again later, until it is parked.
    pub(super) async fn try_again(&mut self) {
        self.retry = Retry::None;
        let fleet = self.parts.fleet.current();
        // Of a file that is not accepted any more nothing starts.
        let Ok(peer) = fleet.usable_peer(&self.name) else {
            return;
        };
        let PeerKind::Receiver(receiver) = &peer.kind else {
            return;
        };
        if let Err(failure) = self.start((&fleet, receiver), &ClientEnv::new()).await {
            tracing::warn!(peer = %self.name, %failure, "a receiver could not be started again");
        }
    }

    /// After a start that failed: the next try is due when the wait is over, if it is not parked.
    pub(super) fn plan_retry(&mut self) {
        self.retry = match self.machine.life {
            Life::Stopped => {
                // The rest of the wait, by its jitter, is taken at the start.
                Retry::At(Instant::now() + self.machine.wait(clock::now_ms(), 0.0))
            }
            Life::Starting | Life::Ready | Life::Draining | Life::Parked { .. } => Retry::None,
        };
    }

    pub(super) fn forget_retry(&mut self) {
        self.retry = Retry::None;
    }
}
