//! Commands, answers, snapshots and notices as they travel.
//!
//! Owns: the JSON shapes that `--json` prints. Whatever a peer said is [`PeerText`].

use fleet_a2a::contract::ReplyTo;
use fleet_a2a::ext::{Decision, PermissionRequest, Refusal, Usage};
use fleet_receivers::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{
    DispatchId, DispatchState, Failure, Health, PeerName, PeerText, Reason, Verification, Window,
};

/// Bumped when a client and a daemon of different builds could misunderstand each other.
pub const PROTOCOL: u32 = 1;

/// The first line of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The client's version, for the message when they do not fit.
    pub version: String,
    /// The fleet.toml the client means, absolute; another than the daemon's is refused.
    pub config: String,
    /// Whether that file was named by `--config` or found in the user's own directory: then it counts as accepted.
    pub config_is_explicit: bool,
}

/// A numbered command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client; answers carry it.
    pub id: u64,
    /// What is wanted.
    pub command: Command,
    /// Environment of the client that receivers started by this command get, names already chosen by the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
}

/// What a client can want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Everything a console shows; answered by [`Answer::Snapshot`], once, or again at each change.
    Snapshot {
        /// Go on sending until the connection closes.
        follow: bool,
    },
    /// Store and run a dispatch; answered by [`Answer::Dispatch`] when stored. Idempotent on the id.
    Submit(SubmitRequest),
    /// Answered by [`Answer::Dispatch`] at each change until the end (or once it is final already).
    Wait {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answered by [`Answer::Dispatch`].
    Show {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answered by [`Answer::Dispatches`], newest first.
    List {
        /// Only this peer's.
        peer: Option<PeerName>,
        /// At most so many.
        limit: u32,
    },
    /// Ask for the end of a dispatch; answered by [`Answer::Dispatch`] when the wish is stored.
    Cancel {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answer a permission request; answered by [`Answer::Dispatch`] when stored.
    AnswerPermission {
        /// Which dispatch.
        dispatch_id: DispatchId,
        /// Which request; `None` means the only open one.
        request_id: Option<String>,
        /// Yes or no.
        decision: Decision,
        /// Told to the agent with a denial.
        reason: Option<String>,
    },
    /// A person decides about an `unknown` dispatch.
    Resolve {
        /// Which.
        dispatch_id: DispatchId,
        /// `completed`, `failed` or `canceled`.
        state: DispatchState,
    },
    /// The lines of a dispatch's transcript from a sequence number on; answered by [`Answer::Lines`], batch by batch.
    Follow {
        /// Which.
        dispatch_id: DispatchId,
        /// The first sequence number wanted.
        from_seq: u64,
        /// Wait for further lines until the dispatch has ended.
        follow: bool,
    },
    /// Write, start and prove receivers; answered by [`Answer::Peers`].
    Deploy {
        /// Which; empty with `all`.
        peers: Vec<PeerName>,
        /// Every receiver of the fleet.
        all: bool,
    },
    /// Start receivers that were deployed; deploys those that were not.
    Start {
        /// Which.
        peers: Vec<PeerName>,
        /// Every receiver of the fleet.
        all: bool,
    },
    /// Drain and stop receivers; they stay stopped until started or needed.
    Stop {
        /// Which.
        peers: Vec<PeerName>,
        /// Every receiver of the fleet.
        all: bool,
    },
    /// Answered by [`Answer::Status`].
    Status,
    /// Answered by [`Answer::Budgets`].
    Budgets {
        /// Only this peer's.
        peer: Option<PeerName>,
    },
    /// Answered by [`Answer::Transcripts`].
    Transcripts {
        /// Only this peer's.
        peer: Option<PeerName>,
    },
    /// What fleet.toml would run and whether it is accepted; answered by [`Answer::Trust`].
    Trust {
        /// Accept the file whose hash is given; anything else is only shown.
        accept: Option<String>,
    },
    /// Stop the daemon; receivers go on.
    StopDaemon,
}

/// A dispatch as a client asks for it. Everything in it is unvalidated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// Minted by the client.
    pub dispatch_id: DispatchId,
    /// To whom.
    pub peer: String,
    /// The contract in its JSON form: instruction, context, expected_output, reply_to, deadline_s.
    pub contract: Value,
    /// The conversation, if the person named one.
    pub context_id: Option<String>,
    /// A second run of the same content is meant.
    pub again: bool,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The request's.
    pub id: u64,
    /// What.
    pub body: Answer,
}

/// What the daemon can say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub enum Answer {
    /// See [`Command::Snapshot`].
    Snapshot(Box<FleetSnapshot>),
    /// One dispatch as it stands.
    Dispatch(Box<DispatchView>),
    /// Several.
    Dispatches(Vec<DispatchView>),
    /// Peers as they stand.
    Peers(Vec<PeerView>),
    /// The daemon and its peers.
    Status(Box<StatusView>),
    /// Budgets.
    Budgets(Vec<BudgetView>),
    /// Transcripts, newest first.
    Transcripts(Vec<TranscriptView>),
    /// Lines of one transcript, as they stand in the file.
    Lines(Vec<TranscriptLine>),
    /// What fleet.toml would run.
    Trust(Box<TrustView>),
    /// Something worth a toast.
    Notice(Notice),
    /// That was all.
    Done,
    /// It could not be done.
    Failed(Failure),
}

