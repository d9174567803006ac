//! Making room for a newer build.
//!
//! Owns: `<state>/handover`, the word of a daemon that ends for a newer one: for a while no older build serves the fleet, so
//! that the commands which the older daemon leaves behind do not start another of their own. Does not own: ending.

use std::path::Path;
use std::time::Duration;

use fleet_a2a::clock;
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::config::file::put_private;
use crate::control::Build;
use crate::domain::{ErrorKind, Failure};

/// How long the newer build has the right of way: it starts within 5 s, else its client has given up. One that never comes
/// must not keep the older from serving.
const RIGHT_OF_WAY: Duration = Duration::from_secs(10);
/// How long the newer daemon waits for the lock: the older one ends within a second, a loaded machine included.
const WAIT: Duration = Duration::from_secs(3);
/// Between two tries meanwhile.
const POLL: Duration = Duration::from_millis(5);
const FILE: &str = "handover";

/// The word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handover {
    to: Build,
    at_ms: i64,
}

/// What a daemon that starts has to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nothing was said, or long ago.
    Free,
    /// The fleet is handed to this build, or one as new.
    Ours,
    /// It is handed to a newer one.
    Theirs,
}

/// Writes down that the fleet is handed over.
///
/// # Errors
/// A [`Failure`] of kind `daemon` when it cannot be written.
pub(super) fn announce(state_dir: &Path, to: &Build) -> Result<(), Failure> {
    tracing::info!(to = %to.version, "the fleet is handed over to a newer build");
    let word = Handover {
        to: to.clone(),
        at_ms: clock::now_ms(),
    };
    let written = serde_json::to_string(&word)
        .map_err(std::io::Error::from)
        .and_then(|text| put_private(&state_dir.join(FILE), &text));
    written.map_err(|error| {
        Failure::new(
            ErrorKind::Daemon,
            format!(
                "The handover cannot be written to {}: {error}.",
                state_dir.display()
            ),
            "Run `fleet daemon stop`, then the command again; receivers and their turns go on.",
        )
    })
}

/// Takes the lock, in the order of the builds; `None` when another daemon has it, or is to have it.
///
/// # Errors
/// As [`Lock::take`].
pub(super) async fn take_lock(state_dir: &Path) -> Result<Option<Lock>, Failure> {
    let give_up = tokio::time::Instant::now() + WAIT;
    loop {
        let before = way(state_dir);
        if before == Way::Theirs {
            tracing::info!("a newer build is to serve this fleet");
            return Ok(None);
        }
        if let Some(lock) = Lock::take(state_dir)? {
            // Whoever held it may have handed over just before it let go.
            return Ok((way(state_dir) != Way::Theirs).then_some(lock));
        }
        if before == Way::Free || tokio::time::Instant::now() >= give_up {
            return Ok(None);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The newer daemon serves; who comes later finds it or its lock.
pub(super) fn done(state_dir: &Path) {
    let _ = std::fs::remove_file(state_dir.join(FILE));
}

fn way(state_dir: &Path) -> Way {
    let word = std::fs::read(state_dir.join(FILE))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Handover>(&bytes).ok());
    word.map_or(Way::Free, |word| word.way(&Build::own(), clock::now_ms()))
}

impl Handover {
    fn way(&self, own: &Build, now_ms: i64) -> Way {
        // A clock that was set back must not make it last.
        let age = u64::try_from(now_ms - self.at_ms).map(Duration::from_millis);
        if !age.is_ok_and(|age| age <= RIGHT_OF_WAY) {
            Way::Free
        } else if own.is_older_than(&self.to) {
            Way::Theirs
        } else {
            Way::Ours
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: &str) -> Build {
        Build {
            version: version.to_owned(),
            ..Build::own()
        }
    }

    #[test]
    fn the_newer_build_goes_first_for_a_while() {
        let word = Handover {
            to: build("0.2.0"),
            at_ms: 100_000,
        };
        let way = |version: &str, now_ms| word.way(&build(version), now_ms);
        assert_eq!(way("0.1.0", 100_000), Way::Theirs);
        assert_eq!(way("0.1.0", 110_000), Way::Theirs);
        assert_eq!(way("0.1.0", 110_001), Way::Free);
        assert_eq!(way("0.1.0", 99_999), Way::Free, "the clock was set back");
        assert_eq!(way("0.2.0", 100_000), Way::Ours);
        assert_eq!(way("0.3.0", 100_000), Way::Ours);
    }

    #[tokio::test]
    async fn the_build_that_is_waited_for_waits_for_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path()).unwrap().unwrap();
        assert!(take_lock(dir.path()).await.unwrap().is_none(), "held");

        announce(dir.path(), &Build::own()).unwrap();
        let (taken, ()) = tokio::join!(take_lock(dir.path()), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(held);
        });
        let taken = taken.unwrap();
        assert!(taken.is_some(), "it waited");
        drop(taken);

        announce(dir.path(), &build("999.0.0")).unwrap();
        assert!(take_lock(dir.path()).await.unwrap().is_none(), "not ours");
        done(dir.path());
        assert!(take_lock(dir.path()).await.unwrap().is_some());
    }
}
