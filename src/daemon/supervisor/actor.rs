//! One peer's actor: everything that changes a peer goes through it, one thing at a time, so that many callers share one start.
//!
//! Owns: what is asked of a peer and in which order it happens. The receiver's part stands in `receiver`, the decisions in
//! `machine`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::foreign;
use super::receiver::Receiver;
use super::revive::Happening;
use super::status::{Status, StatusCell};
use super::{Parts, deploy};
use crate::config::PeerKind;
use crate::control::{PeerTrustView, Tokens};
use crate::daemon::fleet::Fleet;
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::domain::{ErrorKind, Failure, Health, PeerName};

/// Between two probes of a receiver of ours: a question over loopback that costs it nothing.
const PROBE_OURS: Duration = Duration::from_secs(10);
/// Probes of somebody else's agent: every third of ours.
const PROBE_FOREIGN_EVERY: u32 = 3;

type Answer<T> = oneshot::Sender<Result<T, Failure>>;

/// What can be asked of a peer.
#[derive(Debug)]
pub(super) enum Ask {
    /// Be able to take work.
    Ready(ClientEnv, Answer<ReadyPeer>),
    /// Be there, so that its open work can be followed.
    Attached(ClientEnv, Answer<ReadyPeer>),
    /// Show the agent settings of its repo; accept those with this hash.
    Trust(Option<String>, Answer<PeerTrustView>),
    /// A person starts it.
    Deploy(ClientEnv, Answer<()>),
    /// A person restarts it.
    Restart(ClientEnv, Tokens, Answer<()>),
    /// A person stops it.
    Stop(Answer<()>),
    /// Prove it again before it is used again.
    Doubt(Answer<()>),
}

/// One peer.
#[derive(Debug)]
pub(super) struct Actor {
    name: PeerName,
    parts: Arc<Parts>,
    status: Arc<StatusCell>,
    receiver: Receiver,
    probes: u32,
}

impl Actor {
    pub(super) fn new(name: PeerName, parts: Arc<Parts>, status: Arc<StatusCell>) -> Self {
        let receiver = Receiver::new(name.clone(), Arc::clone(&parts), Arc::clone(&status));
        Self {
            name,
            parts,
            status,
            receiver,
            probes: 0,
        }
    }