/// One dispatch: the object that `send --json` and `dispatches show --json` print, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchView {
    /// Ours.
    pub dispatch_id: DispatchId,
    /// To whom.
    pub peer: PeerName,
    /// Where it stands.
    pub state: DispatchState,
    /// Why it ended so.
    pub reason: Option<Reason>,
    /// `None` while open, else the final state.
    pub outcome: Option<DispatchState>,
    /// What the checks said; `None` while open or without a reply.
    pub verification: Option<Verification>,
    /// The checks that failed, one sentence each.
    pub failed_checks: Vec<PeerText>,
    /// The final text, or the text so far of a turn that did not complete.
    pub reply: Option<PeerText>,
    /// Further artifacts, as they came.
    pub artifacts: Vec<Value>,
    /// Ours: guard and file names use it.
    pub context_id: String,
    /// The peer's.
    pub task_id: Option<PeerText>,
    /// Spent so far.
    pub usage: Usage,
    /// Tools that were refused.
    pub refused: Vec<Refusal>,
    /// The reply came after the deadline.
    pub late: bool,
    /// From acceptance to the end, or to now.
    pub elapsed_ms: u64,
    /// What went wrong.
    pub error: Option<Failure>,
    /// What only we show: not part of the printed object.
    pub detail: DispatchDetail,
}

/// What views show of a dispatch beside the printed object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchDetail {
    /// The instruction.
    pub instruction: PeerText,
    /// Who gets the reply.
    pub reply_to: ReplyTo,
    /// Accepted at (RFC 3339, UTC).
    pub accepted_at: String,
    /// Absolute deadline, in milliseconds of Unix time.
    pub deadline_at_ms: i64,
    /// Granted counted tokens; `None` is unlimited.
    pub granted_tokens: Option<u64>,
    /// Open permission requests, oldest first.
    pub permissions: Vec<PermissionRequest>,
    /// The last thing worth a line.
    pub last_event: PeerText,
    /// Lines its transcript has so far.
    pub transcript_seq: u64,
}

/// One peer, as `status --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its name.
    pub name: PeerName,
    /// Which agent; `None` for a foreign peer.
    pub mode: Option<Mode>,
    /// `v1.0`, `v0.3` or `hermes`; `None` until its card was read.
    pub dialect: Option<String>,
    /// Where it listens; `None` for a receiver without a port yet.
    pub url: Option<String>,
    /// The conclusion.
    pub health: Health,
    /// Why, when it is not ready.
    pub reason: Option<PeerText>,
    /// What mends it.
    pub remedy: Option<PeerText>,
    /// Its process.
    pub pid: Option<u32>,
    /// Its port.
    pub port: Option<u16>,
    /// The agent CLI's version.
    pub version: Option<PeerText>,
    /// Open dispatches.
    pub in_flight: u32,
    /// `read-only`, `ask`, `edit` or `full`; `None` for a foreign peer.
    pub permissions: Option<String>,
    /// The repo, for a receiver of ours.
    pub repo: Option<String>,
    /// Seconds since the last probe; `None` when there was none.
    pub probe_age_s: Option<u64>,
    /// Its budget.
    pub budget: BudgetView,
}

