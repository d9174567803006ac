//! The lock on a receiver's folder: held for as long as a receiver serves it, and let go by the kernel however that ends.
//!
//! Owns: taking it, and asking whether somebody holds it. Does not own: what its holder does.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{FolderError, LOCK_FILE, io_error, no_follow, path};

/// Takes the lock; `None` when another process holds it.
///
/// # Errors
/// [`FolderError`] when the file cannot be made.
pub(crate) fn lock(dir: &Path) -> Result<Option<File>, FolderError> {
    let path = path(dir, LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(&path)
        .map_err(|source| io_error("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path, source)),
    }
}

/// Whether this process has the folder's lock open: only who serves the folder keeps it so. Whatever its other marks say, a
/// process that has not is a stranger. False also when it cannot be told (only Linux says).
#[must_use]
pub fn is_server(dir: &Path, pid: u32) -> bool {
    let id = |meta: Metadata| (meta.dev(), meta.ino());
    let Ok(lock) = std::fs::symlink_metadata(path(dir, LOCK_FILE)).map(id) else {
        return false;
    };
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten()
        .any(|entry| std::fs::metadata(entry.path()).is_ok_and(|meta| id(meta) == lock))
}

/// Whether a process serves this folder, also one that has not said yet who it is. The question takes the lock for an instant
/// where nobody holds it; a receiver that starts just then tries again.
#[must_use]
pub fn is_served(dir: &Path) -> bool {
    path(dir, LOCK_FILE).exists() && matches!(lock(dir), Ok(None))
}
