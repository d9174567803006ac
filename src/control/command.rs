//! What a client can want.
//!
//! Owns: [`Command`] and [`SubmitRequest`]. Nothing in them is validated: the daemon does that.

use fleet_a2a::ext::{Chosen, Decision};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{CommandId, DispatchId, DispatchState, PeerName, TopUp};

/// What a client can want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Everything a console shows; answered by [`Answer::Snapshot`](super::Answer::Snapshot), once, or again at each change.
    Snapshot {
        /// Go on sending until the connection closes.
        follow: bool,
    },
    /// Store and run a dispatch; answered by [`Answer::Dispatch`](super::Answer::Dispatch) when stored. Idempotent on the id.
    Submit(SubmitRequest),
    /// Answered by [`Answer::Dispatch`](super::Answer::Dispatch) at each change until the end (or once it is final already).
    Wait {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answered by [`Answer::Dispatch`](super::Answer::Dispatch).
    Show {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answered by [`Answer::Dispatches`](super::Answer::Dispatches), newest first.
    List {
        /// Only this peer's.
        peer: Option<PeerName>,
        /// At most so many.
        limit: u32,
    },
    /// Ask for the end of a dispatch; answered by [`Answer::Dispatch`](super::Answer::Dispatch) when the wish is stored.
    Cancel {
        /// Which.
        dispatch_id: DispatchId,
    },
    /// Answer a permission request or questions; answered by [`Answer::Dispatch`](super::Answer::Dispatch) when stored.
    AnswerPermission {
        /// Which dispatch.
        dispatch_id: DispatchId,
        /// Which request; `None` means the only open one.
        request_id: Option<String>,
        /// Yes or no.
        decision: Decision,
        /// Told to the agent with a denial.
        reason: Option<String>,
        /// What was chosen, question by question; empty for a permission and for a denial.
        #[serde(default)]
        answers: Vec<Chosen>,
    },
    /// A person decides about an `unknown` dispatch.
    Resolve {
        /// Which.
        dispatch_id: DispatchId,
        /// `completed`, `failed` or `canceled`.
        state: DispatchState,
    },
    /// The lines of a dispatch's transcript from a sequence number on; answered by [`Answer::Lines`](super::Answer::Lines), batch by batch.
    Follow {
        /// Which.
        dispatch_id: DispatchId,
        /// The first sequence number wanted.
        from_seq: u64,
        /// Wait for further lines until the dispatch has ended.
        follow: bool,
    },
    /// Write, start and prove receivers; answered by [`Answer::Peers`](super::Answer::Peers).
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
    /// Drain, stop and start receivers; answered by [`Answer::Peers`](super::Answer::Peers).
    Restart {
        /// Which.
        peers: Vec<PeerName>,
        /// Every receiver of the fleet.
        all: bool,
        /// What becomes of their tokens.
        tokens: Tokens,
    },
    /// Answered by [`Answer::Status`](super::Answer::Status).
    Status,
    /// Answered by [`Answer::Budgets`](super::Answer::Budgets).
    Budgets {
        /// Only this peer's.
        peer: Option<PeerName>,
    },
    /// Add to what a peer may spend in this window; answered by [`Answer::Budgets`](super::Answer::Budgets) when stored.
    /// Idempotent on the id.
    TopUp {
        /// Minted by the client.
        command_id: CommandId,
        /// Whose budget.
        peer: PeerName,
        /// How much.
        amounts: TopUp,
    },
    /// Let what a peer has spent in this window count from zero; answered by [`Answer::Budgets`](super::Answer::Budgets) when
    /// stored. Idempotent on the id.
    ResetBudget {
        /// Minted by the client.
        command_id: CommandId,
        /// Whose budget.
        peer: PeerName,
    },
    /// What was done to this fleet, newest first; answered by [`Answer::Audit`](super::Answer::Audit).
    Audit {
        /// Only what was about this peer.
        peer: Option<PeerName>,
        /// At most so many.
        limit: u32,
    },
    /// Answered by [`Answer::Transcripts`](super::Answer::Transcripts).
    Transcripts {
        /// Only this peer's.
        peer: Option<PeerName>,
    },
    /// What fleet.toml would run and whether it is accepted; answered by [`Answer::Trust`](super::Answer::Trust).
    Trust {
        /// Accept the file whose hash is given; anything else is only shown.
        accept: Option<String>,
    },
    /// The agent settings of a peer's repo; answered by [`Answer::PeerTrust`](super::Answer::PeerTrust).
    TrustPeer {
        /// Whose.
        peer: PeerName,
        /// Accept those whose hash is given; anything else is only shown.
        accept: Option<String>,
    },
    /// Stop the daemon; receivers go on.
    StopDaemon,
    /// Stop the daemon for the newer build that asks; until that has had its time to start, no older one serves the fleet.
    HandOver,
}

impl Command {
    /// Whether doing it twice does the same as doing it once: then one whose daemon went away before it answered, as when it hands
    /// over, is simply asked for again.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Snapshot { .. }
            | Self::Submit(_)
            | Self::Wait { .. }
            | Self::Show { .. }
            | Self::List { .. }
            | Self::Cancel { .. }
            | Self::Follow { .. }
            | Self::Deploy { .. }
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Status
            | Self::Budgets { .. }
            | Self::TopUp { .. }
            | Self::ResetBudget { .. }
            | Self::Audit { .. }
            | Self::Transcripts { .. }
            | Self::Trust { .. }
            | Self::TrustPeer { .. } => true,
            Self::AnswerPermission { .. }
            | Self::Resolve { .. }
            | Self::Restart { .. }
            | Self::StopDaemon
            | Self::HandOver => false,
        }
    }
}

/// What becomes of a receiver's bearer token when it is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// It stays.
    Keep,
    /// A new one takes its place.
    Rotate,
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
