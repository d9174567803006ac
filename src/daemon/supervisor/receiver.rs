//! One receiver of ours: started on demand, watched, stopped, swept up after.
//!
//! Owns: what is done at each step of its life. The steps themselves are decided in `machine`.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::clock;
use fleet_receivers::child;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::Identity;

use super::Parts;
use super::ability::{refuse_unable, unable, undecided};
use super::actor::STOP_TIMEOUT;
use super::deploy::receiver_dir;
use super::machine::{Event, Failures, Life, Machine};
use super::process::Exit;
use super::prove::prove;
use super::start::{Running, adopt};
use super::status::StatusCell;
use crate::config::ReceiverPeer;
use crate::control::NoticeLevel;
use crate::daemon::fleet::Fleet;
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::domain::{Failure, Health, PeerName};

/// Probes in a row that fail before a running receiver is ended and started again: one slow answer is no death.
const PROBES_BEFORE_DEATH: u32 = 3;
/// Between those probes when work waits for the answer.
const PROBE_AGAIN: Duration = Duration::from_millis(200);
/// How long a killed process may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// One receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) name: PeerName,
    pub(super) parts: Arc<Parts>,
    pub(super) status: Arc<StatusCell>,
    pub(super) machine: Machine,
    pub(super) running: Option<Running>,
    /// Ask it again before the next use.
    pub(super) doubted: bool,
    pub(super) failed_probes: u32,
}

/// What the file says of it now.
pub(super) type Wanted<'a> = (&'a Fleet, &'a ReceiverPeer);

impl Receiver {
    pub(super) fn new(name: PeerName, parts: Arc<Parts>, status: Arc<StatusCell>) -> Self {
        Self {
            name,
            parts,
            status,
            machine: Machine::new(Failures::default(), None),
            running: None,
            doubted: false,
            failed_probes: 0,
        }
    }

    /// Takes over what an earlier daemon left: a running receiver, or the orphans of one that died.
    pub(super) async fn take_over(&mut self) {
        let Ok(Some(row)) = self.parts.store.receiver(&self.name).await else {
            return;
        };
        let failures = serde_json::from_str(&row.failures).unwrap_or_default();
        self.machine = Machine::new(failures, row.parked_reason.clone());
        let dir = receiver_dir(&self.parts.target.state_dir, &self.name);
        let crashed = Identity::read(&dir).is_ok_and(|identity| identity.is_some());
        if let Some(deployed) = self.known_deployment() {
            if let Some(running) = adopt(&self.parts.client, deployed).await {
                self.proven(running).await;
                return;
            }
            child::sweep(&row.receiver_id, None).await;
        }
        self.show_stopped(row.port);
        // Its tasks may wait in its database. One that ended as it should took its identity with it.
        if row.should_run && crashed && row.parked_reason.is_none() {
            self.restart("it died while no daemon looked after it")
                .await;
        }
    }

    /// A receiver that can work, started if need be.
    pub(super) async fn ready(
        &mut self,
        fleet: &Fleet,
        receiver: &ReceiverPeer,
        env: &ClientEnv,
    ) -> Result<ReadyPeer, Failure> {
        self.renew((fleet, receiver)).await;
        if self.running.is_some() {
            self.prove_again().await;
        }
        if self.running.is_none() {
            self.start((fleet, receiver), env).await?;
        }
        let Some(running) = &self.running else {
            return Err(self.failed("it does not run"));
        };
        refuse_unable(&self.name, &running.health)?;
        Ok(ready_peer(running))
    }

    /// The receiver if one runs and proves itself; nothing is started.
    pub(super) async fn ready_if_running(&mut self) -> Option<ReadyPeer> {
        self.prove_again().await;
        let running = self.running.as_ref()?;
        unable(&running.health)
            .is_none()
            .then(|| ready_peer(running))
    }

    /// A person starts it: what failed before counts no more.
    pub(super) fn forgive(&mut self) {
        if let Life::Parked { .. } = self.machine.life {
            self.machine.step(Event::Started, clock::now_ms(), 0.0);
        }
    }

