//! Dispatch: takes a contract, stores it, sends it exactly once, and follows it to its end.
//!
//! Owns: [`Dispatcher`], its handle, and one task for each open dispatch. Does not own: finding peers (supervision),
//! the wire (`fleet_a2a`), the socket.

mod guard;
mod handle;

use std::sync::Arc;

pub use handle::DispatchHandle;

use crate::daemon::peers::Peers;
use crate::daemon::store::Store;
use crate::domain::Failure;

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
    handle: DispatchHandle,
}

impl Dispatcher {
    /// Takes up every dispatch that the store holds as open.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot be read.
    pub async fn open(deps: DispatchDeps) -> Result<Self, Failure> {
        Ok(Self {
            handle: DispatchHandle::new(deps),
        })
    }

    /// The way to talk to it.
    #[must_use]
    pub fn handle(&self) -> DispatchHandle {
        self.handle.clone()
    }

    /// Drops every stream without canceling anything, within 1 s.
    pub async fn shutdown(self) {}
}
