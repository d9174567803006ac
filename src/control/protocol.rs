//! The envelope: what the first line of a client says, and what carries commands and answers.
//!
//! Owns: [`Hello`], [`Request`], [`Response`] and [`Answer`]. Does not own: what is asked and answered, see the files beside it.

use serde::{Deserialize, Serialize};

use super::{
    AuditView, BudgetView, Build, Command, DispatchView, FleetSnapshot, Notice, PeerTrustView,
    PeerView, StatusView, TranscriptLine, TranscriptView, TrustView,
};
use crate::domain::Failure;

/// Bumped when a client and a daemon of different builds could misunderstand each other.
pub const PROTOCOL: u32 = 1;

/// The first line of a client. It keeps its form in every protocol, as do [`Welcome`], [`Command::HandOver`],
/// [`Command::StopDaemon`], [`Answer::Done`] and [`Answer::Failed`], so that any two builds can part in peace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The client's build.
    #[serde(flatten)]
    pub build: Build,
    /// The fleet.toml the client means, absolute; another than the daemon's is refused.
    pub config: String,
    /// Whether that file was named by `--config` or found in the user's own directory: then it counts as accepted.
    pub config_is_explicit: bool,
    /// Which face of fleet it is, for the audit.
    #[serde(default)]
    pub client: ClientKind,
}

/// Which face of fleet asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// The command line.
    Cli,
    /// The console.
    Console,
    /// It did not say.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ClientKind {
    /// Its word in rows and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Cli => "cli",
            Self::Console => "console",
        }
    }
}

/// The answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The daemon's build.
    #[serde(flatten)]
    pub build: Build,
    /// The daemon's process.
    pub pid: u32,
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
    /// The connection is open.
    Welcome(Welcome),
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
    /// What was done, newest first.
    Audit(Vec<AuditView>),
    /// Transcripts, newest first.
    Transcripts(Vec<TranscriptView>),
    /// Lines of one transcript, as they stand in the file.
    Lines(Vec<TranscriptLine>),
    /// What fleet.toml would run.
    Trust(Box<TrustView>),
    /// The agent settings of a peer's repo.
    PeerTrust(Box<PeerTrustView>),
    /// Something worth a toast.
    Notice(Notice),
    /// That was all.
    Done,
    /// It could not be done.
    Failed(Failure),
}