    pub(super) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Waits for the end of its process; for ever while there is none.
    pub(super) async fn exited(&mut self) -> Exit {
        match &mut self.running {
            Some(running) => running.process.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Its process ended without being asked to.
    pub(super) async fn died(&mut self, exit: Exit) {
        let Some(running) = self.running.take() else {
            return;
        };
        child::sweep(&running.deployed.config.receiver_id, None).await;
        let left_identity =
            Identity::read(&running.deployed.dir).is_ok_and(|identity| identity.is_some());
        let clean = match exit {
            Exit::Clean => true,
            Exit::Failed => false,
            Exit::Unknown => !left_identity,
        };
        if clean {
            // It had nothing to do for a while; it starts again when it has.
            self.machine.step(Event::Ended, clock::now_ms(), 0.0);
            self.store_row(|row| row.should_run = false).await;
            self.show_stopped(Some(running.identity.addr.port()));
            return;
        }
        self.show_stopped(Some(running.identity.addr.port()));
        self.restart("it died").await;
    }

    /// Drains and stops it; it stays stopped until it is started or needed.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        self.store_row(|row| row.should_run = false).await;
        self.machine.step(Event::StopAsked, clock::now_ms(), 0.0);
        let port = self.status.get().port;
        if let Some(running) = self.running.take() {
            self.status.change(|status| {
                status.ready = None;
                status.reason = Some("it drains".to_owned());
            });
            end(running).await;
        }
        self.machine.step(Event::Ended, clock::now_ms(), 0.0);
        self.show_stopped(port);
        self.store_failures().await;
        Ok(())
    }

    /// Looks how it is, and deploys it anew if the file says something else now and it has no turn.
    pub(super) async fn probe(&mut self, wanted: Option<Wanted<'_>>) {
        let Some(running) = &mut self.running else {
            return;
        };
        match prove(&self.parts.client, &running.deployed, &running.identity).await {
            Ok(health) => {
                running.health = health;
                self.failed_probes = 0;
                self.show_running();
            }
            Err(why) => {
                self.failed_probes += 1;
                let why = why.to_string();
                self.status.change(|status| {
                    status.health = Health::Unreachable;
                    status.reason = Some(why.clone());
                    status.ready = None;
                });
                if self.failed_probes >= PROBES_BEFORE_DEATH {
                    self.give_up_on(&why).await;
                    self.restart(&why).await;
                }
            }
        }
        if let Some(wanted) = wanted {
            let was_running = self.running.is_some();
            self.renew(wanted).await;
            if was_running && self.running.is_none() && self.machine.life == Life::Stopped {
                let _ = self.start(wanted, &ClientEnv::new()).await;
            }
        }
    }

    /// Ends a receiver whose configuration changed, if it has no turn; it is started with the new one.
    async fn renew(&mut self, (fleet, receiver): Wanted<'_>) {
        let Some(running) = &self.running else { return };
        let known = &running.deployed.config;
        let new = self
            .plan((fleet, receiver))
            .receiver_config(known.receiver_id.clone(), known.bind.port());
        let port_fits = receiver.port.is_none_or(|port| port == known.bind.port());
        if same_but_grace(known, &new) && port_fits {
            return;
        }
        let asked = prove(&self.parts.client, &running.deployed, &running.identity).await;
        if asked.is_ok_and(|health| health.open_tasks > 0) {
            return;
        }
        self.status.change(|status| status.ready = None);
        if let Some(running) = self.running.take() {
            self.machine.step(Event::StopAsked, clock::now_ms(), 0.0);
            end(running).await;
            self.machine.step(Event::Ended, clock::now_ms(), 0.0);
        }
    }

    /// After a doubt, and while it could not work: asks again. One that does not answer is ended.
    async fn prove_again(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let able = unable(&running.health).is_none() && !undecided(&running.health);
        if able && !self.doubted && self.failed_probes == 0 {
            return;
        }
        let mut last = String::new();
        for _ in 0..PROBES_BEFORE_DEATH {
            match prove(&self.parts.client, &running.deployed, &running.identity).await {
                Ok(health) => {
                    running.health = health;
                    self.doubted = false;
                    self.failed_probes = 0;
                    self.show_running();
                    return;
                }
                Err(why) => last = why.to_string(),
            }
            // It may just have died.
            if running.process.exited_within(PROBE_AGAIN).await.is_some() {
                break;
            }
        }
        self.give_up_on(&last).await;
    }

    async fn give_up_on(&mut self, why: &str) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        running.process.kill();
        let _ = running.process.exited_within(KILL_TIMEOUT).await;
        child::sweep(&running.deployed.config.receiver_id, None).await;
        self.record_failure(why).await;
        self.show_stopped(Some(running.identity.addr.port()));
    }

    /// Once, after it died: its tasks wait in its database.
    async fn restart(&mut self, why: &str) {
        self.record_failure(why).await;
        let fleet = self.parts.fleet.current();
        let Ok(peer) = fleet.usable_peer(&self.name) else {
            return;
        };
        let crate::config::PeerKind::Receiver(receiver) = &peer.kind else {
            return;
        };
        tracing::warn!(peer = %self.name, %why, "a receiver is started again");
        self.parts.notices.say(
            NoticeLevel::Warning,
            &self.name,
            format!("The receiver of {} is started again: {why}.", self.name),
        );
        if let Err(failure) = self.start((&fleet, receiver), &ClientEnv::new()).await {
            tracing::warn!(peer = %self.name, %failure, "a receiver could not be started again");
        }
    }
}

/// Lets it drain, then ends it, then whatever it left.
async fn end(mut running: Running) {
    running.process.terminate();
    if running.process.exited_within(STOP_TIMEOUT).await.is_none() {
        running.process.kill();
        let _ = running.process.exited_within(KILL_TIMEOUT).await;
    }
    child::sweep(&running.deployed.config.receiver_id, None).await;
}

pub(super) fn ready_peer(running: &Running) -> ReadyPeer {
    ReadyPeer {
        endpoint: running.endpoint.clone(),
        instance: Some(running.identity.instance.clone()),
    }
}

fn same_but_grace(known: &ReceiverConfig, new: &ReceiverConfig) -> bool {
    let new = ReceiverConfig {
        drain_grace_s: known.drain_grace_s,
        ..new.clone()
    };
    *known == new
}
