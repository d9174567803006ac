//! The end of a task, written down.
//!
//! Owns: that it is tried again while the disk refuses, and the ends that are ours and not the agent's. Does not own: when a
//! task ends, see the machine.

use std::time::Duration;

use fleet_a2a::ext::{EndReason, Usage};

use super::Driver;
use crate::registry::machine::End;
use crate::store::{StoreError, TaskState};

/// Tries to write an end. A full disk may have room again soon; if not, the next start ends the task as interrupted.
const END_TRIES: u32 = 6;
/// Wait after the first failed try; doubles each time, 6 s in all.
const END_RETRY: Duration = Duration::from_millis(200);

impl Driver {
    /// Writes the end. The first one that is committed wins.
    pub(super) async fn finish(&mut self, end: End) {
        let spent = self.machine.usage();
        self.finish_with(end, spent).await;
    }

    /// The end of a turn whose agent heard nothing: it costs nothing.
    pub(super) async fn finish_unbegun(&mut self, end: End) {
        self.finish_with(end, Usage::default()).await;
    }

    async fn finish_with(&mut self, end: End, spent: Usage) {
        let add = self.log.ending(&end, TaskState::Working, spent);
        let mut pause = END_RETRY;
        for _ in 0..END_TRIES {
            match self.log.commit(add.clone()).await {
                Ok(()) | Err(StoreError::Ended) => return,
                Err(error) => {
                    tracing::error!(task = %self.task, %error, "the end of a task could not be stored")
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

pub(super) fn untrusted(detail: &str, remedy: &str) -> End {
    End {
        state: TaskState::Failed,
        reason: Some(EndReason::Untrusted),
        detail: format!("{detail} What a person can do: {remedy}"),
        refused: Vec::new(),
        reply: None,
    }
}

pub(super) fn cannot_store(error: &StoreError) -> End {
    tracing::error!(%error, "a turn was stopped because its events could not be stored");
    End {
        state: TaskState::Failed,
        reason: Some(EndReason::AgentError),
        detail: format!(
            "The receiver could not store what the agent told ({error}); check its disk."
        ),
        refused: Vec::new(),
        reply: None,
    }
}
