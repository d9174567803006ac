//! The work loop: takes messages one after the other, owns the turns, beats the pulse, notices idleness.
//!
//! Owns: every turn's task. It takes messages itself, so that a caller who goes away between the commit and the start
//! leaves no task that nobody runs.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::clock::now_ms;
use fleet_a2a::{ContextId, TaskId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::begun::Begun;
use super::drive::{Job, Start, drive};
use super::limits::{Limits, deadline_at_ms};
use super::live::{CONTROL_QUEUE, Live, Progress};
use super::message::{Incoming, Work};
use super::refused::Refused;
use super::shared::Shared;
use super::wire::Wire;
use crate::harness::Verdict;
use crate::store::{Accepted, Newcomer, StoreError, TaskRow, TaskState};

/// Messages that may wait to be taken; each waits for one commit.
pub(crate) const ORDER_QUEUE: usize = 64;
/// Open tasks at a time; a daemon's own queue is shorter.
pub(crate) const MAX_OPEN_TASKS: i64 = 1_000;
/// Between two beats of the pulse.
const TICK: Duration = Duration::from_secs(1);
/// What interrupted turns get to write their end: their grace, a sweep, and a commit.
const KILL_TIME: Duration = Duration::from_secs(4);

/// A message to take.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) incoming: Incoming,
    pub(crate) reply: oneshot::Sender<Result<Taken, Refused>>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It made this task; beside it event 1, the task itself.
    New(TaskId, String),
    /// It is this task's.
    Task(TaskId),
    /// It answers this task's question; the turn itself must take it.
    Answer(TaskId),
}

/// The loop.
#[derive(Debug)]
pub(crate) struct WorkLoop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) turns: JoinSet<()>,
}

