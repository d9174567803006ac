//! A validated fleet.
//!
//! Owns: the types. Only validation makes them, so whoever holds one need not check again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fleet_receivers::Mode;
use fleet_receivers::config::{Ceiling, ExecEvents, Permissions};
use url::Url;

use crate::domain::{Band, BudgetLimit, PeerName};

/// A whole fleet.toml.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetConfig {
    /// The file, absolute.
    pub path: PathBuf,
    /// SHA-256 of its bytes, hex.
    pub hash: String,
    /// Namespace of transcripts and state.
    pub name: String,
    /// Where transcripts go, absolute.
    pub transcripts: PathBuf,
    /// The deadline of a dispatch that names none, in seconds.
    pub deadline_s: u32,
    /// Hosts that a `reply_to` URL may name, beside the peers'.
    pub reply_to_hosts: Vec<String>,
    /// The bands.
    pub bands: Bands,
    /// The peers, in the order of the file.
    pub peers: Vec<PeerConfig>,
}

/// The band of every mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands(pub BTreeMap<Mode, Band>);

/// One peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerConfig {
    /// Its name.
    pub name: PeerName,
    /// Its budget; `None` is unlimited.
    pub budget: Option<BudgetLimit>,
    /// Ours or somebody else's.
    pub kind: PeerKind,
}

/// Whose agent a peer is.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerKind {
    /// A receiver of ours.
    Receiver(Box<ReceiverPeer>),
    /// Somebody else's agent.
    Foreign(ForeignPeer),
}

/// A receiver of ours, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverPeer {
    /// Which agent.
    pub mode: Mode,
    /// The repo, absolute. `echo` may do without: then it is the folder of fleet.toml.
    pub repo: PathBuf,
    /// The model.
    pub model: Option<String>,
    /// What may be done unasked.
    pub permissions: Permissions,
    /// argv of an `exec` peer.
    pub command: Vec<String>,
    /// How an `exec` command answers.
    pub events: ExecEvents,
    /// Further environment variables.
    pub env: Vec<String>,
    /// Turns at a time.
    pub max_concurrent_turns: u32,
    /// How long a permission request waits, in seconds.
    pub permission_timeout_s: u32,
    /// Seconds without work before the receiver stops itself; 0 never.
    pub idle_timeout_s: u32,
    /// Seconds a process of the agent waits for the next turn of its context; 0: one process per turn.
    pub warm_idle_s: u32,
    /// Ceilings of one turn for any caller.
    pub ceiling: Ceiling,
    /// A port of the person's choice instead of one from the band.
    pub port: Option<u16>,
}

/// Somebody else's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPeer {
    /// Its address, as given.
    pub url: Url,
    /// Its dialect, when the file says so; else its card does.
    pub dialect: Option<String>,
    /// The environment variable that holds its token.
    pub token_env: Option<String>,
}

impl FleetConfig {
    /// The peer of that name.
    #[must_use]
    pub fn peer(&self, name: &PeerName) -> Option<&PeerConfig> {
        self.peers.iter().find(|peer| &peer.name == name)
    }
}
