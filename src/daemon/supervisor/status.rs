//! What is known of a peer now.
//!
//! Owns: the figures that views show and the endpoint that dispatch takes without asking. Does not own: how they come about.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::ability::check_built;
use super::handshake::Serves;
use super::machine::Life;
use crate::config::{PeerConfig, PeerKind, trust::permissions_word};
use crate::control::{BudgetView, HandshakeView, PeerView};
use crate::daemon::peers::ReadyPeer;
use crate::domain::{Health, PeerName, PeerText};

/// What is known of one peer.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) health: Health,
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) pid: Option<u32>,
    pub(super) port: Option<u16>,
    pub(super) url: Option<String>,
    pub(super) dialect: Option<String>,
    pub(super) version: Option<String>,
    pub(super) probed_at: Option<Instant>,
    /// What its receiver drives, and where.
    pub(super) serves: Option<Serves>,
    /// What its receiver told with the token.
    pub(super) handshake: Option<Box<HandshakeView>>,
    /// Set while the peer is proven and can work.
    pub(super) ready: Option<ReadyPeer>,
}

impl Status {
    /// Nothing is known yet.
    pub(super) fn new(health: Health) -> Self {
        Self {
            health,
            reason: None,
            remedy: None,
            pid: None,
            port: None,
            url: None,
            dialect: None,
            version: None,
            probed_at: None,
            serves: None,
            handshake: None,
            ready: None,
        }
    }

    /// A receiver that does not run.
    pub(super) fn not_running(name: &PeerName, life: &Life, port: Option<u16>) -> Self {
        let (health, reason) = match life {
            Life::Stopped | Life::Ready => (Health::Stopped, None),
            Life::Starting => (Health::Starting, None),
            Life::Draining => (Health::Stopped, Some("it drains".to_owned())),
            Life::Parked { reason } => (Health::Parked, Some(reason.clone())),
        };
        let remedy = matches!(health, Health::Parked).then(|| format!("fleet start {name}"));
        Self {
            reason,
            remedy,
            port,
            ..Self::new(health)
        }
    }
}

/// The status of one peer, shared by its actor and whoever looks.
#[derive(Debug)]
pub(super) struct StatusCell {
    status: Mutex<Status>,
    changes: watch::Sender<u64>,
}

impl StatusCell {
    pub(super) fn new(changes: watch::Sender<u64>) -> Self {
        Self {
            status: Mutex::new(Status::new(Health::Unknown)),
            changes,
        }
    }

    pub(super) fn get(&self) -> Status {
        self.lock().clone()
    }

    /// The endpoint, if the peer is proven and can work.
    pub(super) fn ready(&self) -> Option<ReadyPeer> {
        self.lock().ready.clone()
    }

    pub(super) fn set(&self, status: Status) {
        *self.lock() = status;
        self.changes.send_modify(|version| *version += 1);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.lock());
        self.changes.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A peer as commands and screens show it.
pub(super) fn view(
    status: Status,
    peer: &PeerConfig,
    in_flight: u32,
    budget: BudgetView,
) -> PeerView {
    let receiver = match &peer.kind {
        PeerKind::Receiver(receiver) => Some(receiver),
        PeerKind::Foreign(_) => None,
    };
    let url = match &peer.kind {
        PeerKind::Receiver(_) => status.url,
        PeerKind::Foreign(foreign) => Some(foreign.url.to_string()),
    };
    // A receiver that nobody asked for yet is just not running.
    let health = match (receiver, status.health) {
        (Some(_), Health::Unknown) => Health::Stopped,
        (Some(_) | None, health) => health,
    };
    let unbuilt = receiver.and_then(|receiver| check_built(&peer.name, receiver.mode).err());
    let (health, reason, remedy) = match unbuilt {
        Some(failure) => (
            Health::Degraded,
            Some(failure.message),
            Some(failure.remedy),
        ),
        None => (health, status.reason, status.remedy),
    };
    PeerView {
        name: peer.name.clone(),
        mode: receiver.map(|receiver| receiver.mode),
        dialect: status.dialect,
        url,
        health,
        reason: reason.map(PeerText::new),
        remedy: remedy.map(PeerText::new),
        pid: status.pid,
        port: status.port,
        version: status.version.map(PeerText::new),
        in_flight,
        permissions: receiver.map(|receiver| permissions_word(receiver.permissions).to_owned()),
        repo: receiver.map(|receiver| receiver.repo.display().to_string()),
        probe_age_s: status.probed_at.map(|at| at.elapsed().as_secs()),
        handshake: status.handshake,
        budget,
    }
}
