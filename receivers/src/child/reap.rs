//! Taking the exit statuses of processes that were left to us.
//!
//! Owns: the child subreaper and the reaping by pid. Never waits for "any child": others wait for theirs.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, WaitOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::{proc, registry};

static SUBREAPER: AtomicBool = AtomicBool::new(false);

/// Makes orphans of this process's descendants its children, so that it can reap them. Call once, in a receiver.
/// Does nothing where the system has no such thing.
///
/// # Errors
/// What the system says.
pub fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        SUBREAPER.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Reaps the orphans that were left to this process and are dead. Says how many. Blocks for a few milliseconds at most.
///
/// An orphan is told from a child of our own by its process group: whatever descends from a turn is in another group than
/// we are, and the leaders, which are too, are registered.
#[must_use]
pub fn reap_orphans() -> usize {
    if !SUBREAPER.load(Ordering::Relaxed) {
        return 0;
    }
    let own = proc::own_pid();
    let Some(own_group) = proc::stat(own).map(|stat| stat.pgrp) else {
        return 0;
    };
    proc::stats()
        .into_iter()
        .filter(|stat| stat.zombie && stat.ppid == own && stat.pgrp != own_group)
        .filter(|stat| reap(stat.pid))
        .count()
}

/// Reaps orphans when they die, until it is dropped. A sweep cannot: what it killed, or what nobody killed, may die after it.
/// Between two deaths it costs nothing.
///
/// # Errors
/// What the system says about the signal.
pub async fn reap_as_they_die() -> io::Result<()> {
    let mut deaths = signal(SignalKind::child())?;
    loop {
        // It fails only when the process ends.
        let _ = tokio::task::spawn_blocking(reap_orphans).await;
        if deaths.recv().await.is_none() {
            return Ok(());
        }
    }
}

/// Reaps one dead child unless somebody waits for it. Says whether it did.
pub(super) fn reap(pid: i32) -> bool {
    let direct = registry::lock();
    if direct.contains(&pid) {
        return false;
    }
    let Some(target) = Pid::from_raw(pid) else {
        return false;
    };
    matches!(
        rustix::process::waitpid(Some(target), WaitOptions::NOHANG),
        Ok(Some(_))
    )
}
