//! The processes of a turn: starting them marked, stopping them, and leaving none.
//!
//! Owns: argv-only spawning with a chosen environment, the marker `FLEET_TURN=<receiver>/<label>`, the child subreaper, the
//! sweep, bounded reading of what a process says. Does not own: what it means.
//!
//! The label is the task's id for a process that ends with its turn, and the process's own for one that may outlive it
//! ([`Spawner::outliving`]): then the end of a turn sweeps what the turn left behind, a turn that was stopped all that began
//! within it, and the end of the process everything.
//!
//! What dies with a turn or process: the leader, its process group, its descendants as they stand when it is killed, and whatever still
//! bears the marker, in whatever session or group; but no fleet's daemon that the agent happened to start (see [`APART`]). The limit: a process that left its parent (double fork), left the group
//! (`setsid`) and replaced its environment by one without the marker is not found; nor is anything outside this kernel's
//! `/proc` (containers of a daemon, remote hosts). On systems without `/proc` the group is all that is killed.

mod ask;
mod env;
mod lines;
mod look;
mod proc;
mod reap;
mod registry;
mod spawn;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;

pub use ask::{AskError, Said, ask};
pub use env::ChildEnv;
pub use lines::{Line, Lines, Splitter, Tail};
pub use look::bearers;
pub use proc::{Moment, Next};
pub use reap::{become_subreaper, reap_as_they_die, reap_orphans};
pub use spawn::{Child, SpawnError, Spawner, Stdin, Stop, StopSignal, stop};
pub use sweep::{SweepReport, sweep};

/// Names the receiver and the task, or the process that serves several, in the environment of every process of a turn.
pub const MARKER: &str = "FLEET_TURN";
/// Stands in the environment of a fleet's daemon that a command started. The command may have been one of a turn: then the
/// daemon descends from that turn and all the same belongs to its fleet, with the receivers below it.
pub const APART: &str = "FLEET_APART";
