//! One receiver of ours: started on demand, watched, stopped, swept up after.
//!
//! Owns: what is done at each step of its life. The steps themselves are decided in `machine`.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::clock;
use fleet_receivers::child;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::{Health as FolderHealth, Identity};

use super::Parts;
use super::ability::{depends_on_environment, refuse_unable, unable, undecided};
use super::halt::{KILL_TIMEOUT, end};
use super::machine::{Event, Failures, Life, Machine};
use super::process::Exit;
use super::prove::{Unproven, prove};
use super::revive::Retry;
use super::start::Running;
use super::status::StatusCell;
use crate::config::ReceiverPeer;
use crate::control::Build;
use crate::daemon::fleet::Fleet;
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::domain::{Failure, Health, PeerName};

/// Probes in a row that fail before a running receiver is ended and started again: one slow answer is no death.
const PROBES_BEFORE_DEATH: u32 = 3;
/// Between those probes when work waits for the answer.
const PROBE_AGAIN: Duration = Duration::from_millis(200);

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
    pub(super) retry: Retry,
    /// Handshakes that were due or not, see `handshake`.
    pub(super) probes: u32,
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
            retry: Retry::None,
            probes: 0,
        }
    }

    /// A receiver that can work, started if need be.
    pub(super) async fn ready(
        &mut self,
        fleet: &Fleet,
        receiver: &ReceiverPeer,
        env: &ClientEnv,
    ) -> Result<ReadyPeer, Failure> {
        let wanted = (fleet, receiver);
        self.bring_up(wanted, env).await?;
        // One that was taken over may have been started on something else.
        self.renew(wanted).await;
        self.renew_environment(wanted, env).await;
        if self.running.is_none() {
            self.start(wanted, env).await?;
        }
        let Some(running) = &self.running else {
            return Err(self.failed("it does not run"));
        };
        self.refuse_misfit(wanted).await?;
        refuse_unable(&self.name, &running.health)?;
        Ok(ready_peer(running))
    }

    /// A receiver whose open work can be followed, started if need be; whether it may get new work does not matter.
    pub(super) async fn attached(
        &mut self,
        wanted: Wanted<'_>,
        env: &ClientEnv,
    ) -> Result<ReadyPeer, Failure> {
        self.bring_up(wanted, env).await?;
        match &self.running {
            Some(running) => Ok(ready_peer(running)),
            None => Err(self.failed("it does not run")),
        }
    }

    async fn bring_up(&mut self, wanted: Wanted<'_>, env: &ClientEnv) -> Result<(), Failure> {
        self.renew(wanted).await;
        if self.running.is_some() {
            self.prove_again().await;
        }
        match self.running {
            Some(_) => Ok(()),
            None => self.start(wanted, env).await,
        }
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
            self.rests(Some(running.identity.addr.port())).await;
            return;
        }
        self.show_stopped(Some(running.identity.addr.port()));
        self.start_again("it died").await;
    }

    /// Looks how it is, and deploys it anew if the file says something else now and it has no turn.
    pub(super) async fn probe(&mut self, wanted: Option<Wanted<'_>>) {
        let Some(running) = &mut self.running else {
            return;
        };
        match prove(&self.parts.client, &running.deployed, &running.identity).await {
            Ok(health) => {
                self.heard(health);
                self.failed_probes = 0;
                self.shake_hands().await;
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
                    self.start_again(&why).await;
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
        if same_but_grace(known, &new) && port_fits && !is_outdated(running) {
            return;
        }
        self.end_if_idle().await;
    }

    /// Ends a receiver whose agent was not found, is too old or not logged in, when whoever wants it now has another environment:
    /// a person who has mended it there (PATH, a login's variable) need not know that receivers keep theirs.
    async fn renew_environment(&mut self, wanted: Wanted<'_>, env: &ClientEnv) {
        let Some(running) = &self.running else { return };
        if depends_on_environment(&running.health)
            && self.plan(wanted).lends_another(&running.deployed.env, env)
        {
            self.end_if_idle().await;
        }
    }

    /// Ends a receiver that has no turn, and says whether it did.
    pub(super) async fn end_if_idle(&mut self) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        let asked = prove(&self.parts.client, &running.deployed, &running.identity).await;
        if !surely_idle(&asked) {
            return false;
        }
        self.status.change(|status| status.ready = None);
        self.expect_start().await;
        if let Some(running) = self.running.take() {
            self.machine.step(Event::StopAsked, clock::now_ms(), 0.0);
            end(running).await;
            self.machine.step(Event::Ended, clock::now_ms(), 0.0);
        }
        true
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
                    self.heard(health);
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
}

/// Whether it has no turn. One that does not answer may have some, and the probes end it if it is dead; what is no receiver of
/// this configuration has none of ours.
fn surely_idle(asked: &Result<FolderHealth, Unproven>) -> bool {
    match asked {
        Ok(health) => health.open_tasks == 0,
        Err(Unproven::Silent(_) | Unproven::Stuck(_)) => false,
        Err(Unproven::Stranger(_) | Unproven::Other(_) | Unproven::Elsewhere { .. }) => true,
    }
}

/// Whether a build before this one runs it. One after it is left alone: whoever starts it anew would start the same again.
fn is_outdated(running: &Running) -> bool {
    let version = running.health.version.clone();
    let build = Build {
        version,
        ..Build::own()
    };
    build.is_older_than(&Build::own())
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
