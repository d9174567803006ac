//! The processes that this process started itself and still waits for.
//!
//! Owns: the set of their pids. The reaper asks it, so that it never takes an exit status that somebody waits for.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

static DIRECT: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Held while a process is started and while one is reaped, so that no child is ever unknown in between.
pub(super) fn lock() -> MutexGuard<'static, BTreeSet<i32>> {
    DIRECT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes its pid when the process was waited for or given up.
#[derive(Debug)]
pub(super) struct Registered(pub(super) i32);

impl Drop for Registered {
    fn drop(&mut self) {
        lock().remove(&self.0);
    }
}
