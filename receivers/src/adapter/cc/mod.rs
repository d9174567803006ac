//! `cc`: Claude Code.
//!
//! Owns: one process per turn over its stream-json protocol on standard input and output, the session it continues, and what
//! its lines mean. Does not own: the process (see [`crate::child`]), who answers a permission request, or the turn's deadline.

mod argv;
mod events;
mod grants;
mod outcome;
mod probe;
mod question;
mod run;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use crate::adapter::{Adapter, BoxFuture, CliVersions, Readiness, Turn, TurnEnd, TurnIo};
use crate::child::{ChildEnv, Spawner};
use crate::config::{Permissions, ReceiverConfig};

use grants::AllGrants;

/// The program, as it is searched on PATH.
const PROGRAM: &str = "claude";
/// What mends a missing login.
const LOGIN_REMEDY: &str =
    "run `claude` and type /login, or set ANTHROPIC_API_KEY where the receiver is deployed from";
/// What mends a missing program.
pub const INSTALL_REMEDY: &str = "npm install -g @anthropic-ai/claude-code";

/// What mends one that is too old.
const UPDATE_REMEDY: &str = "run `claude update`, or npm install -g @anthropic-ai/claude-code";

/// The oldest that passes the tests of this adapter (measured with `FLEET_TEST_CLAUDE`). 2.1.105 leaves calls of the model
/// that it makes beside a turn out of the turn's figures; 2.1.0 does not say why a turn ended, nor in time which session is
/// unknown; 1.0.60 does not start with these switches at all.
const OLDEST_VERSION: &str = "2.1.120";
/// The one whose output the recordings hold and that the tests drive.
const TESTED_VERSION: &str = "2.1.329";
/// Both.
pub(super) const VERSIONS: CliVersions = CliVersions {
    oldest: OLDEST_VERSION,
    tested: TESTED_VERSION,
};

/// Drives Claude Code.
#[derive(Debug)]
pub struct CcAdapter {
    fleet: String,
    peer: String,
    permissions: Permissions,
    model: Option<String>,
    /// Asks the program about itself.
    prober: Spawner,
    /// What people answered with "always", by context.
    grants: AllGrants,
}

impl CcAdapter {
    /// For this receiver; `env` is what its processes get.
    #[must_use]
    pub fn new(config: &ReceiverConfig, env: ChildEnv) -> Self {
        Self {
            fleet: config.fleet.clone(),
            peer: config.peer.clone(),
            permissions: config.permissions,
            model: config.model.clone(),
            prober: Spawner::for_probe(&config.receiver_id, config.repo.clone(), env),
            grants: AllGrants::default(),
        }
    }
}

impl Adapter for CcAdapter {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        Box::pin(probe::probe(&self.prober))
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        Box::pin(run::run(self, turn, io))
    }
}
