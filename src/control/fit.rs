//! Whether a client and a daemon fit each other.
//!
//! Owns: which of two builds is the newer one, and what an older client may still do. Pure. Does not own: the greeting.

use serde::{Deserialize, Serialize};

use super::{Command, PROTOCOL};
use crate::domain::{ErrorKind, Failure};

/// One build of `fleet`, as it tells itself in the greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// [`PROTOCOL`] of that build.
    pub protocol: u32,
    /// Its version.
    pub version: String,
}

impl Build {
    /// This build.
    #[must_use]
    pub fn own() -> Self {
        Self {
            protocol: PROTOCOL,
            version: fleet_receivers::version().to_owned(),
        }
    }

    /// Whether this is older than that. What is no version at all is older than any.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        let rank = |build: &Self| (semver::Version::parse(&build.version).ok(), build.protocol);
        rank(self) < rank(other)
    }
}

/// How a client stands to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Of one build.
    Same,
    /// The daemon is older: it hands over when the client asks it to.
    DaemonOlder,
    /// The client is older and speaks the same protocol: it may look, wait and stop, and begins nothing.
    ClientOlder,
    /// The client is older and would misunderstand the daemon: it may only stop it.
    ClientTooOld,
}

impl Fit {
    /// Of a client to a daemon.
    #[must_use]
    pub fn of(client: &Build, daemon: &Build) -> Self {
        if daemon.is_older_than(client) {
            Self::DaemonOlder
        } else if client == daemon {
            Self::Same
        } else if client.protocol == daemon.protocol {
            Self::ClientOlder
        } else {
            Self::ClientTooOld
        }
    }

    /// Whether a daemon does this for such a client. Handing over and stopping keep their form in every protocol.
    #[must_use]
    pub fn allows(self, command: &Command) -> bool {
        match self {
            Self::Same => true,
            Self::DaemonOlder => matches!(command, Command::HandOver | Command::StopDaemon),
            Self::ClientOlder => !begins_something(command),
            Self::ClientTooOld => matches!(command, Command::StopDaemon),
        }
    }

    /// Why a daemon does not do what such a client asks.
    #[must_use]
    pub fn refusal(self, client: &Build, daemon: &Build) -> Failure {
        let (ours, theirs) = (&daemon.version, &client.version);
        let message = format!("The daemon is fleet {ours}, and this is fleet {theirs}.");
        match self {
            Self::Same | Self::DaemonOlder => Failure::new(
                ErrorKind::Daemon,
                message,
                "Run the command again: the older daemon hands over, and receivers and their turns go on.",
            ),
            Self::ClientOlder | Self::ClientTooOld => Failure::new(
                ErrorKind::Usage,
                message,
                format!(
                    "Use fleet {ours}. To go back to {theirs}: `fleet daemon stop`, then the command again; receivers and \
                     their turns go on."
                ),
            ),
        }
    }
}

/// A dispatch that was made before is only waited for again: the daemon looks whether it is such a one.
fn begins_something(command: &Command) -> bool {
    match command {
        Command::Deploy { .. }
        | Command::Start { .. }
        | Command::Restart { .. }
        | Command::TopUp { .. }
        | Command::ResetBudget { .. }
        | Command::Trust { accept: Some(_) }
        | Command::TrustPeer {
            accept: Some(_), ..
        }
        | Command::HandOver => true,
        Command::Snapshot { .. }
        | Command::Submit(_)
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Cancel { .. }
        | Command::AnswerPermission { .. }
        | Command::Resolve { .. }
        | Command::Follow { .. }
        | Command::Stop { .. }
        | Command::Status
        | Command::Budgets { .. }
        | Command::Audit { .. }
        | Command::Transcripts { .. }
        | Command::Trust { accept: None }
        | Command::TrustPeer { accept: None, .. }
        | Command::StopDaemon => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(protocol: u32, version: &str) -> Build {
        let version = version.to_owned();
        Build { protocol, version }
    }

    #[test]
    fn the_newer_side_decides() {
        let fit = |client: (u32, &str), daemon: (u32, &str)| {
            Fit::of(&build(client.0, client.1), &build(daemon.0, daemon.1))
        };
        assert_eq!(fit((1, "0.1.0"), (1, "0.1.0")), Fit::Same);
        assert_eq!(fit((1, "0.10.0"), (1, "0.9.0")), Fit::DaemonOlder);
        assert_eq!(fit((2, "0.2.0"), (1, "0.1.0")), Fit::DaemonOlder);
        assert_eq!(fit((2, "0.1.0"), (1, "0.1.0")), Fit::DaemonOlder);
        assert_eq!(fit((1, "0.1.0"), (1, "0.1.1")), Fit::ClientOlder);
        assert_eq!(fit((1, "0.1.0-rc.1"), (1, "0.1.0")), Fit::ClientOlder);
        assert_eq!(fit((1, "0.1.0"), (2, "0.2.0")), Fit::ClientTooOld);
        assert_eq!(fit((1, "no version"), (1, "0.1.0")), Fit::ClientOlder);
        assert_eq!(fit((1, "0.1.0"), (1, "no version")), Fit::DaemonOlder);
    }

    #[test]
    fn an_older_client_looks_and_waits_and_begins_nothing() {
        let (peers, all) = (Vec::new(), true);
        let deploy = Command::Deploy { peers, all };
        for (fit, status, begin, stop) in [
            (Fit::Same, true, true, true),
            (Fit::DaemonOlder, false, false, true),
            (Fit::ClientOlder, true, false, true),
            (Fit::ClientTooOld, false, false, true),
        ] {
            assert_eq!(fit.allows(&Command::Status), status, "{fit:?}");
            assert_eq!(fit.allows(&deploy), begin, "{fit:?}");
            assert_eq!(fit.allows(&Command::StopDaemon), stop, "{fit:?}");
        }
        let refused = Fit::ClientOlder.refusal(&build(1, "0.1.0"), &build(1, "0.2.0"));
        assert!(refused.message.contains("0.2.0"), "{refused}");
        assert!(refused.remedy.contains("Use fleet 0.2.0"), "{refused:?}");
    }
}
