//! The lock that makes a daemon the only one of its fleet.
//!
//! Owns: the flock on `<state>/lock`, held for the life of the process. Does not own: what its holder may do.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags};

use crate::domain::{ErrorKind, Failure};

const LOCK: &str = "lock";

/// Proof that this process is the fleet's daemon. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` when another process holds it.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when the file cannot be made.
    pub(super) fn take(state_dir: &Path) -> Result<Option<Self>, Failure> {
        let path = state_dir.join(LOCK);
        let fail = |error: std::io::Error| {
            Failure::new(
                ErrorKind::Daemon,
                format!("The lock {} cannot be taken: {error}.", path.display()),
                "See that the state folder is yours and can be written to.",
            )
        };
        let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(&path)
            .map_err(fail)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(fail(error.into())),
        }
        // For a person who looks; nothing reads it.
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(fail)?;
        Ok(Some(Self { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn one_of_many_gets_it_and_the_next_only_after_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(16);
        let held: Vec<Option<Lock>> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        Lock::take(dir.path()).unwrap()
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        assert_eq!(held.iter().flatten().count(), 1);
        drop(held);
        assert!(Lock::take(dir.path()).unwrap().is_some());
    }
}
