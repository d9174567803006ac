//! Processes by `/proc`: who is whose child, and who is dead and not taken away.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// What matters of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) zombie: bool,
}

/// One process; `None` when it is gone.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may hold anything; its last parenthesis closes it.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let zombie = matches!(state, "Z" | "X");
    Some(Stat {
        pid,
        parent,
        zombie,
    })
}

/// Whether a process runs: it is there, and not only its exit status.
pub(super) fn runs(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !stat.zombie)
}

/// The dead children that these have not taken away.
pub(super) fn zombies_of(parents: &[i32]) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
        .filter(|stat| stat.zombie && parents.contains(&stat.parent))
        .map(|stat| stat.pid)
        .collect()
}

/// Signals a process; it may be gone already.
pub(super) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}
