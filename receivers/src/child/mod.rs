//! The processes of a turn: starting them marked, stopping them, and leaving none.
//!
//! Owns: argv-only spawning with a chosen environment, the marker `FLEET_TURN=<receiver>/<task>`, the child subreaper, the
//! sweep. Does not own: what the processes say.

/// Names the receiver and the task in the environment of every process of a turn.
pub const MARKER: &str = "FLEET_TURN";

/// Starts processes for one turn.
#[derive(Debug, Clone)]
pub struct Spawner;
