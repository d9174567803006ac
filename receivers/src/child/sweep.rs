//! Finding and killing whatever still bears a marker.
//!
//! Owns: the sweep. It matches only the receiver it was asked for, never this process, and may be called by processes that are
//! not the parents of what they sweep (the daemon, after a receiver died).

use std::collections::BTreeMap;
use std::time::Duration;

use super::proc::{self, Environ, Moment, Next, Stat, Wanted};
use super::{reap, spawn, tree};

/// Rounds before a sweep gives up: with [`PAUSE`] it takes 2 s at most, the time a turn has to end.
const ROUNDS: u32 = 200;
/// Between two rounds, while something was found: killed processes need a moment to die.
const PAUSE: Duration = Duration::from_millis(10);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Processes that were killed.
    pub killed: usize,
    /// Dead children of ours whose exit status was taken.
    pub reaped: usize,
    /// Processes that still bore the marker when the sweep gave up.
    pub survivors: usize,
}

/// Which bearers are meant.
#[derive(Debug)]
enum Among {
    All,
    /// Those that began then or later, but not this leader.
    Since(i32, Moment),
    /// Of those, the ones whose parent is gone and that began before what comes next.
    OrphansSince(i32, Moment, Next),
}

/// The parent of orphans that nobody adopts.
const INIT: i32 = 1;

impl Among {
    fn holds(&self, stat: &Stat) -> bool {
        match self {
            Self::All => true,
            Self::Since(leader, since) => stat.pid != *leader && stat.began_since(*since),
            Self::OrphansSince(leader, since, next) => {
                let is_orphan = stat.ppid == proc::own_pid() || stat.ppid == INIT;
                let is_within = stat.began_since(*since) && !stat.began_within(next);
                is_orphan && stat.pid != *leader && is_within
            }
        }
    }
}

/// Kills every process that bears the marker of this receiver, with one label (a task's id, say) or with any, until none is
/// found, and reaps those that are our children. Ends within 2 s or so, however many there are.
pub async fn sweep(receiver_id: &str, label: Option<&str>) -> SweepReport {
    let wanted = match label {
        Some(label) => Wanted::Entry(spawn::marker_entry(receiver_id, label).into_bytes()),
        None => Wanted::Prefix(spawn::marker_entry(receiver_id, "").into_bytes()),
    };
    rounds(wanted, Among::All).await
}

/// The same for what began at a moment or later, and for what descends from the leader and did.
pub(super) async fn sweep_since(
    receiver_id: &str,
    label: &str,
    (leader, since): (i32, Moment),
) -> SweepReport {
    let wanted = Wanted::Entry(spawn::marker_entry(receiver_id, label).into_bytes());
    rounds(wanted, Among::Since(leader, since)).await
}

/// The same for what a turn left behind: what began at a moment or later, but before the next turn, and hangs on nobody any
/// more.
pub(super) async fn sweep_orphans_since(
    receiver_id: &str,
    label: &str,
    (leader, since, next): (i32, Moment, Next),
) -> SweepReport {
    let wanted = Wanted::Entry(spawn::marker_entry(receiver_id, label).into_bytes());
    rounds(wanted, Among::OrphansSince(leader, since, next)).await
}

async fn rounds(wanted: Wanted, among: Among) -> SweepReport {
    let mut state = Sweep {
        wanted,
        among,
        killed: BTreeMap::new(),
        report: SweepReport::default(),
    };
    for _ in 0..ROUNDS {
        let Ok((back, done)) = tokio::task::spawn_blocking(move || {
            let done = state.round();
            (state, done)
        })
        .await
        else {
            // The blocking pool is shutting down: the process ends.
            return SweepReport::default();
        };
        state = back;
        if done {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    state.report
}

/// A sweep under way.
#[derive(Debug)]
struct Sweep {
    wanted: Wanted,
    among: Among,
    /// Killed and not yet known to be gone: pid and start time.
    killed: BTreeMap<i32, u64>,
    report: SweepReport,
}

impl Sweep {
    /// One look at all processes. Says whether nothing is left to do.
    fn round(&mut self) -> bool {
        if let Among::Since(leader, since) = &self.among {
            self.kill_descendants(*leader, *since);
        }
        let first = self.kill_bearers();
        // A process in the middle of an exec has no environment for a moment: then one more look.
        let found = if first.bearers == 0 && first.empty > 0 {
            self.kill_bearers()
        } else {
            first
        };
        self.report.survivors = found.bearers;
        self.reap_killed();
        let done = found.bearers == 0 && self.killed.is_empty();
        if done {
            self.report.reaped += reap::reap_orphans();
        }
        done
    }

    fn kill_bearers(&mut self) -> Found {
        let own = proc::own_pid();
        let mut found = Found::default();
        for pid in proc::pids().into_iter().filter(|pid| *pid != own) {
            match proc::environ(pid, &self.wanted) {
                Environ::Bears => {
                    if let Some(stat) = proc::stat(pid).filter(|stat| self.among.holds(stat)) {
                        found.bearers += 1;
                        self.kill(&stat);
                    }
                }
                Environ::Empty => found.empty += usize::from(may_be_in_exec(pid)),
                Environ::Lacks | Environ::Unreadable => {}
            }
        }
        found
    }

    /// Those that hid their marker.
    fn kill_descendants(&mut self, leader: i32, since: Moment) {
        for stat in tree::begun_since(leader, since) {
            let is_same = || proc::stat(stat.pid).is_some_and(|now| now.started == stat.started);
            if proc::kill_checked(stat.pid, is_same) {
                self.note(&stat);
            }
        }
    }

    fn kill(&mut self, stat: &Stat) {
        let still_bears = || proc::environ(stat.pid, &self.wanted) == Environ::Bears;
        if proc::kill_checked(stat.pid, still_bears) {
            self.note(stat);
        }
    }

    fn note(&mut self, stat: &Stat) {
        if self.killed.insert(stat.pid, stat.started).is_none() {
            self.report.killed += 1;
        }
    }

    /// Takes the statuses of killed children of ours; forgets those that are gone or somebody else's to reap.
    fn reap_killed(&mut self) {
        let own = proc::own_pid();
        let killed = std::mem::take(&mut self.killed);
        for (pid, started) in &killed {
            let Some(stat) = proc::stat(*pid).filter(|stat| stat.started == *started) else {
                continue;
            };
            if stat.zombie && stat.ppid == own {
                self.report.reaped += usize::from(reap::reap(*pid));
            } else if !stat.zombie || killed.contains_key(&stat.ppid) {
                // Still dying, or its parent is; then it comes to us.
                self.killed.insert(*pid, *started);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    bearers: usize,
    empty: usize,
}

/// Whether an empty environment may be that of a process in the middle of an exec: zombies and the kernel's own have none.
fn may_be_in_exec(pid: i32) -> bool {
    /// The parent of the kernel's own processes.
    const KTHREADD: i32 = 2;
    proc::stat(pid).is_some_and(|stat| !stat.zombie && pid != KTHREADD && stat.ppid != KTHREADD)
}
