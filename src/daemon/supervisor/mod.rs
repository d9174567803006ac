//! Supervision: finds, starts, watches and stops the peers of a fleet.
//!
//! Owns: one actor for each peer, and [`SupervisorHandle`], which answers dispatch and commands. Receivers outlive it: what
//! runs is taken over at the next start. Does not own: what peers are asked to do.

mod ability;
mod actor;
mod bring_up;
mod deploy;
mod foreign;
mod halt;
mod handshake;
mod machine;
mod process;
mod prove;
mod receiver;
mod record;
mod revive;
mod start;
mod status;
mod trust;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleet_a2a::client::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fleet::{Fleet, FleetCell, stopping};
use super::notices::Notices;
use super::peers::{ClientEnv, Peers, ReadyPeer};
use super::store::Store;
use crate::config::PeerConfig;
use crate::control::{BudgetView, PeerTrustView, PeerView, Target, Tokens};
use crate::domain::{ErrorKind, Failure, PeerName};
pub(super) use ability::check_built;
use actor::{Actor, Ask};
use handshake::fits;
use status::StatusCell;

/// Questions that wait for one peer's actor; further callers wait to ask.
const ASKS: usize = 64;
/// How long actors may take to drop what they do when the daemon stops.
const SHUTDOWN: Duration = Duration::from_millis(100);

/// What every actor works with.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) target: Target,
    pub(super) store: Store,
    pub(super) fleet: Arc<FleetCell>,
    pub(super) notices: Arc<Notices>,
    pub(super) client: Client,
}

/// Owns the actors. Dropped, it stops watching and leaves every receiver running.
#[derive(Debug)]
pub(super) struct Supervisor {
    handle: SupervisorHandle,
}

/// Talks to the peers' actors; clones are cheap.
#[derive(Debug, Clone)]
pub(super) struct SupervisorHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    parts: Arc<Parts>,
    slots: Mutex<BTreeMap<PeerName, Slot>>,
    changes: watch::Sender<u64>,
    actors: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Clone)]
struct Slot {
    asks: mpsc::Sender<Ask>,
    status: Arc<StatusCell>,
}

impl Supervisor {
    /// Begins to look after the peers of the fleet, and after receivers of peers that the file no longer names: takes over
    /// those that run, sweeps up after those that died.
    ///
    /// # Errors
    /// A [`Failure`] when the HTTP client cannot be set up, or the store cannot be read.
    pub(super) async fn open(
        target: &Target,
        store: Store,
        fleet: Arc<FleetCell>,
        notices: Arc<Notices>,
    ) -> Result<Self, Failure> {
        let client = Client::new().map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                format!("Supervision cannot start: {error}."),
                "",
            )
        })?;
        let handle = SupervisorHandle {
            shared: Arc::new(Shared {
                parts: Arc::new(Parts {
                    target: target.clone(),
                    store,
                    fleet,
                    notices,
                    client,
                }),
                slots: Mutex::default(),
                changes: watch::Sender::new(0),
                actors: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        };
        for peer in &handle.shared.parts.fleet.current().config.peers {
            handle.slot(&peer.name);
        }
        for row in handle.shared.parts.store.receivers().await? {
            if row.should_run {
                handle.slot(&row.peer);
            }
        }
        Ok(Self { handle })
    }

    /// The way to talk to it.
    #[must_use]
    pub(super) fn handle(&self) -> SupervisorHandle {
        self.handle.clone()
    }

    /// Stops watching; receivers go on.
    pub(super) async fn shutdown(self) {
        let shared = &self.handle.shared;
        shared.stop.cancel();
        shared.actors.close();
        let _ = tokio::time::timeout(SHUTDOWN, shared.actors.wait()).await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.handle.shared.stop.cancel();
    }
}

impl SupervisorHandle {
    /// Deploys a receiver and starts it; nothing happens to one that runs as the file says. A parked one gets another chance.
    ///
    /// # Errors
    /// Why it does not run, as [`Peers::ready`].
    pub(super) async fn deploy(&self, peer: &PeerName, env: ClientEnv) -> Result<(), Failure> {
        self.shared.parts.fleet.current().usable_peer(peer)?;
        self.ask(peer, |answer| Ask::Deploy(env, answer)).await
    }

    /// Drains and stops a receiver; nothing happens to one that does not run.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when the daemon stops meanwhile.
    pub(super) async fn stop(&self, peer: &PeerName) -> Result<(), Failure> {
        self.ask(peer, Ask::Stop).await
    }

