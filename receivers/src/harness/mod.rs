//! What the repo brings along for an agent: instructions, tool servers, skills, and settings that can run commands.
//!
//! Owns: reading it without following links, what is reported of it, and the guard that lets no turn begin on settings
//! nobody accepted. A hostile repo is only data here: every read is bounded and stays inside the repo. Does not own: what
//! an agent makes of the files.

mod accepted;
mod beneath;
mod change;
mod guard;
mod guarded;
mod inventory;
mod listing;

pub use accepted::{ACCEPTED_FILE, Accepted, Acceptor, accept_first};
pub use change::{Change, ChangeKind, changes};
pub(crate) use guard::{Guard, Looked};
pub use guard::{Verdict, judge};
pub use inventory::{Harness, Names, inventory};
pub use listing::{Entry, Listing};

use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::folder::ReadinessWord;

/// What `/harness` answers to callers with the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The peer's name.
    pub peer: String,
    /// Which agent.
    pub mode: Mode,
    /// The repo, as text.
    pub repo: String,
    /// The version of the agent's CLI, when it could be asked.
    pub cli_version: Option<String>,
    /// Whether the agent is there and logged in.
    pub login: ReadinessWord,
    /// Whether the agent settings of the repo are those that were accepted.
    pub settings_accepted: bool,
    /// [`Listing::hash`] of those that stand there: what an acceptance names.
    pub settings_hash: String,
    /// What the repo brings along.
    pub harness: Harness,
}

impl Handshake {
    /// The word of `/health` at that time.
    #[must_use]
    pub fn readiness(&self) -> ReadinessWord {
        if self.settings_accepted {
            self.login
        } else {
            ReadinessWord::Untrusted
        }
    }
}

#[cfg(test)]
mod tests;
