//! `DIR/accepted.json`: the settings that a person's word covers.
//!
//! Owns: the file and who may write it: whoever deploys, once for each repo, and a person who looked at a change. The
//! receiver itself only reads it, so that neither a restart nor an agent's turn accepts anything.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::guarded::guarded;
use super::listing::{Entry, Listing};
use crate::Mode;
use crate::config::ReceiverConfig;
use crate::folder::{FolderError, create, path, read_private, write_private};

/// The file in a receiver's folder.
pub const ACCEPTED_FILE: &str = "accepted.json";

/// Who accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptor {
    /// The first deploy on this repo.
    Deploy,
    /// A person who was shown the change.
    Person,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// For which agent.
    pub mode: Mode,
    /// In which repo.
    pub repo: PathBuf,
    /// [`Listing::hash`].
    pub hash: String,
    /// By whom.
    pub by: Acceptor,
    /// What stood there, so that a change can be named.
    pub entries: BTreeMap<String, Entry>,
}

impl Accepted {
    /// The acceptance of a listing.
    #[must_use]
    pub fn of(config: &ReceiverConfig, listing: &Listing, by: Acceptor) -> Self {
        Self {
            mode: config.mode,
            repo: config.repo.clone(),
            hash: listing.hash(),
            by,
            entries: listing.entries().clone(),
        }
    }

    /// Whether it speaks of that mode and repo.
    #[must_use]
    pub fn is_about(&self, mode: Mode, repo: &Path) -> bool {
        self.mode == mode && self.repo == repo
    }

    /// Replaces the file: whole or not at all. Makes the folder of a peer that was never deployed.
    ///
    /// # Errors
    /// [`FolderError`] when the system refuses.
    pub fn write(&self, dir: &Path) -> Result<(), FolderError> {
        create(dir)?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| invalid(dir, &error))?;
        write_private(dir, ACCEPTED_FILE, &text)
    }

    /// Reads the file; `None` where nothing was accepted yet.
    ///
    /// # Errors
    /// [`FolderError`] when it is there and cannot be read or understood: then nothing counts as accepted.
    pub fn read(dir: &Path) -> Result<Option<Self>, FolderError> {
        let text = match read_private(dir, ACCEPTED_FILE) {
            Ok(text) => text,
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| invalid(dir, &error))
    }
}

fn invalid(dir: &Path, error: &serde_json::Error) -> FolderError {
    FolderError::Invalid {
        path: path(dir, ACCEPTED_FILE),
        detail: error.to_string(),
    }
}

/// The first deploy on a repo accepts what stands there, because a person wanted an agent on it. Later deploys accept
/// nothing, and what cannot be watched always takes a person's word.
///
/// # Errors
/// [`FolderError`] when the acceptance cannot be written.
pub fn accept_first(dir: &Path, config: &ReceiverConfig) -> Result<(), FolderError> {
    if guarded(config.mode).is_empty() {
        return Ok(());
    }
    match Accepted::read(dir) {
        Ok(Some(known)) if known.is_about(config.mode, &config.repo) => return Ok(()),
        Ok(_) => {}
        // A damaged acceptance is none, and only a person replaces it.
        Err(FolderError::Invalid { .. } | FolderError::TooOpen { .. }) => return Ok(()),
        Err(error @ FolderError::Io { .. }) => return Err(error),
    }
    let listing = Listing::read(&config.repo, config.mode);
    if listing.blind().next().is_some() {
        return Ok(());
    }
    Accepted::of(config, &listing, Acceptor::Deploy).write(dir)
}
