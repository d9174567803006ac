//! What one turn has told: batched, committed, then announced.
//!
//! Owns: turning items into stored events in their order, with the usage on the last of each commit. Nothing is told to
//! anybody before it is committed.

use std::sync::Arc;

use fleet_a2a::clock::now_ms;
use fleet_a2a::ext::{FleetEvent, Usage};
use fleet_a2a::{ContextId, TaskId};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::{Batch, Item};
use super::live::Progress;
use super::machine::End;
use super::wire::{Piece, Wire, end_event};
use crate::store::{Append, EventRow, StatusChange, Store, StoreError, StoredMessage, TaskState};

/// The log of one turn.
#[derive(Debug)]
pub(crate) struct TurnLog {
    store: Store,
    task: TaskId,
    wire: Wire,
    batch: Batch,
    progress: watch::Sender<Progress>,
    next_piece: Piece,
    told: Usage,
}

impl TurnLog {
    pub(crate) fn new(
        store: Store,
        task: TaskId,
        context: ContextId,
        progress: watch::Sender<Progress>,
    ) -> Self {
        Self {
            store,
            wire: Wire::new(task.clone(), context),
            task,
            batch: Batch::new(Instant::now()),
            progress,
            next_piece: Piece::First,
            told: Usage::default(),
        }
    }

    /// Adds to the batch.
    pub(crate) fn add(&mut self, item: Item) {
        self.batch.push(item, Instant::now());
    }

    /// When the batch must be committed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.batch.due()
    }

    /// Commits the batch; its status messages carry `state`.
    pub(crate) async fn flush(&mut self, state: TaskState, spent: Usage) -> Result<(), StoreError> {
        let mut add = self.append(now_ms(), spent);
        self.drain(&mut add, state, spent);
        self.commit(add).await
    }

    /// Commits that the turn begins, with the estimate of its prompt: a crash now must not make it free.
    pub(crate) async fn begin(&mut self, spent: Usage) -> Result<(), StoreError> {
        let at_ms = now_ms();
        let mut add = self.append(at_ms, spent);
        self.change(
            &mut add,
            TaskState::Working,
            &Wire::status(TaskState::Working, at_ms),
            None,
        );
        self.commit(add).await
    }

    /// Commits the batch and a change of state with the event that explains it.
    pub(crate) async fn announce(
        &mut self,
        state: TaskState,
        event: &FleetEvent,
        spent: Usage,
        answer: Option<StoredMessage>,
    ) -> Result<(), StoreError> {
        // What is in the batch was told in the state before.
        let before = if state == TaskState::InputRequired {
            TaskState::Working
        } else {
            TaskState::InputRequired
        };
        let at_ms = now_ms();
        let mut add = self.append(at_ms, spent);
        add.answer = answer;
        self.drain(&mut add, before, spent);
        let status = self.wire.status_with(state, event, at_ms);
        self.change(&mut add, state, &status, None);
        self.commit(add).await
    }

    /// The last commit of a turn: the rest of the batch, the reply, the end. `state` is that of the batch.
    pub(crate) fn ending(&mut self, end: &End, state: TaskState, spent: Usage) -> Append {
        let at_ms = now_ms();
        let mut add = self.append(at_ms, spent);
        self.drain(&mut add, state, spent);
        if let Some(reply) = &end.reply {
            push(
                &mut add,
                "artifact",
                &self.wire.reply(reply, Piece::Whole, None),
            );
        }
        let status = self.wire.status_with(end.state, &end_event(end), at_ms);
        self.change(&mut add, end.state, &status, Some(&spent));
        add
    }

    fn append(&self, at_ms: i64, spent: Usage) -> Append {
        Append {
            usage_json: serde_json::to_string(&spent).ok(),
            at_ms,
            ..Append::default()
        }
    }

    /// Moves the batch into a commit; the usage rides on the last event if it changed.
    fn drain(&mut self, add: &mut Append, state: TaskState, spent: Usage) {
        let mut items = self.batch.take();
        items.retain(|item| *item != Item::Usage);
        let changed = spent != self.told;
        self.told = spent;
        if items.is_empty() && changed {
            items.push(Item::Usage);
        }
        let last = items.len().saturating_sub(1);
        for (at, item) in items.into_iter().enumerate() {
            let usage = Some(&spent).filter(|_| changed && at == last);
            let (kind, event) = self.encode(item, state, usage, add.at_ms);
            push(add, kind, &event);
        }
    }

    fn encode(
        &mut self,
        item: Item,
        state: TaskState,
        usage: Option<&Usage>,
        at_ms: i64,
    ) -> (&'static str, Value) {
        match item {
            Item::Text(text) => {
                let piece = std::mem::replace(&mut self.next_piece, Piece::Next);
                ("artifact", self.wire.reply(&text, piece, usage))
            }
            Item::Artifact { name, parts } => {
                ("artifact", self.wire.artifact(&name, &parts, usage))
            }
            Item::Event(event) => {
                let status = self.wire.status_with(state, &event, at_ms);
                ("status", self.wire.status_update(&status, usage))
            }
            Item::Usage => {
                let status = Wire::status(state, at_ms);
                ("status", self.wire.status_update(&status, usage))
            }
        }
    }

    fn change(&self, add: &mut Append, state: TaskState, status: &Value, spent: Option<&Usage>) {
        push(add, "status", &self.wire.status_update(status, spent));
        add.status = Some(StatusChange {
            state,
            status_json: status.to_string(),
        });
    }

    /// Writes, then tells whoever follows.
    pub(crate) async fn commit(&mut self, add: Append) -> Result<(), StoreError> {
        if add.events.is_empty() {
            return Ok(());
        }
        let seq = self.store.append(&self.task, &add).await?;
        let first = seq + 1 - i64::try_from(add.events.len()).unwrap_or(seq);
        let newest = (first..).zip(add.events);
        let newest = newest.map(|(seq, (_, json))| EventRow { seq, json });
        let newest = Arc::new(newest.collect());
        self.progress.send_modify(|progress| {
            progress.seq = seq;
            progress.newest = newest;
            if let Some(change) = &add.status {
                progress.state = change.state;
            }
        });
        Ok(())
    }
}

fn push(add: &mut Append, kind: &'static str, event: &Value) {
    add.events.push((kind, event.to_string()));
}
