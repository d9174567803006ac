//! Moments that a turn waits for.
//!
//! Owns: waiting for a moment that may not be set.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A moment that may not be set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// None.
    Off,
    /// Then.
    At(Instant),
}

impl Timer {
    /// Waits for the moment; for ever when there is none.
    pub(super) async fn wait(self) {
        match self {
            Self::Off => std::future::pending().await,
            Self::At(at) => sleep_until(at).await,
        }
    }

    /// The moment after `time` from now.
    pub(super) fn after(time: Duration) -> Self {
        Self::At(Instant::now() + time)
    }
}