    /// Lives until nobody can ask any more.
    pub(super) async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut fleet = self.parts.fleet.changes();
        let mut probe = tokio::time::interval(PROBE_OURS);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.receiver.take_over().await;
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => return,
                },
                happening = self.receiver.happening() => match happening {
                    Happening::Exited(exit) => self.receiver.died(exit).await,
                    Happening::Due => self.receiver.try_again().await,
                },
                changed = fleet.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.reconfigure().await;
                }
                _tick = probe.tick() => self.probe().await,
            }
        }
    }

    async fn answer(&mut self, ask: Ask) {
        // Whoever asked may have stopped waiting; what was done stands all the same.
        match ask {
            Ask::Ready(env, answer) => {
                let _ = answer.send(self.ready(&env).await);
            }
            Ask::Attached(env, answer) => {
                let _ = answer.send(self.attached(&env).await);
            }
            Ask::Trust(accept, answer) => {
                let _ = answer.send(self.trust(accept).await);
            }
            Ask::Deploy(env, answer) => {
                self.receiver.forgive();
                let _ = answer.send(self.ready(&env).await.map(drop));
            }
            Ask::Restart(env, tokens, answer) => {
                let _ = answer.send(self.restart(&env, tokens).await);
            }
            Ask::Stop(answer) => {
                let _ = answer.send(self.receiver.stop().await);
            }
            Ask::Doubt(answer) => {
                self.receiver.doubt();
                self.status.change(|status| status.ready = None);
                let _ = answer.send(Ok(()));
            }
        }
    }

    async fn ready(&mut self, env: &ClientEnv) -> Result<ReadyPeer, Failure> {
        let fleet = self.parts.fleet.current();
        let peer = match fleet.usable_peer(&self.name) {
            Ok(peer) => peer,
            // Nothing starts, and nobody is contacted; but what runs goes on, so that its work can be followed.
            Err(failure) => return self.receiver.ready_if_running().await.ok_or(failure),
        };
        match &peer.kind {
            PeerKind::Receiver(receiver) => self.receiver.ready(&fleet, receiver, env).await,
            PeerKind::Foreign(peer) => {
                if let Some(ready) = self.status.ready() {
                    return Ok(ready);
                }
                let reached = foreign::reach(&self.parts.client, &self.name, peer, env).await;
                self.status.set(foreign::status_of(&reached));
                reached
            }
        }
    }

    async fn restart(&mut self, env: &ClientEnv, tokens: Tokens) -> Result<(), Failure> {
        let fleet = self.parts.fleet.current();
        match &fleet.usable_peer(&self.name)?.kind {
            PeerKind::Receiver(receiver) => {
                self.receiver.restart((&fleet, receiver), env, tokens).await
            }
            PeerKind::Foreign(_) => Ok(()),
        }
    }

    async fn attached(&mut self, env: &ClientEnv) -> Result<ReadyPeer, Failure> {
        let fleet = self.parts.fleet.current();
        match fleet.usable_peer(&self.name).map(|peer| &peer.kind) {
            Ok(PeerKind::Receiver(receiver)) => {
                self.receiver.attached((&fleet, receiver), env).await
            }
            Ok(PeerKind::Foreign(_)) | Err(_) => self.ready(env).await,
        }
    }

    async fn trust(&mut self, accept: Option<String>) -> Result<PeerTrustView, Failure> {
        let fleet = self.parts.fleet.current();
        match &fleet.usable_peer(&self.name)?.kind {
            PeerKind::Receiver(receiver) => self.receiver.trust((&fleet, receiver), accept).await,
            PeerKind::Foreign(foreign) => Err(Failure::new(
                ErrorKind::Usage,
                format!(
                    "{} is somebody else's agent at {}: it has no repo of yours.",
                    self.name, foreign.url
                ),
                "Name a peer that has a `mode` in fleet.toml.",
            )),
        }
    }

    async fn probe(&mut self) {
        let fleet = self.parts.fleet.current();
        let Ok(peer) = fleet.usable_peer(&self.name) else {
            // What runs of a file that is not accepted any more goes on, and is looked after.
            self.receiver.probe(None).await;
            return;
        };
        match &peer.kind {
            PeerKind::Receiver(receiver) => self.receiver.probe(Some((&fleet, receiver))).await,
            PeerKind::Foreign(peer) => {
                if self.probes.is_multiple_of(PROBE_FOREIGN_EVERY) {
                    let env = ClientEnv::new();
                    let known = self.status.ready();
                    let reached = foreign::reach(&self.parts.client, &self.name, peer, &env).await;
                    self.status.set(probed(known, &reached));
                }
                self.probes = self.probes.wrapping_add(1);
            }
        }
    }

    /// The file changed: a receiver is deployed anew as soon as it has no turn; an address may be another one now.
    async fn reconfigure(&mut self) {
        let fleet: Arc<Fleet> = self.parts.fleet.current();
        match fleet.config.peer(&self.name).map(|peer| &peer.kind) {
            Some(PeerKind::Receiver(receiver)) if fleet.usable_peer(&self.name).is_ok() => {
                self.receiver.probe(Some((&fleet, receiver))).await;
            }
            Some(PeerKind::Foreign(_)) => {
                self.status.set(Status::new(Health::Unknown));
                self.probes = 0;
                if fleet.accepted {
                    self.probe().await;
                }
            }
            Some(PeerKind::Receiver(_)) | None => {}
        }
    }
}

/// A probe has only this daemon's environment: a token that a client lent may be missing without anything being wrong.
fn probed(known: Option<ReadyPeer>, reached: &Result<ReadyPeer, Failure>) -> Status {
    match (known, reached) {
        (Some(known), Err(failure)) if failure.kind == ErrorKind::Unauthenticated => {
            foreign::status_of(&Ok(known))
        }
        (_, reached) => foreign::status_of(reached),
    }
}

/// The most that stopping one receiver may take: its drain, and a little for its death.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(deploy::DRAIN_GRACE_S as u64 + 5);
