//! The control socket.
//!
//! Owns: binding it, who may connect, how many. Does not own: what is said on a connection.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connection;
use super::core::Core;
use super::lock::Lock;
use crate::control::{SocketPath, Target};
use crate::domain::{ErrorKind, Failure};

/// Connections at a time: hundreds of waiting commands with two each; further ones wait in the system's queue.
const CONNECTIONS: usize = 512;

/// The bound socket; dropped, it is gone from the file system.
#[derive(Debug)]
pub(super) struct ControlSocket {
    listener: UnixListener,
    place: SocketPath,
}

impl ControlSocket {
    /// Binds the fleet's socket, mode 0600 in a folder of mode 0700. What stands in its place is left from a daemon that
    /// died, because only the holder of the lock gets here.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when the place is not ours or cannot be bound.
    pub(super) fn bind(_lock: &Lock, target: &Target) -> Result<Self, Failure> {
        let place = SocketPath::choose(&target.state_dir);
        place.prepare()?;
        let fail = |error: std::io::Error| {
            Failure::new(
                ErrorKind::Daemon,
                format!(
                    "The control socket {} cannot be bound: {error}.",
                    place.path.display()
                ),
                "Name another state folder with `--state-dir PATH`.",
            )
        };
        match std::fs::remove_file(&place.path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error)),
        }
        let listener = UnixListener::bind(&place.path).map_err(fail)?;
        std::fs::set_permissions(&place.path, std::fs::Permissions::from_mode(0o600))
            .map_err(fail)?;
        Ok(Self { listener, place })
    }

    /// Serves connections until the daemon stops, then lets each finish what it is writing.
    pub(super) async fn serve(&self, core: &Arc<Core>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                () = core.stop.cancelled() => break,
                accepted = self.accept(&places) => accepted,
            };
            if let Some((stream, place)) = accepted {
                let core = Arc::clone(core);
                connections.spawn(async move {
                    connection::serve(stream, &core).await;
                    drop(place);
                });
            }
        }
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(connection::FLUSH, all).await;
    }

    async fn accept(
        &self,
        places: &Arc<Semaphore>,
    ) -> Option<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, _)) if is_ours(&stream) => Some((stream, place)),
            Ok(_) => {
                tracing::warn!("a connection of another user was refused");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file descriptors: it gets better only when others close.
                tokio::time::sleep(connection::FLUSH).await;
                None
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.place.path);
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|caller| caller.uid() == rustix::process::getuid().as_raw())
}
