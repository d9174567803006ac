//! `cc`: Claude Code.
//!
//! Owns: one process per context over its stream-json protocol on standard input and output, kept warm between turns, the
//! session it continues, and what its lines mean. Does not own: starting and killing as such (see [`crate::child`]), who answers
//! a permission request, or the turn's deadline.

mod argv;
mod errand;
mod events;
mod grants;
mod outcome;
mod pool;
mod probe;
mod process;
mod question;
mod reason;
mod run;
#[cfg(test)]
mod tests;
mod usage;
mod whose;
mod wire;
mod words;
mod writer;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::adapter::versions::{CliVersions, is_older};
use crate::adapter::{Adapter, BoxFuture, Readiness, Turn, TurnEnd, TurnIo};
use crate::child::{ChildEnv, Spawner};
use crate::config::{Permissions, ReceiverConfig};

use grants::AllGrants;
use pool::Pool;

/// The program, as it is searched on PATH.
const PROGRAM: &str = "claude";
/// What mends a missing login.
const LOGIN_REMEDY: &str =
    "run `claude` and type /login, or set ANTHROPIC_API_KEY where the receiver is deployed from";
/// What mends a missing program.
pub const INSTALL_REMEDY: &str = "npm install -g @anthropic-ai/claude-code";

/// What mends one that is too old.
const UPDATE_REMEDY: &str = "claude update";

/// The oldest that passes the tests of this adapter (measured with `FLEET_TEST_CLAUDE`), but for the words of subagents, which
/// it keeps to itself. 2.1.105 left calls of the model that it makes beside a turn out of the turn's figures; 2.1.0 does not say
/// why a turn ended, nor in time which session is unknown; 1.0.60 does not start with these switches at all.
const OLDEST_VERSION: &str = "2.1.120";
/// The one whose output the recordings hold and that the tests drive.
const TESTED_VERSION: &str = "2.1.329";
/// The oldest that is known to have `--forward-subagent-text`; 2.1.197 has it not.
const FORWARDS_SUBAGENTS: &str = TESTED_VERSION;
/// Both.
pub(super) const VERSIONS: CliVersions = CliVersions {
    oldest: OLDEST_VERSION,
    tested: TESTED_VERSION,
    update: UPDATE_REMEDY,
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
    /// The processes that wait for the next turn of their context.
    pool: Pool,
    /// What the program said last.
    version: Mutex<Option<String>>,
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
            pool: Pool::new(
                usize::try_from(config.max_concurrent_turns).unwrap_or(1),
                Duration::from_secs(u64::from(config.warm_idle_s)),
            ),
            version: Mutex::default(),
        }
    }
}

impl CcAdapter {
    fn version_said(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it passes on what subagents say when told to; older ones do not know the switch and would not start.
    fn forwards_subagents(&self) -> bool {
        let version = self.version_said();
        version
            .as_deref()
            .is_some_and(|version| !is_older(version, FORWARDS_SUBAGENTS))
    }
}

impl Adapter for CcAdapter {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        Box::pin(async {
            let readiness = probe::probe(&self.prober).await;
            self.version_said().clone_from(&readiness.version);
            readiness
        })
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        Box::pin(errand::run(self, turn, io))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.close())
    }
}