    /// Drains, stops and starts a receiver; starts one that does not run. The tokens are minted anew on that wish.
    ///
    /// # Errors
    /// Why it does not run, as [`Peers::ready`].
    pub(super) async fn restart(
        &self,
        peer: &PeerName,
        env: ClientEnv,
        tokens: Tokens,
    ) -> Result<(), Failure> {
        self.shared.parts.fleet.current().usable_peer(peer)?;
        self.ask(peer, |answer| Ask::Restart(env, tokens, answer))
            .await
    }

    /// The agent settings of a peer's repo; accepts those with this hash.
    ///
    /// # Errors
    /// A [`Failure`] when they changed since they were shown, or the peer has no repo.
    pub(super) async fn trust(
        &self,
        peer: &PeerName,
        accept: Option<String>,
    ) -> Result<PeerTrustView, Failure> {
        self.shared.parts.fleet.current().usable_peer(peer)?;
        self.ask(peer, |answer| Ask::Trust(accept, answer)).await
    }

    /// Whether this peer's receiver was ever looked after, whatever the file says now.
    #[must_use]
    pub(super) fn has_receiver(&self, peer: &PeerName) -> bool {
        self.slots().contains_key(peer)
    }

    /// Peers that were looked after and that the file no longer names; their receivers may still run.
    #[must_use]
    pub(super) fn left_over(&self, fleet: &Fleet) -> Vec<PeerName> {
        let named = |name: &&PeerName| fleet.config.peer(name).is_none();
        self.slots().keys().filter(named).cloned().collect()
    }

    /// Whether this peer's receiver runs.
    #[must_use]
    pub(super) fn runs(&self, peer: &PeerName) -> bool {
        let slot = self.slots().get(peer).cloned();
        slot.is_some_and(|slot| slot.status.get().pid.is_some())
    }

    /// Whether any receiver runs.
    #[must_use]
    pub(super) fn any_running(&self) -> bool {
        let slots: Vec<Slot> = self.slots().values().cloned().collect();
        slots.iter().any(|slot| slot.status.get().pid.is_some())
    }

    /// A peer as commands and screens show it.
    #[must_use]
    pub(super) fn view(&self, peer: &PeerConfig, in_flight: u32, budget: BudgetView) -> PeerView {
        let status = self.slot(&peer.name).status.get();
        status::view(status, peer, in_flight, budget)
    }

    /// Moves at each change of what is known of any peer.
    #[must_use]
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<PeerName, Slot>> {
        self.shared
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The peer's actor; it begins to live when it is first asked for.
    fn slot(&self, peer: &PeerName) -> Slot {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(peer) {
            return slot.clone();
        }
        let (asks, queue) = mpsc::channel(ASKS);
        let status = Arc::new(StatusCell::new(self.shared.changes.clone()));
        let actor = Actor::new(
            peer.clone(),
            Arc::clone(&self.shared.parts),
            Arc::clone(&status),
        );
        let stop = self.shared.stop.clone();
        self.shared.actors.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = actor.run(queue) => {}
            }
        });
        let slot = Slot { asks, status };
        slots.insert(peer.clone(), slot.clone());
        slot
    }

    async fn ask<T>(
        &self,
        peer: &PeerName,
        ask: impl FnOnce(oneshot::Sender<Result<T, Failure>>) -> Ask,
    ) -> Result<T, Failure> {
        let (answer, wait) = oneshot::channel();
        let slot = self.slot(peer);
        if slot.asks.send(ask(answer)).await.is_err() {
            return Err(stopping());
        }
        wait.await.unwrap_or_else(|_| Err(stopping()))
    }
}

impl Peers for SupervisorHandle {
    fn ready<'a>(
        &'a self,
        peer: &'a PeerName,
        env: &'a ClientEnv,
    ) -> Pin<Box<dyn Future<Output = Result<ReadyPeer, Failure>> + Send + 'a>> {
        Box::pin(async move {
            // What runs goes on, also when the file changed and is not accepted any more: the actor decides what may start.
            // One that works elsewhere than the file says by now gets no new work, however well it is.
            let status = self.slot(peer).status.get();
            let fleet = self.shared.parts.fleet.current();
            if let (Some(ready), true) = (status.ready, fits(&fleet, peer, status.serves.as_ref()))
            {
                return Ok(ready);
            }
            self.ask(peer, |answer| Ask::Ready(env.clone(), answer))
                .await
        })
    }

    fn attached<'a>(
        &'a self,
        peer: &'a PeerName,
        env: &'a ClientEnv,
    ) -> Pin<Box<dyn Future<Output = Result<ReadyPeer, Failure>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(ready) = self.slot(peer).status.ready() {
                return Ok(ready);
            }
            self.ask(peer, |answer| Ask::Attached(env.clone(), answer))
                .await
        })
    }

    fn doubt<'a>(&'a self, peer: &'a PeerName) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let _ = self.ask(peer, Ask::Doubt).await;
        })
    }
}
