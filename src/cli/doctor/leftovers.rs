//! The check for processes that outlived the receiver they belong to.

use std::path::Path;

use fleet_receivers::{child, folder};

use super::check::Check;
use crate::config::FleetConfig;

const ABOUT: &str = "leftovers";
/// Receivers' folders that are looked at; a fleet has tens of peers.
const MAX_FOLDERS: usize = 1_000;

/// A receiver that is dead while processes of its turns live.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    peer: String,
    /// Whether fleet.toml still names it, so that it can be started.
    is_named: bool,
    pids: Vec<i32>,
}

pub(super) fn checks(state_dir: &Path, fleet: Option<&FleetConfig>) -> Vec<Check> {
    judge(&look(state_dir, fleet))
}

fn look(state_dir: &Path, fleet: Option<&FleetConfig>) -> Vec<Left> {
    let entries = std::fs::read_dir(state_dir.join("receivers"));
    let folders = entries.into_iter().flatten().flatten().take(MAX_FOLDERS);
    let mut left = Vec::new();
    for entry in folders {
        let Ok((config, _)) = folder::load(&entry.path()) else {
            continue;
        };
        if folder::is_served(&entry.path()) {
            continue;
        }
        let pids = child::bearers(&config.receiver_id);
        if !pids.is_empty() {
            let is_named = fleet.is_some_and(|fleet| {
                fleet
                    .peers
                    .iter()
                    .any(|peer| peer.name.as_str() == config.peer)
            });
            let peer = config.peer;
            left.push(Left {
                peer,
                is_named,
                pids,
            });
        }
    }
    left.sort_by(|a, b| a.peer.cmp(&b.peer));
    left
}

fn judge(left: &[Left]) -> Vec<Check> {
    if left.is_empty() {
        let text = "No process outlived its receiver.";
        return vec![Check::ok(ABOUT, "leftovers", text)];
    }
    let check = |left: &Left| {
        let pids: Vec<String> = left.pids.iter().map(i32::to_string).collect();
        let pids = pids.join(" ");
        let text = format!(
            "The receiver of {} is gone, and processes of its turns live on: {pids}.",
            left.peer
        );
        let check = Check::bad(ABOUT, "leftovers", text);
        if left.is_named {
            // Starting sweeps up first.
            check.fix(format!("fleet start {}", left.peer))
        } else {
            check.fix(format!("kill {pids}"))
        }
    };
    left.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn what_is_left_is_named_by_its_processes() {
        let left = |peer: &str, is_named| Left {
            peer: peer.to_owned(),
            is_named,
            pids: vec![41, 42],
        };
        insta::assert_snapshot!(
            Report::new(judge(&[left("app", true), left("old", false)])).words()
        );
        assert!(Report::new(judge(&[])).ok);
    }
}
