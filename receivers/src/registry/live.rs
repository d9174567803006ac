//! The turns that are under way: how far each has got, and the way to talk to it.
//!
//! Owns: the map from task to its turn. Does not own: the turns themselves (the work loop joins them).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_a2a::TaskId;
use tokio::sync::{mpsc, oneshot, watch};

use super::answer::Answer;
use super::refused::Refused;
use crate::store::{EventRow, StoredMessage, TaskRow, TaskState};

/// Orders a turn may have waiting: answers and cancels of impatient people.
pub(crate) const CONTROL_QUEUE: usize = 16;

/// How far a task has got: what is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its latest event.
    pub(crate) seq: i64,
    /// Its state.
    pub(crate) state: TaskState,
    /// The events of the last commit, so that those who follow closely need not read them back; at most one batch and a
    /// reply.
    pub(crate) newest: Arc<Vec<EventRow>>,
}

impl Progress {
    /// As a row says it.
    pub(crate) fn of(row: &TaskRow) -> Self {
        Self {
            seq: row.last_seq,
            state: row.state,
            newest: Arc::default(),
        }
    }
}

/// What others want of a turn.
#[derive(Debug)]
pub(crate) enum Control {
    /// Stop it.
    Cancel,
    /// A message on a task that waits for an answer.
    Answer {
        /// As it is kept.
        message: StoredMessage,
        /// As it was read.
        answer: Box<Answer>,
        /// Told once it is committed, or why not.
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

/// A turn under way.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// Follows its progress; closed when it is over.
    pub(crate) progress: watch::Receiver<Progress>,
    /// Reaches it.
    pub(crate) control: mpsc::Sender<Control>,
}

/// All turns under way. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveMap(Arc<Mutex<HashMap<TaskId, Live>>>);

impl LiveMap {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Live>> {
        // Nothing panics while it holds the lock, and a map is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, task: TaskId, live: Live) {
        self.lock().insert(task, live);
    }

    pub(crate) fn remove(&self, task: &TaskId) {
        self.lock().remove(task);
    }

    pub(crate) fn get(&self, task: &TaskId) -> Option<Live> {
        self.lock().get(task).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
