//! Dispatch: takes a contract, stores it, sends it exactly once, and follows it to its end.
//!
//! Owns: [`Dispatcher`], its handle, and one task for each open dispatch. Does not own: finding peers (supervision),
//! the wire (`fleet_a2a`), the socket.

mod answered;
mod attach;
mod budgets;
mod calls;
mod deliver;
mod drive;
mod finish;
mod follow;
mod guard;
mod handle;
mod lines;
mod live;
mod locate;
mod machine;
mod outcome;
mod permission;
mod request;
mod turn;
mod view;

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::Client;
use fleet_a2a::clock;

pub use handle::DispatchHandle;

use self::drive::Drive;
use self::live::Inner;
use crate::control::SNAPSHOT_DISPATCHES;
use crate::daemon::peers::Peers;
use crate::daemon::store::Store;
use crate::domain::{ErrorKind, Failure};

/// How long a closing dispatcher waits for its tasks to be dropped; they only drop streams.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What dispatch works with.
pub struct DispatchDeps {
    /// Where promises are kept.
    pub store: Store,
    /// Finds peers that can take work.
    pub peers: Arc<dyn Peers>,
}

impl std::fmt::Debug for DispatchDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatchDeps").finish_non_exhaustive()
    }
}

/// Owns the tasks that follow open dispatches. Dropped, it drops their streams and cancels nothing: the work goes on at
/// the receivers, and the next [`Dispatcher::open`] goes on from there.
#[derive(Debug)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

impl Dispatcher {
    /// Takes up every dispatch that the store holds as open.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot be read or TLS cannot be set up.
    pub async fn open(deps: DispatchDeps) -> Result<Self, Failure> {
        let client = Client::new().map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                error.to_string(),
                "Look at: fleet logs",
            )
        })?;
        let inner = Arc::new(Inner::new(deps.store, deps.peers, client));
        let now_ms = clock::now_ms();
        let newest = u32::try_from(SNAPSHOT_DISPATCHES).unwrap_or(u32::MAX);
        for row in inner.store.newest_dispatches(None, newest).await? {
            if row.state.is_final() {
                inner.remember(view::of_row(&row, now_ms));
            }
        }
        for row in inner.store.open_dispatches().await? {
            let wake = inner.opened(row.clone());
            let drive = Drive::new(Arc::clone(&inner), &row, Vec::new(), wake);
            inner.spawn(drive.run());
        }
        Ok(Self { inner })
    }

    /// The way to talk to it.
    #[must_use]
    pub fn handle(&self) -> DispatchHandle {
        DispatchHandle::new(Arc::clone(&self.inner))
    }

    /// Drops every stream without canceling anything, within 1 s.
    pub async fn shutdown(self) {
        if let Some(mut tasks) = self.inner.close() {
            tasks.abort_all();
            let all = async { while tasks.join_next().await.is_some() {} };
            if tokio::time::timeout(CLOSE_TIMEOUT, all).await.is_err() {
                tracing::warn!("some dispatches were still being dropped at the end");
            }
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        // The tasks hold what holds them; only taking them away ends them.
        drop(self.inner.close());
    }
}

#[cfg(test)]
mod tests;
