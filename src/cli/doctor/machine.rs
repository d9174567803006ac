//! The checks of the machine: room on the disk, and a clock that can be believed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::check::{Check, quoted};

const ABOUT: &str = "machine";
const MIB: u64 = 1024 * 1024;
/// Below this a day's transcripts and logs may fill the disk.
const LOW_BYTES: u64 = 1024 * MIB;
/// Below this the next dispatch may fail.
const FULL_BYTES: u64 = 100 * MIB;
/// 2026-01-01: this program is younger.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// How far what we wrote may lie ahead: file systems round, and networks have clocks of their own.
const AHEAD: Duration = Duration::from_secs(60);
/// The daemon's database: written by our own clock.
const WITNESS: &str = "fleet.db";

pub(super) fn checks(state_dir: &Path) -> Vec<Check> {
    let mut checks: Vec<Check> = disk(state_dir).into_iter().collect();
    let wrote = std::fs::metadata(state_dir.join(WITNESS)).and_then(|meta| meta.modified());
    checks.push(judge_clock(now(), wrote.ok().and_then(since_epoch)));
    checks
}

/// The clock alone, where there is no fleet.
pub(super) fn clock() -> Vec<Check> {
    vec![judge_clock(now(), None)]
}

#[allow(
    clippy::disallowed_methods,
    reason = "whether the system's own clock can be believed is the question"
)]
fn now() -> Duration {
    since_epoch(SystemTime::now()).unwrap_or_default()
}

fn since_epoch(time: SystemTime) -> Option<Duration> {
    time.duration_since(UNIX_EPOCH).ok()
}

/// The disk of the state folder, or of the folder that it is going to be made in.
fn disk(state_dir: &Path) -> Option<Check> {
    let place = state_dir.ancestors().find(|dir| dir.exists())?;
    let found = rustix::fs::statvfs(place).ok()?;
    Some(judge_disk(
        place,
        found.f_bavail.saturating_mul(found.f_frsize),
    ))
}

fn judge_disk(place: &Path, free: u64) -> Check {
    let path = place.display();
    let text = format!("{} MiB are free on the disk of {path}.", free / MIB);
    let fix = format!("du -xhd1 {} | sort -h", quoted(place));
    match free {
        ..FULL_BYTES => Check::bad(ABOUT, "disk", text).fix(fix),
        FULL_BYTES..LOW_BYTES => Check::warning(ABOUT, "disk", text).fix(fix),
        LOW_BYTES.. => Check::ok(ABOUT, "disk", text),
    }
}

fn judge_clock(now: Duration, wrote: Option<Duration>) -> Check {
    let behind = wrote.is_some_and(|wrote| wrote > now + AHEAD);
    let text = match (now < EARLIEST, behind) {
        (true, _) => "The clock stands before this program was written.",
        (false, true) => "The clock was set back: the database was written later than now.",
        (false, false) => return Check::ok(ABOUT, "clock", "The clock can be believed."),
    };
    let text = format!("{text} Deadlines and budget windows depend on it.");
    Check::bad(ABOUT, "clock", text).fix("sudo timedatectl set-ntp true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn a_full_disk_and_a_wrong_clock_are_told() {
        let place = Path::new("/state");
        let mut checks: Vec<Check> = [5 * MIB, 500 * MIB, 5_000 * MIB]
            .map(|free| judge_disk(place, free))
            .to_vec();
        let later = EARLIEST + Duration::from_secs(1_000);
        checks.push(judge_clock(Duration::from_secs(5), None));
        checks.push(judge_clock(EARLIEST, Some(later)));
        checks.push(judge_clock(later, Some(EARLIEST)));
        insta::assert_snapshot!(Report::new(checks).words());
    }
}
