//! The temporary files of an agent CLI itself.
//!
//! Owns: a folder that begins empty with each start of the receiver and is gone after it. A CLI forgets files in the
//! common temporary folder, where nobody would ever look for them. What the agent's tools write is not here: their
//! `TMPDIR` is the person's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{FolderError, create, io_error, path};

/// Holds the temporary files of the CLI.
const SCRATCH: &str = "scratch";

/// Where the folder is, whether it is there or not.
///
/// # Errors
/// [`FolderError`] when the working directory is gone.
pub(crate) fn of(dir: &Path) -> Result<PathBuf, FolderError> {
    let scratch = path(dir, SCRATCH);
    std::path::absolute(&scratch).map_err(|source| io_error("find", &scratch, source))
}

/// Makes the folder, without what a receiver left in it that was killed.
///
/// # Errors
/// [`FolderError`] when the system refuses.
pub(crate) fn begin(dir: &Path) -> Result<(), FolderError> {
    // An orphan of that receiver, not swept yet, may still write; then the end removes it.
    if let Err(error) = end(dir) {
        tracing::warn!(%error, "temporary files of an agent are left for now");
    }
    create(&path(dir, SCRATCH))
}

/// Removes the folder with all that is in it, following no link.
///
/// # Errors
/// [`FolderError`] when the system refuses.
pub(crate) fn end(dir: &Path) -> Result<(), FolderError> {
    let scratch = path(dir, SCRATCH);
    match fs::remove_dir_all(&scratch) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("remove", &scratch, source)),
    }
}
