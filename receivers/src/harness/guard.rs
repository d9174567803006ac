//! Whether a turn may begin on the settings as they stand.
//!
//! Owns: the verdict, asked before each turn for every caller, and remembered for a moment for those who only look.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::accepted::Accepted;
use super::change::{ChangeKind, differing};
use super::guarded::guarded;
use super::inventory::one_line;
use super::listing::{Entry, Listing};
use crate::config::{BY_HAND, ReceiverConfig};
use crate::folder;

/// For reading the settings: milliseconds as a rule. A turn does not begin on a disk that hangs, and `/health` answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// How old a verdict may be for who only looks, so that asking again and again costs no reading.
const FRESH: Duration = Duration::from_secs(1);
/// Paths that a sentence names.
const NAMED: usize = 3;

/// Whether a turn may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The settings are those that were accepted.
    Accepted,
    /// They are not.
    Refused {
        /// Why, as a sentence.
        detail: String,
        /// What a person does about it.
        remedy: String,
    },
}

/// A verdict, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Whether a turn may begin.
    pub(crate) verdict: Verdict,
    /// [`Listing::hash`] of the settings as they stood; empty where they could not be read or nothing is watched. An agent
    /// that was started on others must not serve a turn that begins on these.
    pub(crate) settings: String,
}

/// Watches the settings of one receiver's repo.
#[derive(Debug)]
pub(crate) struct Guard {
    dir: PathBuf,
    config: ReceiverConfig,
    /// One reading at a time, also when a disk hangs and its callers have given up.
    reading: Arc<Semaphore>,
    last: Mutex<Option<(Instant, Verdict)>>,
}

impl Guard {
    pub(crate) fn new(dir: &Path, config: &ReceiverConfig) -> Self {
        Self {
            dir: dir.to_owned(),
            config: config.clone(),
            reading: Arc::new(Semaphore::new(1)),
            last: Mutex::default(),
        }
    }

    /// The verdict on the settings as they stand now.
    pub(crate) async fn verdict(&self) -> Verdict {
        self.look().await.verdict
    }

    /// The same, with what it is about: asked before a turn.
    pub(crate) async fn look(&self) -> Looked {
        if guarded(self.config.mode).is_empty() {
            return Looked {
                verdict: Verdict::Accepted,
                settings: String::new(),
            };
        }
        let looked = tokio::time::timeout(PATIENCE, self.read()).await;
        let looked = looked.unwrap_or_else(|_| self.unreadable());
        let last = (Instant::now(), looked.verdict.clone());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        looked
    }

    /// A verdict that may be a moment old.
    pub(crate) async fn recent(&self) -> Verdict {
        match self.remembered() {
            Some(verdict) => verdict,
            None => self.verdict().await,
        }
    }

    fn remembered(&self) -> Option<Verdict> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        fresh.map(|(_, verdict)| verdict.clone())
    }

    async fn read(&self) -> Looked {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.reading).acquire_owned().await else {
            return self.unreadable();
        };
        let (dir, config) = (self.dir.clone(), self.config.clone());
        let read = tokio::task::spawn_blocking(move || {
            let _place = place;
            look(&dir, &config)
        });
        read.await.unwrap_or_else(|_| self.unreadable())
    }

    fn unreadable(&self) -> Looked {
        let verdict = Verdict::Refused {
            detail: format!(
                "The agent settings in {} could not be read within {} s.",
                self.config.repo.display(),
                PATIENCE.as_secs()
            ),
            remedy: "See that the disk of the repo answers; then send it again.".to_owned(),
        };
        Looked {
            verdict,
            settings: String::new(),
        }
    }
}

fn look(dir: &Path, config: &ReceiverConfig) -> Looked {
    let listing = Listing::read(&config.repo, config.mode);
    let verdict = match Accepted::read(dir) {
        Ok(accepted) => judge(config, &listing, accepted.as_ref()),
        Err(error) => Verdict::Refused {
            detail: format!("What was accepted of the agent settings cannot be read: {error}."),
            remedy: format!(
                "Remove {}, then: {}",
                folder::path(dir, super::ACCEPTED_FILE).display(),
                remedy(config)
            ),
        },
    };
    Looked {
        verdict,
        settings: listing.hash(),
    }
}

/// The verdict on a listing.
#[must_use]
pub fn judge(config: &ReceiverConfig, listing: &Listing, accepted: Option<&Accepted>) -> Verdict {
    let about = accepted.filter(|known| known.is_about(config.mode, &config.repo));
    let detail = match about {
        Some(known) if known.hash == listing.hash() => return Verdict::Accepted,
        // There is nothing to accept.
        None if listing.entries().is_empty() => return Verdict::Accepted,
        Some(known) => changed(&config.repo, known, listing),
        None => blind(&config.repo, listing),
    };
    let remedy = remedy(config);
    Verdict::Refused { detail, remedy }
}

fn changed(repo: &Path, known: &Accepted, listing: &Listing) -> String {
    let changes = differing(&known.entries, listing.entries());
    let named = changes.map(|(path, kind, _)| format!("{path} {}", word(&kind)));
    format!(
        "The agent settings in {} are not those that were accepted: {}.",
        repo.display(),
        some(named)
    )
}

fn blind(repo: &Path, listing: &Listing) -> String {
    let named: Vec<String> = listing
        .blind()
        .map(|(path, entry)| match entry {
            Entry::Link { to } => format!("{path} is a link to {to}"),
            Entry::Unwatched { what } => format!("{path}: {what}"),
            Entry::File { .. } => path.to_owned(),
        })
        .collect();
    let repo = repo.display();
    if named.is_empty() {
        return format!("Nobody has accepted the agent settings in {repo} yet.");
    }
    format!(
        "The agent settings in {repo} cannot be watched for changes: {}.",
        some(named.into_iter())
    )
}

fn word(kind: &ChangeKind) -> String {
    match kind {
        ChangeKind::New => "is new".to_owned(),
        ChangeKind::Changed => "was changed".to_owned(),
        ChangeKind::Removed => "was removed".to_owned(),
        ChangeKind::Link { to } => format!("is a link to {to}"),
        ChangeKind::Unwatched { what } => format!("is {what}"),
    }
}

/// Names of the repo's own, each on the line of its sentence.
fn some(named: impl Iterator<Item = String>) -> String {
    let mut named: Vec<String> = named.map(|named| one_line(&named).collect()).collect();
    let more = named.len().saturating_sub(NAMED);
    named.truncate(NAMED);
    match more {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// What a person does to accept a change.
fn remedy(config: &ReceiverConfig) -> String {
    if config.fleet == BY_HAND {
        "Look at them; then start it again with the same command and --trust.".to_owned()
    } else {
        format!("fleet trust {}", config.peer)
    }
}
