//! The processes that wait for the next turn of their context.
//!
//! Owns: how many processes there may be, which waits for whom, how long, and the tasks in which they wait and end. Does not own:
//! a process that a turn runs on (the turn has it, and gives it back or ends it).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleet_a2a::ContextId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::process::{HURRIED_GRACE, LEAVE_GRACE, Overheard, Process};

/// All processes of a receiver.
#[derive(Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    idle_for: Duration,
    /// Cancelled: whatever ends, ends at once.
    hurry: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: bool,
    /// The longest unused first.
    waiting: VecDeque<Waiting>,
    /// Those on their way out, by context.
    leaving: Vec<(ContextId, CancellationToken)>,
    tasks: JoinSet<()>,
}

/// A process that waits. Dropped, it is asked to leave.
#[derive(Debug)]
struct Waiting {
    context: ContextId,
    wanted: oneshot::Sender<oneshot::Sender<Process>>,
    /// Cancelled when its task is over.
    gone: CancellationToken,
}

impl Pool {
    /// At most so many processes, each waiting at most so long for its next turn.
    pub(super) fn new(places: usize, idle_for: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            idle_for,
            hurry: CancellationToken::new(),
            state: Mutex::new(State {
                open: !idle_for.is_zero(),
                waiting: VecDeque::new(),
                leaving: Vec::new(),
                tasks: JoinSet::new(),
            }),
        }
    }

    /// Ends at once what ends while the receiver stops.
    pub(super) fn hurry(&self) -> &CancellationToken {
        &self.hurry
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process of a context, if one waits and lives. Without one, none is left that could still write in the context's
    /// session when this returns.
    pub(super) async fn take(&self, context: &ContextId) -> Option<Process> {
        let (found, leaving) = self.lock().find(context);
        if let Some(waiting) = found {
            let (reply, given) = oneshot::channel();
            if waiting.wanted.send(reply).is_ok()
                && let Ok(process) = given.await
            {
                return Some(process);
            }
            waiting.gone.cancelled().await;
        }
        for gone in leaving {
            gone.cancelled().await;
        }
        None
    }

    /// A place for a new process. When all are taken, the process that was unused longest makes room.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.lock().evict();
        // Never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Lets a process wait for the next turn of its context; it comes back when none is kept.
    pub(super) fn put(&self, context: &ContextId, process: Process) -> Result<(), Box<Process>> {
        let mut state = self.lock();
        if !state.open {
            return Err(Box::new(process));
        }
        state.tidy();
        let (wanted, asked) = oneshot::channel();
        let gone = CancellationToken::new();
        let idle = Idle {
            process,
            asked,
            until: Instant::now() + self.idle_for,
            hurry: self.hurry.clone(),
            _gone: gone.clone().drop_guard(),
        };
        state.tasks.spawn(idle.wait());
        state.waiting.push_back(Waiting {
            context: context.clone(),
            wanted,
            gone,
        });
        Ok(())
    }

    /// Does something beside, before the pool is closed for good.
    pub(super) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        state.tidy();
        state.tasks.spawn(work);
    }

    /// Ends those that wait, and keeps none from now on. Done when they are gone.
    pub(super) async fn close(&self) {
        let mut tasks = {
            let mut state = self.lock();
            state.open = false;
            state.waiting.clear();
            std::mem::take(&mut state.tasks)
        };
        self.hurry.cancel();
        while tasks.join_next().await.is_some() {}
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let mut state = self.lock();
        state.tidy();
        state.waiting.len()
    }
}

impl State {
    /// Forgets what is over.
    fn tidy(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.leaving.retain(|(_, gone)| !gone.is_cancelled());
        self.waiting.retain(|waiting| !waiting.gone.is_cancelled());
    }

    fn find(&mut self, context: &ContextId) -> (Option<Waiting>, Vec<CancellationToken>) {
        self.tidy();
        let at = self.waiting.iter().position(|one| one.context == *context);
        let found = at.and_then(|at| self.waiting.remove(at));
        let leaving = self.leaving.iter().filter(|(one, _)| one == context);
        (found, leaving.map(|(_, gone)| gone.clone()).collect())
    }

    /// Asks the process that was unused longest to leave.
    fn evict(&mut self) {
        self.tidy();
        if let Some(Waiting { context, gone, .. }) = self.waiting.pop_front() {
            self.leaving.push((context, gone));
        }
    }
}

/// A process that waits, in its task.
#[derive(Debug)]
struct Idle {
    process: Process,
    asked: oneshot::Receiver<oneshot::Sender<Process>>,
    until: Instant,
    hurry: CancellationToken,
    _gone: DropGuard,
}

impl Idle {
    async fn wait(mut self) {
        let patience = loop {
            tokio::select! {
                // In this order: one that works unasked is not given to a turn.
                biased;
                overheard = self.process.overhear() => match overheard {
                    Overheard::Talk => {}
                    Overheard::Acts => {
                        tracing::warn!(session = self.process.session(), "an idle Claude Code began to work unasked; it is ended");
                        break Duration::ZERO;
                    }
                    Overheard::Gone => {
                        tracing::info!(session = self.process.session(), "an idle Claude Code has ended by itself");
                        break LEAVE_GRACE;
                    }
                },
                asked = &mut self.asked => match asked {
                    Ok(reply) => match reply.send(self.process) {
                        Ok(()) => return,
                        Err(process) => return process.end(LEAVE_GRACE, &self.hurry).await,
                    },
                    // It makes room for another, or the receiver stops.
                    Err(_) => break HURRIED_GRACE,
                },
                () = sleep_until(self.until) => break LEAVE_GRACE,
            }
        };
        self.asked.close();
        self.process.end(patience, &self.hurry).await;
    }
}
