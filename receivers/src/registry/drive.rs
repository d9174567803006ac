//! Drives one task from SUBMITTED to its end.
//!
//! Owns: the loop that feeds the machine and does what it says, the timers, and the processes' end. Does not own: the rules
//! (see `machine`), nor what is written (see `log`, and `ending` for the last of it).

mod ending;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use fleet_a2a::clock::now_ms;
use fleet_a2a::contract::fold;
use fleet_a2a::ext::EndReason;
use fleet_a2a::{ContextId, MessageId, TaskId};
use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use self::ending::{cannot_store, untrusted};
use super::begun::{Begun, machine_of};
use super::limits::remaining;
use super::live::{Control, LiveMap, Progress};
use super::log::TurnLog;
use super::machine::{Effect, End, Input, Machine};
use super::message::Work;
use super::shared::Shared;
use super::timer::Timer;
use crate::adapter::{
    AdapterEvent, COMMAND_QUEUE, EVENT_QUEUE, SessionState, Turn, TurnCommand, TurnIo,
};
use crate::harness::{Looked, Verdict};
use crate::store::{StoreError, StoredMessage, TaskRow};

/// One task to drive.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) shared: Arc<Shared>,
    pub(crate) row: TaskRow,
    pub(crate) work: Work,
    pub(crate) control: mpsc::Receiver<Control>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) start: Start,
}

/// How a turn starts.
#[derive(Debug)]
pub(crate) enum Start {
    /// It waits for a place.
    Waiting,
    /// WORKING is committed, and this is its place.
    Begun(Box<Begun>),
}

/// Removes a task from the live map when its driver is gone, however it went.
struct LiveGuard(LiveMap, TaskId);

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.remove(&self.1);
    }
}

/// What comes after a step.
#[derive(Debug)]
enum Flow {
    On,
    End(Box<End>),
}

struct Driver {
    shared: Arc<Shared>,
    task: TaskId,
    context: ContextId,
    machine: Machine,
    /// The agent settings that the turn begins on; empty before it does.
    settings: String,
    log: TurnLog,
    deadline: Timer,
    answer: Timer,
    grace: Timer,
    /// The message whose answer is being committed.
    answered_by: AnsweredBy,
    /// Messages that answered already, so that a repeat is no second answer.
    answered: HashSet<MessageId>,
}

/// Who answers a question.
#[derive(Debug)]
enum AnsweredBy {
    Time,
    Message(Box<StoredMessage>),
}

/// Drives a task to its end, or leaves it SUBMITTED when the receiver stops.
pub(crate) async fn drive(job: Job) {
    let Job {
        shared,
        row,
        work,
        mut control,
        progress,
        start,
    } = job;
    let _guard = LiveGuard(shared.live.clone(), row.id.clone());
    let prompt = fold(&work.dispatch.contract);
    let (machine, place, settings) = match start {
        Start::Waiting => (machine_of(&shared, &row, &prompt), None, String::new()),
        Start::Begun(begun) => (begun.machine, Some(begun.place), begun.settings),
    };
    let mut driver = Driver {
        machine,
        settings,
        log: TurnLog::new(
            shared.store.clone(),
            row.id.clone(),
            row.context_id.clone(),
            progress,
        ),
        deadline: Timer::after(remaining(row.deadline_at_ms, now_ms())),
        answer: Timer::Off,
        grace: Timer::Off,
        answered_by: AnsweredBy::Time,
        answered: HashSet::new(),
        task: row.id,
        context: row.context_id,
        shared,
    };
    if let Some(_place) = place {
        return driver.work(&mut control, &work, prompt).await;
    }
    match driver.wait(&mut control).await {
        // WORKING is committed before the agent hears anything.
        Waited::Go(_place) => driver.begin(&mut control, &work, prompt).await,
        Waited::End(end) => driver.finish(*end).await,
        Waited::Leave => {}
    }
}

/// How the wait for a place ended.
enum Waited {
    Go(OwnedSemaphorePermit),
    End(Box<End>),
    Leave,
}

