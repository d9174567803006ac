//! The checks of one peer beside its agent: its repo, its receiver, the agent settings of the repo. `echo` touches no repo.

use std::path::{Path, PathBuf};

use fleet_receivers::Mode;
use fleet_receivers::folder::{self, FolderError};
use fleet_receivers::harness::{
    Accepted, Harness, Listing, Verdict, inventory, judge as judge_settings,
};

use super::check::{Check, quoted};
use crate::config::{PeerConfig, PeerKind, ReceiverPeer};
use crate::control::{PeerView, harness_words};
use crate::domain::Health;

/// What a repo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repo {
    Absent,
    NoFolder,
    /// A folder that git does not look after.
    Bare,
    Git,
}

/// What stands in the receiver's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Settings {
    NeverDeployed,
    Judged(Verdict),
    /// A file that others can read.
    TooOpen(PathBuf),
    Unusable(String),
}

pub(super) fn checks(peer: &PeerConfig, state_dir: &Path, view: Option<&PeerView>) -> Vec<Check> {
    let name = peer.name.as_str();
    let mut checks = Vec::new();
    if let PeerKind::Receiver(receiver) = &peer.kind
        && receiver.mode != Mode::Echo
    {
        let dir = state_dir.join("receivers").join(name);
        let repo = &receiver.repo;
        checks.push(judge_repo(name, repo, look_at_repo(repo)));
        checks.push(judge_harness(name, &inventory(repo)));
        checks.push(judge_accepted(name, &look_at_settings(&dir, receiver)));
    }
    if let Some(view) = view {
        checks.push(judge_health(name, view));
    }
    checks
}

fn look_at_repo(repo: &Path) -> Repo {
    match std::fs::metadata(repo) {
        Err(_) => Repo::Absent,
        Ok(meta) if !meta.is_dir() => Repo::NoFolder,
        // A checkout's `.git` may be a file, and may stand further up.
        Ok(_) if repo.ancestors().any(|dir| dir.join(".git").exists()) => Repo::Git,
        Ok(_) => Repo::Bare,
    }
}

fn judge_repo(name: &str, repo: &Path, seen: Repo) -> Check {
    let (path, shell) = (repo.display(), quoted(repo));
    match seen {
        Repo::Absent => Check::bad(name, "repo", format!("Its repo {path} does not exist."))
            .fix(format!("git init {shell}")),
        Repo::NoFolder => Check::bad(name, "repo", format!("Its repo {path} is no folder."))
            .fix(format!("correct peers.{name}.repo in fleet.toml")),
        Repo::Bare => {
            let text = format!(
                "Its repo {path} is no git checkout: what an agent changes there cannot be taken back."
            );
            Check::warning(name, "repo", text).fix(format!("git -C {shell} init"))
        }
        Repo::Git => Check::ok(name, "repo", format!("Its repo is {path}.")),
    }
}

fn judge_harness(name: &str, harness: &Harness) -> Check {
    let text = format!("Its repo has for agents: {}.", harness_words(harness));
    let text = match harness.notes.names.as_slice() {
        [] => text,
        notes => format!("{text} Not read: {}.", notes.join("; ")),
    };
    Check::ok(name, "harness", text)
}

fn look_at_settings(dir: &Path, receiver: &ReceiverPeer) -> Settings {
    let config = match folder::load(dir) {
        Ok((config, _)) => config,
        Err(FolderError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Settings::NeverDeployed;
        }
        Err(error) => return unusable(&error),
    };
    // Of another repo or mode: the next deploy is the first one here.
    if config.repo != receiver.repo || config.mode != receiver.mode {
        return Settings::NeverDeployed;
    }
    let listing = Listing::read(&config.repo, config.mode);
    match Accepted::read(dir) {
        Ok(accepted) => Settings::Judged(judge_settings(&config, &listing, accepted.as_ref())),
        Err(error) => unusable(&error),
    }
}

fn unusable(error: &FolderError) -> Settings {
    match error {
        FolderError::TooOpen { path, .. } => Settings::TooOpen(path.clone()),
        FolderError::Io { .. } | FolderError::Invalid { .. } => {
            Settings::Unusable(error.to_string())
        }
    }
}

fn judge_accepted(name: &str, seen: &Settings) -> Check {
    match seen {
        Settings::NeverDeployed => Check::ok(
            name,
            "settings",
            "It was never deployed; its first deploy accepts the agent settings of its repo.",
        ),
        Settings::Judged(Verdict::Accepted) => Check::ok(
            name,
            "settings",
            "The agent settings of its repo are accepted.",
        ),
        Settings::Judged(Verdict::Refused { detail, remedy }) => {
            Check::bad(name, "settings", detail.clone()).fix(remedy.clone())
        }
        Settings::TooOpen(path) => {
            let text = format!("{} can be read by others.", path.display());
            Check::bad(name, "settings", text).fix(format!("chmod 600 {}", quoted(path)))
        }
        Settings::Unusable(why) => Check::bad(
            name,
            "settings",
            format!("The folder of its receiver cannot be used: {why}."),
        )
        .fix(format!("fleet deploy {name}")),
    }
}

fn judge_health(name: &str, view: &PeerView) -> Check {
    let place = view
        .url
        .as_ref()
        .map_or_else(String::new, |url| format!(" at {url}"));
    let reason = view.reason.as_ref().map_or("", |reason| reason.raw());
    let told = match reason {
        "" => format!("It is {}{place}.", view.health.word()),
        reason => format!(
            "It is {}{place}: {}.",
            view.health.word(),
            reason.trim_end_matches('.')
        ),
    };
    let remedy = view.remedy.as_ref().map(|remedy| remedy.raw().to_owned());
    let mended = |check: Check| match remedy {
        Some(remedy) => check.fix(remedy),
        None => check.fix(format!("fleet start {name}")),
    };
    match view.health {
        Health::Ready | Health::Stopped | Health::Starting => Check::ok(name, "health", told),
        Health::Unknown => Check::unchecked(name, "health", told),
        Health::Degraded | Health::Unreachable | Health::Parked => {
            mended(Check::bad(name, "health", told))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;
    use crate::cli::samples;

    #[test]
    fn a_repo_a_receiver_and_its_settings() {
        let repo = Path::new("/src/app");
        let all = [Repo::Absent, Repo::NoFolder, Repo::Bare, Repo::Git];
        let mut checks = all.map(|seen| judge_repo("app", repo, seen)).to_vec();
        let refused = Verdict::Refused {
            detail:
                "The agent settings in /src/app are not those that were accepted: .mcp.json is new."
                    .to_owned(),
            remedy: "fleet trust app".to_owned(),
        };
        let settings = [
            Settings::NeverDeployed,
            Settings::Judged(Verdict::Accepted),
            Settings::Judged(refused),
            Settings::TooOpen(PathBuf::from("/d/token")),
            Settings::Unusable("/d/receiver.toml is not valid".to_owned()),
        ];
        checks.extend(settings.iter().map(|seen| judge_accepted("app", seen)));
        let status = samples::status();
        checks.extend(status.peers.iter().map(|view| judge_health("app", view)));
        insta::assert_snapshot!(Report::new(checks).words());
    }

    #[test]
    fn a_repo_inside_a_checkout_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir(dir.path().join("a/.git")).unwrap();
        assert_eq!(look_at_repo(&inner), Repo::Git);
        assert_eq!(look_at_repo(&dir.path().join("none")), Repo::Absent);
    }
}
