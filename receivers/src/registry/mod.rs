//! The tasks of a receiver: taking messages, running turns, following them.
//!
//! Owns: what a task goes through, durably; one door for every binding. Does not own: HTTP (see `server`), SQL (see
//! `store`), the agents (see `adapter`).

mod answer;
mod batch;
mod begun;
mod drive;
mod feed;
mod limits;
mod live;
mod log;
mod machine;
mod message;
mod meter;
mod recover;
mod refused;
mod shared;
mod snapshot;
mod timer;
mod wire;
mod work;

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::TaskId;
use fleet_a2a::types::Message;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use answer::Answer;
use live::{Control, Progress};
use message::Incoming;
use work::{Order, Taken};

pub(crate) use feed::Feed;
pub(crate) use live::LiveMap;
pub(crate) use refused::Refused;
pub(crate) use shared::{Pulse, Shared};
pub(crate) use snapshot::{Artifact, Detail};
pub(crate) use work::{ORDER_QUEUE, WorkLoop};

use crate::store::{PageAfter, Store, StoreError, TaskFilter, TaskRow, TaskState};

/// Longest wait for a cancelled turn to end: its grace, the sweep of its processes, and a commit.
const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// The number of the event that is the task itself.
const FIRST_EVENT: i64 = 1;

/// The door to the tasks. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
}

/// A page of tasks.
#[derive(Debug)]
pub(crate) struct TaskPage {
    /// The tasks.
    pub(crate) tasks: Vec<Value>,
    /// Where the next page begins; `None` on the last.
    pub(crate) next: Option<PageAfter>,
    /// On all pages.
    pub(crate) total: i64,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// With the task as it is now.
    Snapshot,
    /// After this event; 0 is before the first.
    Event(i64),
}

/// A subscription: what to show first, and what follows.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The number and the `StreamResponse` of the snapshot, where one was asked for.
    pub(crate) first: Option<(i64, String)>,
    /// What follows.
    pub(crate) feed: Feed,
}

