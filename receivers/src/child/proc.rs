//! Reading `/proc`, and signalling a process only after it was proven to be the one that was meant.
//!
//! Owns: the parsing of `stat` and `environ`. Where there is no `/proc` every list is empty.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use rustix::process::{Pid, Signal};

/// More than any kernel passes on to a process by default (6 MiB); what is longer is not searched further.
const MAX_ENVIRON_BYTES: u64 = 8 * 1024 * 1024;
/// Fields of `stat` after the command's closing parenthesis: state, ppid, pgrp and start time.
const STATE: usize = 0;
const PPID: usize = 1;
const PGRP: usize = 2;
const STARTED: usize = 19;

/// What `/proc/<pid>/stat` says, as far as needed. `pid` and `started` together name a process for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) ppid: i32,
    pub(super) pgrp: i32,
    pub(super) zombie: bool,
    /// Clock ticks since boot.
    pub(super) started: u64,
}

/// When a process began or something happened, in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Ticks a second, as `/proc` counts them on every machine that Rust runs Linux on.
    const TICKS_S: u64 = 100;

    /// Now. What begins within the same tick counts as later.
    #[must_use]
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(CLOCK);
        let part = |part: i64| u64::try_from(part).unwrap_or(0);
        Self(part(now.tv_sec) * Self::TICKS_S + part(now.tv_nsec) * Self::TICKS_S / 1_000_000_000)
    }
}

/// When what comes next began: never, as long as nobody has said so. Clones are told together.
#[derive(Debug, Clone, Default)]
pub struct Next(Arc<OnceLock<Moment>>);

impl Next {
    /// It begins now.
    pub fn begins(&self) {
        // The first moment counts.
        let _ = self.0.set(Moment::now());
    }

    fn has_begun_at(&self, started: u64) -> bool {
        self.0.get().is_some_and(|began| started >= began.0)
    }
}

/// The clock by which processes begin.
#[cfg(target_os = "linux")]
const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

impl Stat {
    /// Whether it began then or later.
    pub(super) fn began_since(&self, since: Moment) -> bool {
        self.started >= since.0
    }

    /// Whether it began when that had.
    pub(super) fn began_within(&self, next: &Next) -> bool {
        next.has_begun_at(self.started)
    }
}

/// What is searched in an environment.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// Exactly this entry.
    Entry(Vec<u8>),
    /// Any entry that begins so.
    Prefix(Vec<u8>),
}

/// What an environment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Environ {
    /// The wanted entry.
    Bears,
    /// Other things.
    Lacks,
    /// Nothing: a process in the middle of an exec, a zombie, or one of the kernel's.
    Empty,
    /// It is gone, or not ours to read.
    Unreadable,
}

impl Wanted {
    fn found_in(&self, environ: &[u8]) -> bool {
        environ.split(|byte| *byte == 0).any(|entry| match self {
            Self::Entry(wanted) => entry == wanted.as_slice(),
            Self::Prefix(wanted) => entry.starts_with(wanted),
        })
    }
}

/// Every process there is.
pub(super) fn pids() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Every process that can be read.
pub(super) fn stats() -> Vec<Stat> {
    pids().into_iter().filter_map(stat).collect()
}

/// One process; `None` when it is gone.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(
        pid,
        &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?,
    )
}

fn parse_stat(pid: i32, text: &str) -> Option<Stat> {
    // The command's name may hold spaces and parentheses; the last one closes it.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        pid,
        ppid: fields.get(PPID)?.parse().ok()?,
        pgrp: fields.get(PGRP)?.parse().ok()?,
        zombie: matches!(*fields.get(STATE)?, "Z" | "X"),
        started: fields.get(STARTED)?.parse().ok()?,
    })
}

/// Whether a process's environment holds what is wanted.
pub(super) fn environ(pid: i32, wanted: &Wanted) -> Environ {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(MAX_ENVIRON_BYTES).read_to_end(&mut bytes));
    match read {
        Err(_) => Environ::Unreadable,
        Ok(0) => Environ::Empty,
        Ok(_) if wanted.found_in(&bytes) => Environ::Bears,
        Ok(_) => Environ::Lacks,
    }
}

/// Kills a process if `still_meant` holds once its pid can no longer be reused. Says whether it was killed.
#[cfg(target_os = "linux")]
pub(super) fn kill_checked(pid: i32, still_meant: impl FnOnce() -> bool) -> bool {
    let Some(target) = Pid::from_raw(pid) else {
        return false;
    };
    let Ok(fd) = rustix::process::pidfd_open(target, rustix::process::PidfdFlags::empty()) else {
        return false;
    };
    still_meant() && rustix::process::pidfd_send_signal(fd, Signal::KILL).is_ok()
}

/// Kills a process if `still_meant` holds. Says whether it was killed.
#[cfg(not(target_os = "linux"))]
pub(super) fn kill_checked(pid: i32, still_meant: impl FnOnce() -> bool) -> bool {
    Pid::from_raw(pid).is_some_and(|target| {
        still_meant() && rustix::process::kill_process(target, Signal::KILL).is_ok()
    })
}

/// This process.
pub(super) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_and_spaces_is_no_obstacle() {
        let text = "7 (a) (b c) S 3 5 6 0 -1 0 1 2 3 4 5 6 7 8 9 10 11 12 4242 99\n";
        let stat = parse_stat(7, text).unwrap();
        assert_eq!(
            (stat.ppid, stat.pgrp, stat.zombie, stat.started),
            (3, 5, false, 4242)
        );
        assert_eq!(parse_stat(7, "garbage"), None);
        assert_eq!(parse_stat(7, "7 (x) S 1"), None);
    }

    #[test]
    fn an_entry_is_matched_whole() {
        let environ = b"A=1\0FLEET_TURN=r/t1\0XFLEET_TURN=r/t\0";
        assert!(!Wanted::Entry(b"FLEET_TURN=r/t".to_vec()).found_in(environ));
        assert!(Wanted::Entry(b"FLEET_TURN=r/t1".to_vec()).found_in(environ));
        assert!(Wanted::Prefix(b"FLEET_TURN=r/".to_vec()).found_in(environ));
        assert!(!Wanted::Prefix(b"FLEET_TURN=s/".to_vec()).found_in(environ));
    }
}
