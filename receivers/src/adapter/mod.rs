//! What drives one mode's CLI: the trait, what a turn is told, and what it tells.
//!
//! Owns: the boundary. Adapters never see HTTP, handlers never see argv. An adapter only starts processes through
//! [`crate::child::Spawner`], which marks them; whoever runs the turn sweeps that marker when the turn ends, however it ends.
//! A process that outlives its turn has a marker of its own, and the adapter sweeps it when the process ends.

mod build;
pub mod cc;
pub mod echo;
pub mod exec;
pub mod versions;

pub use build::{BuildError, build, is_built};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use fleet_a2a::contract::Contract;
use fleet_a2a::ext::{Chosen, Decision, PermissionRequest, Refusal, Usage};
use fleet_a2a::types::Part;
use fleet_a2a::{ContextId, MessageId, TaskId};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::child::Spawner;

/// A boxed future, so that the trait can be an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Events an adapter may have waiting before it is slowed down: a few screens of deltas.
pub const EVENT_QUEUE: usize = 256;
/// Commands a turn may have waiting: answers and one interrupt.
pub const COMMAND_QUEUE: usize = 16;

/// Drives one mode.
pub trait Adapter: std::fmt::Debug + Send + Sync + 'static {
    /// Whether work can be done at all: the CLI's version and login, found without a turn. Bounded to a few seconds.
    fn probe(&self) -> BoxFuture<'_, Readiness>;

    /// Runs one turn to its end. Dropping the future abandons the turn: its processes die with it.
    /// The future must end soon after [`TurnCommand::Interrupt`]; who waits for it has a grace period.
    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd>;

    /// Ends the processes that wait for their next turn and keeps none from now on. Done when they are gone; may be called
    /// again. Bounded by what a sweep takes.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What one turn is told.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The task it runs for.
    pub task: TaskId,
    /// The conversation.
    pub context: ContextId,
    /// The message that asked for it; the conformance suites of `echo` tell by its prefix what to do.
    pub message: MessageId,
    /// The message's parts as they came; `echo` answers the first.
    pub parts: Vec<Part>,
    /// The instruction with the given fields folded in, for agents that read text.
    pub prompt: String,
    /// The contract as far as the caller gave one.
    pub contract: Arc<Contract>,
    /// What this context already has.
    pub session: SessionState,
    /// Which agent settings of the repo it begins on, by their hash: those that a person's word covers now. What an agent that
    /// was started earlier has read of others is not to be used any more.
    pub settings: String,
    /// Starts processes in the repo, with the marker of this turn.
    pub spawner: Spawner,
}

/// What a context already has at the CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing: this is the first turn.
    New,
    /// The CLI's own session id, as [`AdapterEvent::Session`] told it.
    Known(String),
}

/// The two ends a turn talks over.
#[derive(Debug)]
pub struct TurnIo {
    /// What happens, in order.
    pub events: mpsc::Sender<AdapterEvent>,
    /// What others want of the turn.
    pub commands: mpsc::Receiver<TurnCommand>,
}

/// What others want of a running turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnCommand {
    /// The answer to a permission request of this turn.
    Answer {
        /// Which.
        request_id: String,
        /// What was decided.
        decision: Decision,
        /// Why; told to the agent with a denial.
        reason: Option<String>,
        /// What was chosen, question by question, where questions were asked and answered.
        answers: Vec<Chosen>,
    },
    /// Stop as cleanly as the CLI can.
    Interrupt,
}

/// What an adapter reads off its CLI.
#[derive(Debug, Clone, PartialEq)]
pub enum AdapterEvent {
    /// The CLI's session id: stored before anything else of the turn, so that the next turn can continue it.
    Session(String),
    /// A piece of the reply.
    TextDelta(String),
    /// A piece of thinking.
    Thought(String),
    /// What a subagent said. It is no part of the reply.
    Subagent {
        /// The call of the tool that it works for.
        call_id: String,
        /// Its words.
        text: String,
    },
    /// A tool was called.
    ToolCall {
        /// Pairs it with its result.
        call_id: String,
        /// Its name.
        tool: String,
        /// Its arguments.
        arguments: Value,
    },
    /// A tool came back.
    ToolResult {
        /// The call.
        call_id: String,
        /// What it said.
        text: String,
        /// Whether it failed.
        is_error: bool,
    },
    /// Spent so far in this turn: a running total, not a difference.
    Usage(Usage),
    /// The agent waits for a person. `expires_at` is left empty by the adapter and filled by whoever runs the turn.
    Permission(PermissionRequest),
    /// An upstream call failed and is tried again.
    Retry {
        /// From 1.
        attempt: u32,
        /// 0 when unknown.
        max_attempts: u32,
        /// What was wrong.
        text: String,
    },
    /// Anything worth telling a person.
    Note(String),
    /// A further artifact beside the reply.
    Artifact {
        /// Its name.
        name: String,
        /// What it holds.
        parts: Vec<Part>,
    },
}

/// How a turn ended, as the adapter knows it. Cancel, budget and deadline are known to whoever runs the turn.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnEnd {
    /// The end.
    pub outcome: TurnOutcome,
    /// The tools that were refused on the way.
    pub refused: Vec<Refusal>,
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnOutcome {
    /// Finished; the reply is the CLI's final text.
    Completed {
        /// The whole reply.
        reply: String,
    },
    /// The agent failed; one sentence for a person.
    Failed {
        /// In the agent's words where it has any.
        detail: String,
    },
    /// No valid login; the sentence says which command mends it.
    Unauthenticated {
        /// What and how to mend it.
        detail: String,
    },
    /// The agent declines the task.
    Rejected {
        /// Why.
        detail: String,
    },
    /// It stopped because [`TurnCommand::Interrupt`] asked for it.
    Interrupted,
}

/// Whether an agent can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The CLI's version, when it could be asked.
    pub version: Option<String>,
    /// The verdict.
    pub state: ReadinessState,
}

/// The verdict about an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadinessState {
    /// It can work, as far as can be known without a turn.
    Ready,
    /// The CLI is not there; the remedy is a command.
    Missing {
        /// What is missing.
        detail: String,
        /// What mends it.
        remedy: String,
    },
    /// The CLI is too old to be driven; the remedy is a command.
    Outdated {
        /// What it is and what it takes.
        detail: String,
        /// What mends it.
        remedy: String,
    },
    /// The CLI is there and has no login; the remedy is a command.
    Unauthenticated {
        /// What is missing.
        detail: String,
        /// What mends it.
        remedy: String,
    },
}
