//! Killing a leader with all that hangs on it.
//!
//! Owns: the walk over parents and groups. Needs no marker, so it also finds processes that replaced their environment.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::{Pid, Signal};

use super::APART;
use super::proc::{self, Environ, Moment, Stat, Wanted};

/// Rounds of looking for what was forked while we killed.
const ROUNDS: usize = 4;

/// Kills `leader`, its process group and its descendants. The caller knows that `leader` was not reaped yet.
/// Blocks for the time of a few looks at `/proc`.
pub(super) fn kill(leader: i32) {
    let mut known: BTreeMap<i32, u64> = BTreeMap::new();
    let apart = stands_apart(leader);
    for _ in 0..ROUNDS {
        let fresh = hanging_on(leader, &known, &proc::stats(), &apart);
        if fresh.is_empty() {
            break;
        }
        for stat in fresh {
            proc::kill_checked(stat.pid, || is_still(&stat));
            known.insert(stat.pid, stat.started);
        }
    }
    signal_group(leader, Signal::KILL);
}

/// What hangs on a leader that was not reaped yet and began at `since` or later, the leader and the dead apart.
pub(super) fn begun_since(leader: i32, since: Moment) -> Vec<Stat> {
    let all = hanging_on(
        leader,
        &BTreeMap::new(),
        &proc::stats(),
        stands_apart(leader),
    );
    all.into_iter()
        .filter(|stat| stat.pid != leader && !stat.zombie && stat.began_since(since))
        .collect()
}

/// Tells those that are no part of a turn though they descend from it.
fn stands_apart(leader: i32) -> impl Fn(i32) -> bool {
    let wanted = Wanted::Prefix(format!("{APART}=").into_bytes());
    move |pid| pid != leader && proc::environ(pid, &wanted) == Environ::Bears
}

/// Kills what is left of the group of a leader that has just been reaped.
pub(super) fn kill_leftovers(leader: i32) {
    let stats = proc::stats();
    // A living process with this pid is a new one: the group is gone and the number was reused.
    if cfg!(target_os = "linux") && stats.iter().any(|stat| stat.pid == leader) {
        return;
    }
    if cfg!(target_os = "linux") {
        for stat in stats.iter().filter(|stat| stat.pgrp == leader) {
            proc::kill_checked(stat.pid, || is_still(stat));
        }
    } else {
        signal_group(leader, Signal::KILL);
    }
}

/// Signals the group of a leader that was not reaped yet.
pub(super) fn signal_group(leader: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(leader) {
        // It may have died in this moment; then there is nobody to tell.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

fn is_still(stat: &Stat) -> bool {
    proc::stat(stat.pid).is_some_and(|now| now.started == stat.started)
}

/// What hangs on the leader or on those already known, without those already known, and without those that stand apart and
/// what hangs on them alone.
fn hanging_on(
    leader: i32,
    known: &BTreeMap<i32, u64>,
    stats: &[Stat],
    apart: impl Fn(i32) -> bool,
) -> Vec<Stat> {
    let mut found: BTreeMap<i32, Stat> = BTreeMap::new();
    let mut spared: BTreeSet<i32> = BTreeSet::new();
    let is_known = |stat: &Stat| known.get(&stat.pid) == Some(&stat.started);
    loop {
        let before = found.len();
        for stat in stats {
            let hangs = stat.pid == leader
                || stat.pgrp == leader
                || stat.ppid == leader
                || found.contains_key(&stat.ppid)
                || known.contains_key(&stat.ppid);
            if !hangs
                || is_known(stat)
                || found.contains_key(&stat.pid)
                || spared.contains(&stat.pid)
            {
                continue;
            }
            if apart(stat.pid) {
                spared.insert(stat.pid);
            } else {
                found.insert(stat.pid, *stat);
            }
        }
        if found.len() == before {
            return found.into_values().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, ppid: i32, pgrp: i32) -> Stat {
        Stat {
            pid,
            ppid,
            pgrp,
            zombie: false,
            started: 1,
        }
    }

    #[test]
    fn descendants_and_group_members_hang_on_the_leader_and_nobody_else() {
        let stats = [
            stat(4, 3, 4), // a grandchild in a group of its own, listed before its parent
            stat(2, 1, 2), // the leader
            stat(3, 2, 2), // its child
            stat(5, 1, 2), // left its parent, stayed in the group
            stat(6, 1, 6), // somebody else
        ];
        let mut pids: Vec<i32> = hanging_on(2, &BTreeMap::new(), &stats, |_| false)
            .iter()
            .map(|stat| stat.pid)
            .collect();
        pids.sort_unstable();
        assert_eq!(pids, [2, 3, 4, 5]);
        let known = BTreeMap::from([(2, 1), (3, 1), (5, 1)]);
        let rest = hanging_on(2, &known, &stats, |_| false);
        assert_eq!(rest.iter().map(|stat| stat.pid).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn a_daemon_that_a_command_of_the_turn_started_is_spared_with_all_below_it() {
        let stats = [
            stat(2, 1, 2), // the leader
            stat(3, 2, 2), // its command
            stat(4, 3, 4), // the daemon
            stat(5, 4, 5), // its receiver
            stat(6, 5, 6), // a turn of that receiver
        ];
        let found = hanging_on(2, &BTreeMap::new(), &stats, |pid| pid == 4);
        assert_eq!(
            found.iter().map(|stat| stat.pid).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}
