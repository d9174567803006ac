//! What goes wrong, as every command reports it.
//!
//! Owns: [`Failure`], the `error` object of the JSON output, and the exit code of its kind. Does not own: the typed
//! errors of each module, which are turned into this at the edge.

use serde::{Deserialize, Serialize};

use super::DispatchId;

/// The sort of failure; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Bad arguments.
    Usage,
    /// A contract that cannot be sent.
    Contract,
    /// fleet.toml is invalid.
    Config,
    /// fleet.toml, or what it would run, is not trusted yet.
    Untrusted,
    /// No peer, dispatch or transcript of that name.
    NotFound,
    /// The guard: this work is already open.
    Duplicate,
    /// The budget does not allow it.
    Budget,
    /// The peer cannot be reached or started.
    Unreachable,
    /// The peer's agent is not installed, or too old to be driven: trying again does not mend it.
    NoAgent,
    /// The peer or the agent wants a login or another token.
    Unauthenticated,
    /// It may have run; nobody can say.
    UnknownOutcome,
    /// The deadline passed.
    Deadline,
    /// The agent failed.
    Agent,
    /// Not possible in the state it is in.
    State,
    /// The daemon could not be started or does not answer.
    Daemon,
    /// A defect of ours, or of the disk below us.
    Internal,
}

impl ErrorKind {
    /// The word of rows and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Contract => "contract",
            Self::Config => "config",
            Self::Untrusted => "untrusted",
            Self::NotFound => "not_found",
            Self::Duplicate => "duplicate",
            Self::Budget => "budget",
            Self::Unreachable => "unreachable",
            Self::NoAgent => "no_agent",
            Self::Unauthenticated => "unauthenticated",
            Self::UnknownOutcome => "unknown_outcome",
            Self::Deadline => "deadline",
            Self::Agent => "agent",
            Self::State => "state",
            Self::Daemon => "daemon",
            Self::Internal => "internal",
        }
    }

    /// The exit code of a command that ends with this: 1 the work failed, 2 bad input, 3 guard or budget,
    /// 4 unreachable, unable or unknown, 5 deadline.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Agent | Self::State | Self::Internal => 1,
            Self::Usage | Self::Contract | Self::Config | Self::Untrusted | Self::NotFound => 2,
            Self::Duplicate | Self::Budget => 3,
            Self::Unreachable
            | Self::NoAgent
            | Self::Unauthenticated
            | Self::UnknownOutcome
            | Self::Daemon => 4,
            Self::Deadline => 5,
        }
    }
}

/// One failure: what, in a full sentence, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The sort.
    pub kind: ErrorKind,
    /// A full sentence: what, and where.
    pub message: String,
    /// The next step, as a sentence or a command; empty when there is none.
    pub remedy: String,
    /// The dispatch it is about.
    pub dispatch_id: Option<DispatchId>,
}

impl Failure {
    /// A failure with a message and the step that mends it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: remedy.into(),
            dispatch_id: None,
        }
    }

    /// The same, about one dispatch.
    #[must_use]
    pub fn about(mut self, dispatch_id: DispatchId) -> Self {
        self.dispatch_id = Some(dispatch_id);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_that_of_the_json() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::NoAgent,
            ErrorKind::UnknownOutcome,
            ErrorKind::Budget,
        ] {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.word());
        }
    }
}