/// A budget in its current window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetView {
    /// Whose.
    pub peer: PeerName,
    /// Counted tokens.
    pub tokens: Amounts<u64>,
    /// Message runs.
    pub turns: Amounts<u64>,
    /// Dollars.
    pub cost_usd: Amounts<f64>,
    /// The window; `None` when nothing is limited.
    pub window: Option<Window>,
    /// When the window ends (RFC 3339, UTC); `None` for `total`.
    pub resets_at: Option<String>,
}

/// One figure of a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Amounts<T> {
    /// `None` is unlimited.
    pub limit: Option<T>,
    /// Held by open dispatches.
    pub granted: T,
    /// Spent by ended ones.
    pub spent: T,
}

/// What `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The daemon.
    pub daemon: DaemonView,
    /// Its peers.
    pub peers: Vec<PeerView>,
}

/// What `daemon status --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonView {
    /// Whether one runs.
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// Its fleet.toml.
    pub config: String,
}

/// One transcript file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptView {
    /// Whose.
    pub peer: PeerName,
    /// `out`: we dispatched.
    pub origin: String,
    /// The conversation.
    pub context_id: String,
    /// The file, absolute.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// Last change (RFC 3339, UTC).
    pub updated_at: String,
}

/// One line of a transcript, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscriptLine {
    /// Version of this form: 1.
    pub v: u32,
    /// Counts from 1 within the file.
    pub seq: u64,
    /// The receiver's own event number, where the line came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// RFC 3339, UTC.
    pub at: String,
    /// What happened.
    pub kind: LineKind,
    /// Whose.
    pub dispatch_id: DispatchId,
    /// The peer's task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The message that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `out` from us, `in` from the peer.
    pub direction: Direction,
    /// A whole message's or artifact's parts, or one data part of an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Value>,
    /// A piece of text that follows the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<PeerText>,
    /// The state after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DispatchState>,
    /// Running totals after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What a transcript line records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A message, ours or theirs: the parts hold it.
    Message,
    /// A piece of the reply: the delta holds it.
    Delta,
    /// The whole reply: the parts hold it.
    Reply,
    /// A further artifact: the parts hold it.
    Artifact,
    /// An event inside the turn: the one data part is a `FleetEvent`.
    Event,
    /// The state changed.
    State,
    /// Usage changed.
    Usage,
    /// Something we noticed, such as a torn line that was healed.
    Note,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We to the peer.
    Out,
    /// The peer to us.
    In,
}

/// What fleet.toml would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustView {
    /// The file.
    pub config: String,
    /// SHA-256 of what it says, hex: what an acceptance names.
    pub hash: String,
    /// Whether it may run what it names.
    pub accepted: bool,
    /// What it would run or contact, one line each.
    pub would: Vec<PeerText>,
}

/// Something worth a toast and a line in the message view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// RFC 3339, UTC.
    pub at: String,
    /// How bad.
    pub level: NoticeLevel,
    /// About whom.
    pub peer: Option<PeerName>,
    /// One sentence.
    pub text: PeerText,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Look at it soon.
    Warning,
    /// Something failed.
    Error,
}

/// Everything a console shows, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetSnapshot {
    /// The fleet's name.
    pub fleet: String,
    /// The daemon.
    pub daemon: DaemonView,
    /// Peers, in the order of fleet.toml.
    pub peers: Vec<PeerView>,
    /// Open dispatches and the newest ended ones, newest first, at most [`SNAPSHOT_DISPATCHES`].
    pub dispatches: Vec<DispatchView>,
    /// Notices, oldest first, at most [`SNAPSHOT_NOTICES`].
    pub notices: Vec<Notice>,
    /// What fleet.toml would run and whether it may.
    pub trust: TrustView,
    /// When a dispatch names no deadline.
    pub default_deadline_s: u32,
    /// The daemon's clock, in milliseconds of Unix time, so that countdowns agree with it.
    pub now_ms: i64,
}

/// Dispatches in one snapshot: more than a screen can show, little enough to send at each change.
pub const SNAPSHOT_DISPATCHES: usize = 200;
/// Notices in one snapshot.
pub const SNAPSHOT_NOTICES: usize = 100;
