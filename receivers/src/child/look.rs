//! Looking for what a receiver left, without touching it.
//!
//! Owns: the question. Does not own: ending anything, see `sweep`.

use super::proc::{self, Environ, Wanted};
use super::spawn;

/// The processes that bear the marker of this receiver; none where the system cannot say.
#[must_use]
pub fn bearers(receiver_id: &str) -> Vec<i32> {
    let wanted = Wanted::Prefix(spawn::marker_entry(receiver_id, "").into_bytes());
    let bears = |pid: &i32| proc::environ(*pid, &wanted) == Environ::Bears;
    proc::pids().into_iter().filter(bears).collect()
}