impl Driver {
    /// Begins a turn that waited, if the agent settings may be used as they stand by now.
    async fn begin(&mut self, control: &mut mpsc::Receiver<Control>, work: &Work, prompt: String) {
        let Looked { verdict, settings } = self.shared.guard.look().await;
        if let Verdict::Refused { detail, remedy } = verdict {
            return self.finish_unbegun(untrusted(&detail, &remedy)).await;
        }
        self.settings = settings;
        match self.log.begin(self.machine.usage()).await {
            Ok(()) => self.work(control, work, prompt).await,
            Err(error) => self.finish(cannot_store(&error)).await,
        }
    }

    async fn wait(&mut self, control: &mut mpsc::Receiver<Control>) -> Waited {
        let shared = Arc::clone(&self.shared);
        let place = Arc::clone(&shared.places).acquire_owned();
        tokio::pin!(place);
        let mut permit = None;
        loop {
            let input = tokio::select! {
                biased;
                () = shared.drain.cancelled() => Input::Shutdown,
                Some(order) = control.recv() => match order {
                    Control::Cancel => Input::Cancel,
                    // A task that has not begun asks nothing; who answers is told so by the machine.
                    Control::Answer { answer, reply, .. } => {
                        let judged = self.machine.judge(*answer).map(|_| ()).map_err(Into::into);
                        // Nobody may be waiting for it any more.
                        let _ = reply.send(judged);
                        continue;
                    }
                },
                () = self.deadline.wait() => Input::Deadline,
                place = &mut place => match place {
                    Ok(place) => {
                        permit = Some(place);
                        Input::Place
                    }
                    Err(_) => Input::Shutdown,
                },
            };
            // A turn that waits has one effect at a time: it begins, ends, or is left.
            match (self.machine.step(input, now_ms()).pop(), permit.take()) {
                (Some(Effect::Begin), Some(place)) => return Waited::Go(place),
                (Some(Effect::End(end)), _) => return Waited::End(end),
                (Some(Effect::Leave), _) => return Waited::Leave,
                (_, _) => {}
            }
        }
    }

    /// Runs the adapter, then ends the task, whatever happened.
    async fn work(&mut self, control: &mut mpsc::Receiver<Control>, work: &Work, prompt: String) {
        let spawner = self.shared.spawner(&self.task);
        let turn = match self.turn(work, prompt).await {
            Ok(session) => Turn {
                spawner: spawner.clone(),
                ..session
            },
            Err(error) => return self.finish(cannot_store(&error)).await,
        };
        let end = match self.run(control, turn).await {
            Ok(end) => *end,
            Err(error) => cannot_store(&error),
        };
        for label in spawner.owes() {
            self.shared.sweep(Some(&label)).await;
        }
        if end.reason == Some(EndReason::Unauthenticated) {
            self.shared.doubt.notify_one();
        }
        self.finish(end).await;
    }

    /// What the agent is to do.
    async fn turn(&self, work: &Work, prompt: String) -> Result<Turn, StoreError> {
        let session = self.shared.store.session(&self.context).await?;
        Ok(Turn {
            task: self.task.clone(),
            context: self.context.clone(),
            message: work.message_id.clone(),
            parts: work.message.parts.clone(),
            prompt,
            contract: Arc::new(work.dispatch.contract.clone()),
            session: session.map_or(SessionState::New, SessionState::Known),
            settings: self.settings.clone(),
            spawner: self.shared.spawner(&self.task),
        })
    }

