//! Where the control socket stands.
//!
//! Owns: the path, which client and daemon must find alike, and the check that its folder is ours alone. Does not own: binding.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::{hex, sha256};
use crate::domain::{ErrorKind, Failure};

/// Longest path of a socket: `sun_path` holds 104 bytes on the smallest platform; a few are left in reserve.
const MAX_SOCKET_PATH_BYTES: usize = 100;
const SOCKET: &str = "control.sock";
/// Its folder in the state folder: one of its own, because the state folder may be one that a person made.
const FOLDER: &str = "run";
/// Says where the socket stands when it could not stand in the state folder.
const POINTER: &str = "socket";

/// The path of a fleet's control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketPath {
    /// The socket.
    pub path: PathBuf,
    /// The file in the state folder that names it, where it had to move.
    pointer: Option<PathBuf>,
}

impl SocketPath {
    /// Where a client looks: what the daemon wrote down, else where it would bind.
    #[must_use]
    pub fn find(state_dir: &Path) -> Self {
        let place = Self::choose(state_dir);
        let written = place
            .pointer
            .as_ref()
            .and_then(|pointer| std::fs::read(pointer).ok())
            .map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)));
        match written {
            Some(path) if path.is_absolute() => Self { path, ..place },
            Some(_) | None => place,
        }
    }

    /// Where the daemon binds: in the state folder, or in a runtime folder when that path is too long.
    #[must_use]
    pub fn choose(state_dir: &Path) -> Self {
        let near = state_dir.join(FOLDER).join(SOCKET);
        if near.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
            return Self {
                path: near,
                pointer: None,
            };
        }
        let uid = rustix::process::getuid().as_raw();
        let digest = sha256(state_dir.as_os_str().as_bytes());
        let folder = format!("fleet-{uid}-{}", hex(&digest[..8]));
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute() && dir.as_os_str().len() < 40 && dir.is_dir())
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        Self {
            path: runtime.join(folder).join(SOCKET),
            pointer: Some(state_dir.join(POINTER)),
        }
    }

    /// Makes the socket's folder, proves that it is ours alone, and writes down where a moved socket stands.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when the folder is not a real folder of this user with mode 0700.
    pub fn prepare(&self) -> Result<(), Failure> {
        let folder = self.folder();
        let made = std::fs::DirBuilder::new().mode(0o700).create(folder);
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(folder, &error.to_string())),
        }
        self.prove()?;
        if let Some(pointer) = &self.pointer {
            std::fs::write(pointer, self.path.as_os_str().as_bytes())
                .map_err(|error| unusable(pointer, &error.to_string()))?;
        }
        Ok(())
    }

    /// Proves that the socket's folder is a real folder of this user that nobody else can enter.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` that says what is wrong with it.
    pub fn prove(&self) -> Result<(), Failure> {
        let folder = self.folder();
        let meta = std::fs::symlink_metadata(folder)
            .map_err(|error| unusable(folder, &error.to_string()))?;
        if !meta.is_dir() {
            return Err(unusable(folder, "it is no folder"));
        }
        if meta.uid() != rustix::process::getuid().as_raw() {
            return Err(unusable(folder, "it belongs to another user"));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(unusable(
                folder,
                &format!("others can enter it (mode {:03o})", meta.mode() & 0o777),
            ));
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        format!("{} cannot hold the control socket: {why}.", path.display()),
        "Make it a folder of yours with mode 0700, or name another with `--state-dir PATH`.",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_long_path_moves_and_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let short = SocketPath::choose(dir.path());
        assert!(short.path.starts_with(dir.path()));

        let deep = dir.path().join("x".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let moved = SocketPath::choose(&deep);
        assert!(!moved.path.starts_with(dir.path()));
        assert!(moved.path.as_os_str().len() <= MAX_SOCKET_PATH_BYTES);
        moved.prepare().unwrap();
        assert_eq!(SocketPath::find(&deep), moved);
        std::fs::remove_dir(moved.folder()).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let place = SocketPath::choose(dir.path());
        place.prepare().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.folder(), open).unwrap();
        let refused = place.prepare().unwrap_err();
        assert!(refused.message.contains("mode 755"), "{refused}");

        std::fs::remove_dir(place.folder()).unwrap();
        std::os::unix::fs::symlink(dir.path(), place.folder()).unwrap();
        assert!(place.prove().is_err());
    }
}