impl WorkLoop {
    /// Works until the drain is over.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_work = Instant::now();
        let drain = self.shared.drain.clone();
        loop {
            tokio::select! {
                biased;
                () = drain.cancelled() => break,
                Some(_) = self.turns.join_next() => last_work = Instant::now(),
                Some(order) = self.orders.recv() => {
                    last_work = Instant::now();
                    let taken = self.take(order.incoming).await;
                    // Whoever sent it may have gone; the task runs all the same.
                    let _ = order.reply.send(taken);
                }
                _ = tick.tick() => {}
            }
            self.shared.pulse.beat();
            if self.turns.is_empty() && self.is_idle(last_work) {
                tracing::info!("idle for long enough; stopping");
                drain.cancel();
            }
        }
        self.drain().await;
    }

    fn is_idle(&self, last_work: Instant) -> bool {
        let seconds = self.shared.config.idle_timeout_s;
        seconds > 0 && last_work.elapsed() >= Duration::from_secs(u64::from(seconds))
    }

    /// Idle processes end at once; running turns get their grace, then they end as interrupted. The pulse beats on.
    async fn drain(&mut self) {
        self.orders.close();
        let adapter = Arc::clone(&self.shared.adapter);
        adapter.close().await;
        let grace = Duration::from_secs(u64::from(self.shared.config.drain_grace_s));
        let kill = self.shared.kill.clone();
        let _ = timeout(grace, async {
            tokio::select! {
                () = kill.cancelled() => {}
                () = self.join_all() => {}
            }
        })
        .await;
        kill.cancel();
        if timeout(KILL_TIME, self.join_all()).await.is_err() {
            tracing::error!("a turn did not end in time and was dropped");
        }
        self.turns.shutdown().await;
        // Those of turns that were dropped.
        adapter.close().await;
    }

    async fn join_all(&mut self) {
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                joined = self.turns.join_next() => if joined.is_none() { return },
                _ = tick.tick() => {}
            }
            self.shared.pulse.beat();
        }
    }

    async fn take(&mut self, incoming: Incoming) -> Result<Taken, Refused> {
        let store = self.shared.store.clone();
        if incoming.stored.task_given.is_some() {
            return verdict(store.accept(&incoming.stored, None).await?);
        }
        let work = Work::read(&incoming, self.shared.config.max_deadline_s)?;
        let mut task = self.row(&incoming, &work);
        let wire = Wire::new(task.id.clone(), task.context_id.clone());
        let status = Wire::status(TaskState::Submitted, task.accepted_at_ms);
        let message = serde_json::to_value(&incoming.message).unwrap_or_default();
        // One whose settings are not accepted is taken all the same, and ends in its own time.
        let looked = self.shared.guard.look().await;
        let may_begin = looked.verdict == Verdict::Accepted;
        let begun =
            may_begin.then(|| Begun::at_once(&self.shared, &mut task, &work, looked.settings));
        let (start, begun_json) = match begun.flatten() {
            Some((begun, event)) => (Start::Begun(begun), Some(event)),
            None => (Start::Waiting, None),
        };
        let newcomer = Newcomer {
            event_json: wire.task(&status, &message).to_string(),
            begun_json,
            task,
            max_open: MAX_OPEN_TASKS,
        };
        match store.accept(&incoming.stored, Some(&newcomer)).await? {
            Accepted::Created => {
                let id = newcomer.task.id.clone();
                let first = newcomer.event_json.clone();
                let progress = Progress {
                    newest: Arc::new(newcomer.events()),
                    ..Progress::of(&newcomer.task)
                };
                self.start_from((newcomer.task, progress), work, start);
                Ok(Taken::New(id, first))
            }
            accepted => verdict(accepted),
        }
    }

    fn row(&self, incoming: &Incoming, work: &Work) -> TaskRow {
        let at = now_ms();
        let config = &self.shared.config;
        let limits = Limits::new(work.dispatch.meta.grant, &config.ceiling);
        let given = incoming.stored.context_given.clone();
        TaskRow {
            id: TaskId::mint(),
            context_id: given.unwrap_or_else(ContextId::mint),
            state: TaskState::Submitted,
            status_json: Wire::status(TaskState::Submitted, at).to_string(),
            usage_json: None,
            limits_json: serde_json::to_string(&limits).unwrap_or_default(),
            accepted_at_ms: at,
            deadline_at_ms: deadline_at_ms(at, work.dispatch.contract.deadline_s, config),
            changed_at_ms: at,
            last_seq: 1,
        }
    }

    /// Starts the driver of a task that is SUBMITTED.
    pub(crate) fn start(&mut self, row: TaskRow, work: Work) {
        let progress = Progress::of(&row);
        self.start_from((row, progress), work, Start::Waiting);
    }

    fn start_from(&mut self, (row, progress): (TaskRow, Progress), work: Work, start: Start) {
        let (progress, follows) = watch::channel(progress);
        let (control, orders) = mpsc::channel(CONTROL_QUEUE);
        let live = Live {
            progress: follows,
            control,
        };
        self.shared.live.insert(row.id.clone(), live);
        self.turns.spawn(drive(Job {
            shared: Arc::clone(&self.shared),
            row,
            work,
            control: orders,
            progress,
            start,
        }));
    }
}

fn verdict(accepted: Accepted) -> Result<Taken, Refused> {
    match accepted {
        Accepted::Known(task) => Ok(Taken::Task(task)),
        Accepted::Answer(task) => Ok(Taken::Answer(task)),
        Accepted::Conflict(task) => Err(Refused::Conflict(task)),
        Accepted::Busy { task, context } => Err(Refused::Busy { task, context }),
        Accepted::NoTask(task) => Err(Refused::NoTask(task)),
        Accepted::TaskEnded(task) => Err(Refused::Ended(task)),
        Accepted::OtherContext(task) => Err(Refused::OtherContext(task)),
        Accepted::Full => Err(Refused::Full(MAX_OPEN_TASKS)),
        Accepted::Created => Err(Refused::Store(StoreError::Damaged {
            what: "a task was made without a contract".to_owned(),
        })),
    }
}
