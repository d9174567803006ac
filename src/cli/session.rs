//! The fleet that a command is about, and its daemon.
//!
//! Owns: finding both, and unpacking answers. Does not own: the connection, see [`crate::control`].

use std::path::PathBuf;

use super::args::GlobalArgs;
use crate::control::{Answer, AnswerStream, Command, ControlHandle, DispatchView, Target};
use crate::domain::{DispatchId, ErrorKind, Failure, PeerName};

/// A connection to the daemon of the fleet that the flags name.
#[derive(Debug)]
pub(crate) struct Session {
    handle: ControlHandle,
}

impl Session {
    /// Finds the fleet and connects to its daemon; starts it when none runs.
    pub(crate) async fn open(global: &GlobalArgs) -> Result<Self, Failure> {
        let target = target(global)?;
        let handle = ControlHandle::connect(&target).await?;
        Ok(Self { handle })
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn call(&self, command: Command) -> Result<Answer, Failure> {
        self.handle.call(command).await
    }

    /// Sends a command whose answer is a dispatch.
    pub(crate) async fn dispatch(&self, command: Command) -> Result<DispatchView, Failure> {
        dispatch_of(self.call(command).await?)
    }

    /// Sends a command that has many answers.
    pub(crate) async fn stream(&self, command: Command) -> Result<AnswerStream, Failure> {
        self.handle.stream(command).await
    }
}

/// The fleet that the flags and the current folder name.
pub fn target(global: &GlobalArgs) -> Result<Target, Failure> {
    let cwd = std::env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/"));
    Target::resolve(global.config.as_deref(), global.state_dir.as_deref(), &cwd)
}

/// The dispatch in an answer.
pub(crate) fn dispatch_of(answer: Answer) -> Result<DispatchView, Failure> {
    match answer {
        Answer::Dispatch(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

/// An answer that is none to what was asked: a defect, or a daemon of another version.
pub(crate) fn unexpected(answer: &Answer) -> Failure {
    let word = match answer {
        Answer::Snapshot(_) => "a snapshot",
        Answer::Dispatch(_) => "a dispatch",
        Answer::Dispatches(_) => "dispatches",
        Answer::Peers(_) => "peers",
        Answer::Status(_) => "the status",
        Answer::Budgets(_) => "budgets",
        Answer::Transcripts(_) => "transcripts",
        Answer::Lines(_) => "lines of a transcript",
        Answer::Trust(_) => "what fleet.toml would run",
        Answer::Notice(_) => "a notice",
        Answer::Done => "nothing",
        Answer::Failed(_) => "a failure",
    };
    Failure::new(
        ErrorKind::Daemon,
        format!("The daemon answered something that was not asked: {word}."),
        "Run `fleet daemon stop`, then the command again.",
    )
}

/// Reads a dispatch id as a person typed it.
pub(crate) fn dispatch_id(text: &str) -> Result<DispatchId, Failure> {
    text.parse().map_err(|_no_uuid| {
        Failure::new(
            ErrorKind::Usage,
            format!("{text:?} is no dispatch id; it takes one like 0193a5b0-0000-7000-8000-000000000001."),
            "fleet dispatches list",
        )
    })
}

/// Reads a peer's name as a person typed it.
pub(crate) fn peer_name(text: &str) -> Result<PeerName, Failure> {
    PeerName::new(text)
        .map_err(|error| Failure::new(ErrorKind::Usage, format!("{error}."), "fleet peers"))
}

/// Reads an optional peer's name as a person typed it.
pub(crate) fn optional_peer(text: Option<&str>) -> Result<Option<PeerName>, Failure> {
    text.map(peer_name).transpose()
}