    async fn run(
        &mut self,
        control: &mut mpsc::Receiver<Control>,
        turn: Turn,
    ) -> Result<Box<End>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let (events, mut told) = mpsc::channel(EVENT_QUEUE);
        let (commands, orders) = mpsc::channel(COMMAND_QUEUE);
        let io = TurnIo {
            events,
            commands: orders,
        };
        let mut agent = AssertUnwindSafe(shared.adapter.run(turn, io)).catch_unwind();
        let mut open = true;
        loop {
            let input = tokio::select! {
                biased;
                Some(order) = control.recv() => match order {
                    Control::Cancel => Input::Cancel,
                    Control::Answer { message, answer, reply } => {
                        let done = self.answer(message, *answer, &commands).await?;
                        // Whoever asked may have gone; the answer counts.
                        let _ = reply.send(done);
                        continue;
                    }
                },
                () = self.deadline.wait() => {
                    self.deadline = Timer::Off;
                    Input::Deadline
                }
                () = shared.kill.cancelled(), if matches!(self.grace, Timer::Off) => Input::Shutdown,
                () = self.grace.wait() => Input::GraceOver,
                () = self.answer.wait() => Input::AnswerTimeout,
                () = self.log.due().map_or(Timer::Off, Timer::At).wait() => {
                    self.flush().await?;
                    continue;
                }
                event = told.recv(), if open => match event {
                    Some(event) => Input::Adapter(event),
                    None => {
                        open = false;
                        continue;
                    }
                },
                finished = &mut agent => {
                    self.drain(&mut told, &commands).await?;
                    finished.map_or(Input::Broke, Input::Finished)
                }
            };
            if let Flow::End(end) = self.step(input, &commands).await? {
                return Ok(end);
            }
        }
    }

    /// What the agent told before it was done.
    async fn drain(
        &mut self,
        told: &mut mpsc::Receiver<AdapterEvent>,
        commands: &mpsc::Sender<TurnCommand>,
    ) -> Result<(), StoreError> {
        told.close();
        while let Some(event) = told.recv().await {
            self.step(Input::Adapter(event), commands).await?;
        }
        Ok(())
    }

    async fn answer(
        &mut self,
        message: StoredMessage,
        answer: super::answer::Answer,
        commands: &mpsc::Sender<TurnCommand>,
    ) -> Result<Result<(), super::refused::Refused>, StoreError> {
        if self.answered.contains(&message.message_id) {
            return Ok(Ok(()));
        }
        let ruling = match self.machine.judge(answer) {
            Ok(fits) => fits,
            Err(violation) => return Ok(Err(violation.into())),
        };
        self.answered.insert(message.message_id.clone());
        self.answered_by = AnsweredBy::Message(Box::new(message));
        let effects = self.machine.decide(ruling, now_ms());
        self.apply(effects, commands).await?;
        Ok(Ok(()))
    }

    async fn step(
        &mut self,
        input: Input,
        commands: &mpsc::Sender<TurnCommand>,
    ) -> Result<Flow, StoreError> {
        let effects = self.machine.step(input, now_ms());
        self.apply(effects, commands).await
    }

    async fn apply(
        &mut self,
        effects: Vec<Effect>,
        commands: &mpsc::Sender<TurnCommand>,
    ) -> Result<Flow, StoreError> {
        let mut flow = Flow::On;
        for effect in effects {
            match effect {
                // Both belong to the wait for a place.
                Effect::Begin | Effect::Leave => {}
                Effect::End(end) => flow = Flow::End(end),
                Effect::Remember(id) => {
                    let store = &self.shared.store;
                    store.remember_session(&self.context, &id, now_ms()).await?;
                }
                Effect::Add(item) => self.log.add(item),
                Effect::Announce(state, event) => {
                    let by = std::mem::replace(&mut self.answered_by, AnsweredBy::Time);
                    let message = match by {
                        AnsweredBy::Message(message) => Some(*message),
                        AnsweredBy::Time => None,
                    };
                    let spent = self.machine.usage();
                    self.log.announce(state, &event, spent, message).await?;
                }
                // A full queue means an adapter that does not listen; the grace period ends that.
                Effect::Tell(command) => drop(commands.try_send(command)),
                Effect::AwaitAnswer(time) => self.answer = Timer::after(time),
                Effect::StopAwaiting => self.answer = Timer::Off,
                Effect::Grace(time) => self.grace = Timer::after(time),
            }
        }
        Ok(flow)
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        self.log
            .flush(self.machine.state(), self.machine.usage())
            .await
    }
}