impl Registry {
    pub(crate) fn new(shared: Arc<Shared>, orders: mpsc::Sender<Order>) -> Self {
        Self { shared, orders }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Takes a message: a new task, a known one, or the answer to a question. It is stored when this returns.
    pub(crate) async fn send(&self, message: Message) -> Result<TaskId, Refused> {
        self.take(message).await.map(|(task, _)| task)
    }

    /// The same, and follows the task. The first frame of a new one is its first event, as it was committed.
    pub(crate) async fn send_and_follow(&self, message: Message) -> Result<Subscription, Refused> {
        let (task, event) = self.take(message).await?;
        let Some(event) = event else {
            return self.follow(&task, Since::Snapshot).await;
        };
        // A turn that is gone by now has everything in the log.
        let progress = self.shared.live.get(&task).map(|live| live.progress);
        Ok(Subscription {
            first: Some((FIRST_EVENT, event)),
            feed: Feed::new(self.store().clone(), task, FIRST_EVENT, progress),
        })
    }

    /// The task of a message, and its first event if the message made it.
    async fn take(&self, message: Message) -> Result<(TaskId, Option<String>), Refused> {
        let incoming = Incoming::read(message)?;
        match self.order(incoming.clone()).await? {
            Taken::New(task, event) => Ok((task, Some(event))),
            Taken::Task(task) => Ok((task, None)),
            Taken::Answer(task) => {
                let answer = Answer::read(&incoming.message)?;
                match self.answer(&task, incoming.clone(), answer).await {
                    Ok(()) => Ok((task, None)),
                    // Meanwhile a repeat of this message may have answered: then the store knows it.
                    Err(refused) => match self.order(incoming).await? {
                        Taken::New(task, _) | Taken::Task(task) => Ok((task, None)),
                        Taken::Answer(_) => Err(refused),
                    },
                }
            }
        }
    }

    async fn order(&self, incoming: Incoming) -> Result<Taken, Refused> {
        let (reply, taken) = oneshot::channel();
        let order = Order { incoming, reply };
        self.orders
            .send(order)
            .await
            .map_err(|_| Refused::Draining)?;
        taken.await.map_err(|_| Refused::Draining)?
    }

    async fn answer(
        &self,
        task: &TaskId,
        incoming: Incoming,
        answer: Answer,
    ) -> Result<(), Refused> {
        let live = self.shared.live.get(task);
        let live = live.ok_or_else(|| Refused::Ended(task.clone()))?;
        let (reply, done) = oneshot::channel();
        let control = Control::Answer {
            message: incoming.stored,
            answer: Box::new(answer),
            reply,
        };
        let gone = |()| Refused::Ended(task.clone());
        live.control.send(control).await.map_err(|_| gone(()))?;
        done.await.map_err(|_| gone(()))?
    }

    /// Waits until a task has ended or waits for a person.
    pub(crate) async fn settled(&self, task: &TaskId) {
        if let Some(mut live) = self.shared.live.get(task) {
            let settled = |progress: &Progress| {
                progress.state.is_terminal() || progress.state == TaskState::InputRequired
            };
            // An error means that the turn is gone: then it has settled too.
            let _ = live.progress.wait_for(settled).await;
        }
    }

    /// Ends a task. Done when it has ended; a task that was canceled before is canceled.
    pub(crate) async fn cancel(&self, task: &TaskId) -> Result<(), Refused> {
        if let Some(mut live) = self.shared.live.get(task) {
            // A turn that is gone has ended, which the row below tells.
            let _ = live.control.send(Control::Cancel).await;
            let ended = live
                .progress
                .wait_for(|progress| progress.state.is_terminal());
            let _ = tokio::time::timeout(CANCEL_WAIT, ended).await;
        }
        match self.row(task).await?.state {
            TaskState::Canceled => Ok(()),
            state @ (TaskState::Submitted
            | TaskState::Working
            | TaskState::InputRequired
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Rejected) => Err(Refused::NotCancelable(task.clone(), state)),
        }
    }

    async fn row(&self, task: &TaskId) -> Result<TaskRow, Refused> {
        let row = self.store().task(task).await?;
        row.ok_or_else(|| Refused::NoTask(task.clone()))
    }

    /// A task as it is now.
    pub(crate) async fn task(&self, task: &TaskId, detail: Detail) -> Result<Value, Refused> {
        let row = self.row(task).await?;
        Ok(snapshot::task(self.store(), &row, detail).await?)
    }

    /// A page of tasks, the latest change first.
    pub(crate) async fn list(
        &self,
        filter: &TaskFilter,
        after: Option<&PageAfter>,
        size: u32,
        detail: Detail,
    ) -> Result<TaskPage, Refused> {
        let mut page = self.store().list(filter, after, size).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = page.tasks.len() > size;
        page.tasks.truncate(size);
        let next = page.tasks.last().filter(|_| more).map(|row| PageAfter {
            changed_at_ms: row.changed_at_ms,
            id: row.id.to_string(),
        });
        let mut tasks = Vec::with_capacity(page.tasks.len());
        for row in &page.tasks {
            tasks.push(snapshot::task(self.store(), row, detail).await?);
        }
        Ok(TaskPage {
            tasks,
            next,
            total: page.total,
        })
    }

    /// Follows a task. An ended one is replayed for whoever names an event, and refused otherwise.
    pub(crate) async fn subscribe(
        &self,
        task: &TaskId,
        since: Since,
    ) -> Result<Subscription, Refused> {
        let row = self.row(task).await?;
        if row.state.is_terminal() && since == Since::Snapshot {
            return Err(Refused::Ended(task.clone()));
        }
        self.follow(task, since).await
    }

    /// Follows a task, also an ended one.
    pub(crate) async fn follow(
        &self,
        task: &TaskId,
        since: Since,
    ) -> Result<Subscription, Refused> {
        // The live turn first: what ends between the two reads is then seen in the row.
        let progress = self.shared.live.get(task).map(|live| live.progress);
        let row = self.row(task).await?;
        let (first, after) = match since {
            Since::Event(after) => (None, after.clamp(0, row.last_seq)),
            Since::Snapshot => {
                let task = snapshot::task(self.store(), &row, Detail::full(None)).await?;
                let json = serde_json::json!({ "task": task }).to_string();
                (Some((row.last_seq, json)), row.last_seq)
            }
        };
        let feed = Feed::new(self.store().clone(), row.id, after, progress);
        Ok(Subscription { first, feed })
    }

    /// Tasks that have not ended.
    pub(crate) fn open_tasks(&self) -> usize {
        self.shared.live.len()
    }
}

/// Brings a registry up: sweeps and ends what the last process left, starts what waits, and returns the loop to run.
pub(crate) async fn start(shared: Arc<Shared>) -> Result<(Registry, WorkLoop), StoreError> {
    let (orders, queue) = mpsc::channel(ORDER_QUEUE);
    let mut work = WorkLoop {
        shared: Arc::clone(&shared),
        orders: queue,
        turns: tokio::task::JoinSet::new(),
    };
    recover::recover(&mut work).await?;
    Ok((Registry::new(shared, orders), work))
}
