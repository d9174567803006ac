//! `DIR/env`: the environment that the agents of a receiver get, as the deploying client had it.
//!
//! Owns: the form of the file, `NAME=value` entries ended by NUL, as the kernel keeps them, so that any value survives.
//! Does not own: which names an agent may see (see `child`).

use std::path::Path;

use super::{ENV_FILE, FolderError, io_error, path, read_private, write_private};

/// Replaces `DIR/env` (0600).
///
/// # Errors
/// [`FolderError`] when a name or value cannot stand in an environment, or the system refuses.
pub fn write_env(dir: &Path, env: &[(String, String)]) -> Result<(), FolderError> {
    let mut bytes = Vec::new();
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(FolderError::Invalid {
                path: path(dir, ENV_FILE),
                detail: format!("{name:?} cannot stand in an environment"),
            });
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    write_private(dir, ENV_FILE, &bytes)
}

/// Reads `DIR/env`; `None` where none was ever written.
///
/// # Errors
/// [`FolderError`] when it is there and cannot be read, or others can read it.
pub fn read_env(dir: &Path) -> Result<Option<Vec<(String, String)>>, FolderError> {
    match path(dir, ENV_FILE).symlink_metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", &path(dir, ENV_FILE), error)),
    }
    let text = read_private(dir, ENV_FILE)?;
    let entries = text
        .split('\0')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Some(entries.collect()))
}
