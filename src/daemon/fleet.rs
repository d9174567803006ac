//! The fleet as its file says now.
//!
//! Owns: reading fleet.toml again when it changed, and whether it is accepted. Does not own: what follows from a change.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fleet_a2a::clock;
use tokio::sync::watch;

use super::supervisor::check_built;
use crate::config::{self, FleetConfig, PeerKind, trust};
use crate::control::{Target, TrustView};
use crate::domain::{ErrorKind, Failure, PeerName, PeerText};

/// One version of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fleet {
    /// What may be used of it; transcripts of an unaccepted file stay inside its folder.
    pub config: FleetConfig,
    /// Whether all of it may be used.
    pub accepted: bool,
    /// What it would do once accepted. Made before `config` was held to its folder, so that a person sees all they accept.
    would: Vec<PeerText>,
}

impl Fleet {
    /// The peer, if the file names it and may use it.
    ///
    /// # Errors
    /// `NotFound`, `Untrusted`, or `Config` for a mode that this version cannot start.
    pub(super) fn usable_peer(&self, name: &PeerName) -> Result<&config::PeerConfig, Failure> {
        let peer = self.config.peer(name).ok_or_else(|| {
            let known: Vec<&str> = self.config.peers.iter().map(|p| p.name.as_str()).collect();
            let remedy = if known.is_empty() {
                "Add one to fleet.toml, such as `[peers.echo]` with `mode = \"echo\"`.".to_owned()
            } else {
                format!("It takes one of: {}.", known.join(", "))
            };
            Failure::new(
                ErrorKind::NotFound,
                format!("{} names no peer {name}.", self.config.path.display()),
                remedy,
            )
        })?;
        trust::check_peer(&self.config, self.accepted, peer)?;
        if let PeerKind::Receiver(receiver) = &peer.kind {
            check_built(name, receiver.mode)?;
        }
        Ok(peer)
    }

    /// What it would run and whether it may.
    #[must_use]
    pub(super) fn trust_view(&self) -> TrustView {
        TrustView {
            config: self.config.path.display().to_string(),
            hash: self.config.hash.clone(),
            accepted: self.accepted,
            would: self.would.clone(),
        }
    }
}

/// How old a change must be before the times of a file tell it from a further one: some file systems count in seconds.
const SETTLED_S: i64 = 3;

/// What tells a file from a changed one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    file: (u64, u64),
    len: u64,
    changed: (i64, i64),
}

impl Seen {
    /// `None`: it cannot be told, or it changed only just now; then its content must be looked at.
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        // Nobody can set this time, unlike that of the last write.
        let changed = (meta.ctime(), meta.ctime_nsec());
        let settled = clock::now_ms() / 1000 - changed.0 >= SETTLED_S;
        settled.then(|| Self {
            file: (meta.dev(), meta.ino()),
            len: meta.len(),
            changed,
        })
    }
}

/// The newest valid version, for whoever needs it.
#[derive(Debug)]
pub(super) struct FleetCell {
    target: Target,
    accepted: trust::Accepted,
    /// The file as it was when its content was last found to be that of `current`.
    seen: Mutex<Option<Seen>>,
    current: watch::Sender<Arc<Fleet>>,
}

impl FleetCell {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// A [`Failure`] of kind `config`.
    pub(super) fn open(target: &Target) -> Result<Self, Failure> {
        let accepted = trust::Accepted::of(&target.state_dir);
        let fleet = judge(config::load(&target.config)?, &accepted);
        Ok(Self {
            target: target.clone(),
            accepted,
            seen: Mutex::default(),
            current: watch::Sender::new(Arc::new(fleet)),
        })
    }

    /// As it was last read.
    #[must_use]
    pub(super) fn current(&self) -> Arc<Fleet> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells of each new version.
    #[must_use]
    pub(super) fn changes(&self) -> watch::Receiver<Arc<Fleet>> {
        self.current.subscribe()
    }

    /// Reads the file again if it changed.
    ///
    /// # Errors
    /// A [`Failure`] of kind `config` when it is invalid now; the last valid version stays.
    pub(super) async fn refresh(&self) -> Result<Arc<Fleet>, Failure> {
        let path = self.target.config.clone();
        let seen = Seen::of(&path);
        if seen.is_some() && seen == self.seen() {
            return self.recorded();
        }
        let known = self.current().config.hash.clone();
        let read = move || -> Result<Option<FleetConfig>, Failure> {
            let text = config::read_text(&path)?;
            if config::hash_of(&text) == known {
                return Ok(None);
            }
            Ok(Some(config::parse(
                &path,
                &text,
                config::home().as_deref(),
            )?))
        };
        let changed = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| stopping())??;
        if let Some(config) = changed {
            self.publish(judge(config, &self.accepted));
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        self.recorded()
    }

    fn seen(&self) -> Option<Seen> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it stands. A command that wrote the file may have accepted it too, past this daemon.
    fn recorded(&self) -> Result<Arc<Fleet>, Failure> {
        let fleet = self.current();
        if !fleet.accepted && self.accepted.contains(&fleet.config.hash) {
            return self.accept(&fleet.config.hash);
        }
        Ok(fleet)
    }

    /// A person accepts the version with that hash.
    ///
    /// # Errors
    /// `State` when the file has changed since it was shown; else when the acceptance cannot be written down.
    pub(super) fn accept(&self, hash: &str) -> Result<Arc<Fleet>, Failure> {
        let fleet = self.current();
        if fleet.config.hash != hash {
            return Err(Failure::new(
                ErrorKind::State,
                format!(
                    "{} has changed since it was shown.",
                    fleet.config.path.display()
                ),
                "Look at it again with `fleet trust`.",
            ));
        }
        self.accepted.add(hash)?;
        // Read once more, because an unaccepted version was held to its own folder.
        let config = config::load(&self.target.config)?;
        self.publish(judge(config, &self.accepted));
        Ok(self.current())
    }

    fn publish(&self, fleet: Fleet) {
        self.current.send_if_modified(|current| {
            let changed = **current != fleet;
            if changed {
                *current = Arc::new(fleet);
            }
            changed
        });
    }
}

fn judge(config: FleetConfig, accepted: &trust::Accepted) -> Fleet {
    let accepted = !trust::needs_acceptance(&config, accepted.contains(&config.hash));
    Fleet {
        would: trust::would(&config),
        config: trust::effective(config, accepted),
        accepted,
    }
}

/// The daemon ends while something is under way.
pub(super) fn stopping() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon is stopping.",
        "Run the command again: it starts the daemon anew.",
    )
}
