//! Peers, their budgets and the daemon as clients see them.
//!
//! Owns: the objects that `peers`, `status`, `budget show` and `daemon status` print. Whatever a peer said is [`PeerText`].

use fleet_receivers::Mode;
use serde::{Deserialize, Serialize};

use super::HandshakeView;
use crate::domain::{Health, PeerName, PeerText, Window};

/// One peer, as `status --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its name.
    pub name: PeerName,
    /// Which agent; `None` for a foreign peer.
    pub mode: Option<Mode>,
    /// `v1.0`, `v0.3` or `hermes`; `None` until its card was read.
    pub dialect: Option<String>,
    /// Where it listens; `None` for a receiver without a port yet.
    pub url: Option<String>,
    /// The conclusion.
    pub health: Health,
    /// Why, when it is not ready.
    pub reason: Option<PeerText>,
    /// What mends it.
    pub remedy: Option<PeerText>,
    /// Its process.
    pub pid: Option<u32>,
    /// Its port.
    pub port: Option<u16>,
    /// The agent CLI's version.
    pub version: Option<PeerText>,
    /// Open dispatches.
    pub in_flight: u32,
    /// `read-only`, `ask`, `edit` or `full`; `None` for a foreign peer.
    pub permissions: Option<String>,
    /// The repo, for a receiver of ours.
    pub repo: Option<String>,
    /// Seconds since the last probe; `None` when there was none.
    pub probe_age_s: Option<u64>,
    /// What its receiver told; `None` while none runs, and for a foreign peer.
    pub handshake: Option<Box<HandshakeView>>,
    /// Its budget.
    pub budget: BudgetView,
}

/// A budget in its current window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetView {
    /// Whose.
    pub peer: PeerName,
    /// Counted tokens.
    pub tokens: Amounts<u64>,
    /// Message runs.
    pub turns: Amounts<u64>,
    /// Dollars.
    pub cost_usd: Amounts<f64>,
    /// The window; `None` when nothing is limited.
    pub window: Option<Window>,
    /// When the window ends (RFC 3339, UTC); `None` for `total`.
    pub resets_at: Option<String>,
}

impl BudgetView {
    /// Whether fleet.toml limits any figure of it.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.tokens.limit.is_some() || self.turns.limit.is_some() || self.cost_usd.limit.is_some()
    }
}

/// One figure of a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Amounts<T> {
    /// What fleet.toml says; `None` is unlimited.
    pub limit: Option<T>,
    /// What a person has added in this window.
    #[serde(default)]
    pub topped_up: T,
    /// Held by open dispatches.
    pub granted: T,
    /// Spent by ended ones, since the last reset.
    pub spent: T,
    /// Neither held nor spent; `None` is unlimited.
    #[serde(default)]
    pub remaining: Option<T>,
}

/// What `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The daemon.
    pub daemon: DaemonView,
    /// Its peers.
    pub peers: Vec<PeerView>,
}

/// What `daemon status --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonView {
    /// Whether one runs.
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// Its fleet.toml.
    pub config: String,
}
