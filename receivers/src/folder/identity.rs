//! `identity.json`: which process serves this folder, so that a pid is never mistaken for the process that once had it.
//!
//! Owns: the file, and reading what the system knows of a pid. Does not own: stopping anything.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{FolderError, IDENTITY_FILE, io_error, path, read_private, write_private};
use crate::Mode;

/// Who runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`); 0 where the system does not say.
    pub start_time: u64,
    /// Which boot that counts from.
    pub boot_id: String,
    /// Minted at each start; `/health` repeats it.
    pub instance: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The base of all its addresses, `http://<addr>`.
    pub url: String,
    /// The peer's name.
    pub peer: String,
    /// Which agent.
    pub mode: Mode,
    /// The repo.
    pub repo: PathBuf,
    /// The version of `fleet` that runs.
    pub version: String,
}

impl Identity {
    /// Replaces `DIR/identity.json`.
    ///
    /// # Errors
    /// [`FolderError`] when the system refuses.
    pub fn write(&self, dir: &Path) -> Result<(), FolderError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| FolderError::Invalid {
            path: path(dir, IDENTITY_FILE),
            detail: error.to_string(),
        })?;
        write_private(dir, IDENTITY_FILE, &text)
    }

    /// Reads `DIR/identity.json`; `None` where no receiver ever ran.
    ///
    /// # Errors
    /// [`FolderError`] when it is there and cannot be read or understood.
    pub fn read(dir: &Path) -> Result<Option<Self>, FolderError> {
        let text = match read_private(dir, IDENTITY_FILE) {
            Ok(text) => text,
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| FolderError::Invalid {
                path: path(dir, IDENTITY_FILE),
                detail: error.to_string(),
            })
    }

    /// Removes `DIR/identity.json`, as the last act of a receiver that ends in order.
    ///
    /// # Errors
    /// [`FolderError`] when the system refuses.
    pub fn forget(dir: &Path) -> Result<(), FolderError> {
        let path = path(dir, IDENTITY_FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &path, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the process that wrote this is still the one behind its pid. False also when it cannot be told.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.start_time != 0
            && boot_id() == self.boot_id
            && process_start_time(self.pid).is_ok_and(|start| start == self.start_time)
    }
}

/// When a process started, in clock ticks since boot; 0 where the system does not say (only Linux does).
///
/// # Errors
/// The system's, when there is no such process.
pub fn process_start_time(pid: u32) -> io::Result<u64> {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        start_time_of(&stat)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "stat has no field 22"))
    } else {
        Ok(0)
    }
}

/// Field 22. The second field is the command in parentheses and may hold spaces and parentheses itself.
fn start_time_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Names this boot of the machine; empty where the system does not say.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::start_time_of;

    #[test]
    fn the_command_may_hold_anything() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 1";
        assert_eq!(start_time_of(stat), Some(987_654));
        assert_eq!(start_time_of("42 (short) S 1"), None);
    }
}
