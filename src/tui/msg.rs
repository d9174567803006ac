//! What comes into `update` and what goes out of it.
//!
//! Owns: [`Msg`], [`Effect`] and the reason of a call. Both are plain data, so a test can compare them.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use fleet_a2a::ext::Decision;

use crate::control::{Answer, Command, FleetSnapshot, TranscriptLine};
use crate::domain::{CommandId, DispatchId, Failure, PeerName};

/// Input to `update`.
#[derive(Debug, Clone)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize { columns: u16, rows: u16 },
    /// Time passed; whatever counts down may show another figure.
    Tick,
    /// News about the daemon.
    Link(LinkNews),
    /// A call came back.
    Answered {
        purpose: Purpose,
        result: Box<Result<Answer, Failure>>,
    },
    /// Further lines of the followed dispatch.
    Lines {
        dispatch_id: DispatchId,
        lines: Vec<TranscriptLine>,
    },
    /// The followed dispatch has no further lines, or they cannot be had.
    FollowEnded {
        dispatch_id: DispatchId,
        result: Result<(), Failure>,
    },
}

/// What is known of the daemon.
#[derive(Debug, Clone)]
pub(crate) enum LinkNews {
    /// A connection is being made.
    Connecting,
    /// The fleet as it stands.
    Snapshot(Arc<FleetSnapshot>),
    /// The connection broke or could not be made; it is tried again.
    Lost(Failure),
}

/// Something that must be done outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// One command, one answer, which returns with its purpose.
    Call { purpose: Purpose, command: Command },
    /// Follow a dispatch's transcript; whatever was followed before is let go.
    Follow {
        dispatch_id: DispatchId,
        from_seq: u64,
    },
    /// Put text on the clipboard of the person's terminal.
    Copy(String),
}

/// Why a call was made; a late answer whose purpose is gone is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The composer sent a dispatch.
    Submit(DispatchId),
    /// A permission request was answered.
    Permission {
        dispatch_id: DispatchId,
        request_id: String,
        decision: Decision,
    },
    /// The questions of a request are answered.
    Question {
        dispatch_id: DispatchId,
        request_id: String,
    },
    /// A dispatch is to end.
    Cancel(DispatchId),
    /// A budget is to be topped up.
    TopUp {
        command_id: CommandId,
        peer: PeerName,
    },
    /// A budget is to be reset.
    ResetBudget(PeerName),
    /// The fleet.toml with this hash is to be accepted.
    Trust { hash: String },
    /// The agent settings of a peer's repo are to be accepted.
    TrustSettings(PeerName),
    /// A receiver is to be deployed, started or stopped.
    Receiver { verb: Verb, peer: PeerName },
}

/// What is done to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Deploy,
    Start,
    Stop,
}

impl Verb {
    /// The word of the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}
