//! What one subscriber sees: a cursor over the event log.
//!
//! Owns: the order (the log's) and the end of a subscription. Nothing is buffered for a slow reader: it reads the log at its
//! own pace, and all readers see the same events.

use std::collections::VecDeque;

use fleet_a2a::TaskId;
use tokio::sync::watch;

use super::live::Progress;
use crate::store::{EventRow, Store, StoreError};

/// Events read at a time. They can be large (a reply of 4 MiB), so few.
const READ_AHEAD: u32 = 32;

/// One subscription.
#[derive(Debug)]
pub(crate) struct Feed {
    store: Store,
    task: TaskId,
    cursor: i64,
    ready: VecDeque<EventRow>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// More may come.
    Live(watch::Receiver<Progress>),
    /// The log is complete.
    Ended,
}

/// Where the next event is.
enum Look {
    /// At hand.
    Ready,
    /// Everything was told, and the task has ended.
    Told,
    /// Not committed yet.
    Wait,
    /// In the log.
    Read { ended: bool },
}

impl Feed {
    /// What follows event `after` of a task; `progress` while its turn is under way.
    pub(crate) fn new(
        store: Store,
        task: TaskId,
        after: i64,
        progress: Option<watch::Receiver<Progress>>,
    ) -> Self {
        Self {
            store,
            task,
            cursor: after,
            ready: VecDeque::new(),
            source: progress.map_or(Source::Ended, Source::Live),
        }
    }

    /// The next event; waits for it. `None` when the task has ended and everything was told, or the receiver stops.
    /// Safe to drop while it waits: nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<EventRow>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let ended = match self.look() {
                Look::Ready => continue,
                Look::Told => return Ok(None),
                Look::Wait => {
                    self.more().await;
                    continue;
                }
                Look::Read { ended } => ended,
            };
            let events = self
                .store
                .events(&self.task, self.cursor, READ_AHEAD)
                .await?;
            if let Some(last) = events.last() {
                self.cursor = last.seq;
                self.ready = events.into();
                continue;
            }
            if ended {
                return Ok(None);
            }
            self.more().await;
        }
    }

    /// What is in memory: the log need not be read for what was just committed, nor to learn that nothing was.
    fn look(&mut self) -> Look {
        let Source::Live(progress) = &mut self.source else {
            return Look::Read { ended: true };
        };
        let progress = progress.borrow_and_update();
        let ended = progress.state.is_terminal();
        if self.cursor >= progress.seq {
            return if ended { Look::Told } else { Look::Wait };
        }
        let newest = &progress.newest;
        if newest
            .first()
            .is_none_or(|first| first.seq > self.cursor + 1)
        {
            return Look::Read { ended };
        }
        let news = newest.iter().filter(|event| event.seq > self.cursor);
        self.ready.extend(news.cloned());
        self.cursor = progress.seq;
        Look::Ready
    }

    /// Waits until more was committed.
    async fn more(&mut self) {
        if let Source::Live(progress) = &mut self.source
            && progress.changed().await.is_err()
        {
            // The turn is gone; what it committed last is read once more.
            self.source = Source::Ended;
        }
    }
}
