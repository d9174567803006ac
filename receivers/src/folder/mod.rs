//! The folder of one receiver: what stands in it, who may read it, and how it is written.
//!
//! Owns: the names, the modes (0700 and 0600), atomic writes that follow no links. Does not own: what the files mean to
//! the daemon, nor the database (see `store`).

mod env;
mod health;
mod identity;
mod lock;
pub(crate) mod scratch;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fleet_a2a::client::Secret;

pub use env::{read_env, write_env};
pub use health::{Health, ReadinessWord};
pub use identity::{Identity, boot_id, process_start_time};
pub(crate) use lock::lock;
pub use lock::{is_served, is_server};

use crate::config::ReceiverConfig;
use crate::harness::accept_first;

/// The configuration, [`ReceiverConfig`] as TOML.
pub const CONFIG_FILE: &str = "receiver.toml";
/// The bearer token.
pub const TOKEN_FILE: &str = "token";
/// Who runs here: [`Identity`] as JSON, written once the port is bound.
pub const IDENTITY_FILE: &str = "identity.json";
/// The tasks and their events.
pub const DATABASE_FILE: &str = "tasks.db";
/// Where whoever starts the receiver sends its log.
pub const LOG_FILE: &str = "log";
/// Held with flock for as long as the receiver lives.
pub const LOCK_FILE: &str = "lock";
/// The environment that the agents get, kept for restarts.
pub const ENV_FILE: &str = "env";

/// Largest file of ours that is read whole; `receiver.toml` and `identity.json` are a few hundred bytes, `env` is
/// bounded by what the system lets a process carry.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Bits that nobody but the owner may have.
const FOREIGN_BITS: u32 = 0o077;

/// What can be wrong with a receiver's folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A secret that others can read is none.
    #[error("{} can be read by others (mode {mode:o}); run: chmod 600 {}", path.display(), path.display())]
    TooOpen {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what it should be.
    #[error("{} is not valid: {detail}; deploy the peer again", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What was wrong with it.
        detail: String,
    },
}

/// `DIR/<name>`.
#[must_use]
pub fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

/// Writes the folder: creates it with mode 0700 and replaces `receiver.toml` and `token` one by one, each atomically. The first
/// time on a repo, the agent settings that stand there are accepted.
///
/// # Errors
/// [`FolderError`] when the system refuses, or the configuration cannot be written as TOML.
pub fn write(dir: &Path, config: &ReceiverConfig, token: &Secret) -> Result<(), FolderError> {
    create(dir)?;
    let text = toml::to_string(config).map_err(|error| FolderError::Invalid {
        path: path(dir, CONFIG_FILE),
        detail: error.to_string(),
    })?;
    accept_first(dir, config)?;
    write_private(dir, TOKEN_FILE, token.expose().as_bytes())?;
    write_private(dir, CONFIG_FILE, text.as_bytes())
}

/// Replaces the token, whole or not at all, also over a power cut. Only for a folder that nobody serves: whoever does has
/// read the one before.
///
/// # Errors
/// [`FolderError`] when the system refuses.
pub fn write_token(dir: &Path, token: &Secret) -> Result<(), FolderError> {
    write_private(dir, TOKEN_FILE, token.expose().as_bytes())
}

/// Reads `receiver.toml` and the token.
///
/// # Errors
/// [`FolderError`] when a file is missing, is a link, is not valid, or the token can be read by others.
pub fn load(dir: &Path) -> Result<(ReceiverConfig, Secret), FolderError> {
    let text = read_private(dir, CONFIG_FILE)?;
    let config: ReceiverConfig = toml::from_str(&text).map_err(|error| FolderError::Invalid {
        path: path(dir, CONFIG_FILE),
        detail: error.message().to_owned(),
    })?;
    if !config.repo.is_absolute() {
        return Err(FolderError::Invalid {
            path: path(dir, CONFIG_FILE),
            detail: format!(
                "repo is {}; it takes an absolute path",
                config.repo.display()
            ),
        });
    }
    let token = Secret::new(&read_private(dir, TOKEN_FILE)?);
    if token.expose().is_empty() {
        return Err(FolderError::Invalid {
            path: path(dir, TOKEN_FILE),
            detail: "the token is empty".to_owned(),
        });
    }
    Ok((config, token))
}

/// Creates the folder, or closes an existing one to others.
pub(crate) fn create(dir: &Path) -> Result<(), FolderError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| io_error("create", dir, source))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .map_err(|source| io_error("set the mode of", dir, source))
}

/// Replaces `DIR/<name>` by a file of mode 0600: whole or not at all, also after a power cut.
pub(crate) fn write_private(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
    let to = path(dir, name);
    let temporary = path(
        dir,
        &format!(".{name}.{}.tmp", uuid::Uuid::new_v4().simple()),
    );
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &to)?;
        File::open(dir)?.sync_all()
    })();
    written.map_err(|source| {
        // Best effort: the name is unique, so a left-over disturbs nobody.
        let _ = fs::remove_file(&temporary);
        io_error("write", &to, source)
    })
}

/// Reads `DIR/<name>`, which must be a plain file that only the owner can read.
pub(crate) fn read_private(dir: &Path, name: &str) -> Result<String, FolderError> {
    let from = path(dir, name);
    let read = || -> io::Result<(String, u32)> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(no_follow())
            .open(&from)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is no plain file of at most {MAX_FILE_BYTES} bytes"),
            ));
        }
        let mut text = String::new();
        file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
        Ok((text, meta.mode()))
    };
    let (text, mode) = read().map_err(|source| io_error("read", &from, source))?;
    if mode & FOREIGN_BITS != 0 {
        return Err(FolderError::TooOpen {
            path: from,
            mode: mode & 0o777,
        });
    }
    Ok(text)
}

/// Opening never follows a link in the last component and never waits at a pipe.
pub(crate) fn no_follow() -> i32 {
    use rustix::fs::OFlags;
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits()).unwrap_or(0)
}

pub(crate) fn io_error(doing: &'static str, path: &Path, source: io::Error) -> FolderError {
    FolderError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
