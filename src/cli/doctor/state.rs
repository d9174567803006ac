//! The check of the state folder: ours alone, and it can be written to.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::Access;

use super::check::{Check, quoted};
use crate::control::Target;

const ABOUT: &str = "state folder";
/// Bits by which others could write: whoever can accepts a fleet.toml in our name.
const OTHERS_WRITE: u32 = 0o022;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Absent,
    NoFolder,
    Folder {
        is_ours: bool,
        mode: u32,
        writable: bool,
    },
}

pub(super) fn checks(target: &Target) -> Vec<Check> {
    let dir = &target.state_dir;
    vec![judge(dir, look(dir))]
}

fn look(dir: &Path) -> Seen {
    match std::fs::metadata(dir) {
        Err(_) => Seen::Absent,
        Ok(meta) if !meta.is_dir() => Seen::NoFolder,
        Ok(meta) => Seen::Folder {
            is_ours: meta.uid() == rustix::process::getuid().as_raw(),
            mode: meta.mode() & 0o777,
            writable: rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        },
    }
}

fn judge(dir: &Path, seen: Seen) -> Check {
    let (path, shell) = (dir.display(), quoted(dir));
    let bad = |text: String| Check::bad(ABOUT, "state", text);
    match seen {
        Seen::Absent => Check::ok(ABOUT, "state", format!("{path} is made when it is needed.")),
        Seen::NoFolder => {
            bad(format!("{path} is no folder.")).fix(format!("mv {shell} {shell}.old"))
        }
        Seen::Folder { is_ours: false, .. } => bad(format!("{path} belongs to another user."))
            .fix("name another with --state-dir DIR or FLEET_STATE_DIR"),
        Seen::Folder { mode, .. } if mode & OTHERS_WRITE != 0 => {
            let text = format!("{path} can be written to by others (mode {mode:03o}).");
            bad(text).fix(format!("chmod 700 {shell}"))
        }
        Seen::Folder {
            writable: false, ..
        } => bad(format!("{path} cannot be written to.")).fix(format!("chmod u+rwx {shell}")),
        Seen::Folder { .. } => Check::ok(ABOUT, "state", format!("{path} is yours alone.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn each_way_it_can_be_wrong_has_its_command() {
        let folder = |is_ours, mode, writable| Seen::Folder {
            is_ours,
            mode,
            writable,
        };
        let all = [
            Seen::Absent,
            Seen::NoFolder,
            folder(false, 0o700, true),
            folder(true, 0o777, true),
            folder(true, 0o500, false),
            folder(true, 0o700, true),
        ];
        let checks = all.map(|seen| judge(Path::new("/s t"), seen)).to_vec();
        insta::assert_snapshot!(Report::new(checks).words(), @r"
        state folder
          ✓ /s t is made when it is needed.
          ✗ /s t is no folder.
              try: mv '/s t' '/s t'.old
          ✗ /s t belongs to another user.
              try: name another with --state-dir DIR or FLEET_STATE_DIR
          ✗ /s t can be written to by others (mode 777).
              try: chmod 700 '/s t'
          ✗ /s t cannot be written to.
              try: chmod u+rwx '/s t'
          ✓ /s t is yours alone.
        4 problems.
        ");
    }
}
