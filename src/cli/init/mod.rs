//! `fleet init`: finds the agents of this machine and writes a fleet.toml for them.
//!
//! Owns: the order of things, and telling them. Writing the file is the person's word, so exactly what was written is
//! accepted. Never replaces a file.

mod file;
mod find;
mod place;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::GlobalArgs;
use super::peers::as_written;
use super::session::target;
use super::table::Table;
use super::{CommandResult, exit, output};
use crate::config::trust::Accepted;
use crate::config::{self, FleetConfig};
use crate::domain::{ErrorKind, Failure, PeerName, SafeText};
use file::Peer;
use find::{Found, Looked};

/// What it is called where nobody names it.
const NAME: &str = "fleet.toml";

/// Does `fleet init`.
pub(crate) async fn execute(global: &GlobalArgs) -> CommandResult {
    let cwd = current_folder()?;
    let path = cwd.join(global.config.as_deref().unwrap_or(Path::new(NAME)));
    refuse_existing(&path)?;
    let folder = made_folder(&path)?;
    let path = folder.join(path.file_name().unwrap_or(NAME.as_ref()));
    let repo = place::repo_around(&cwd, config::home().as_deref());
    let looked = find::agents().await;
    let peers = name_peers(&looked, &repo)?;
    let text = file::text(&peers, &as_written(&repo, &folder)?);
    // Proven before it is there: a file of ours that is not valid would be a defect of ours.
    let fleet = config::parse(&path, &text, config::home().as_deref())?;
    config::file::create(&path, &text).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => existing(&path),
        _other => not_written(&path, &error),
    })?;
    accept(global, &fleet)?;
    tell(global, &looked, &peers, &fleet)?;
    Ok(exit::DONE)
}

fn current_folder() -> Result<PathBuf, Failure> {
    let cwd = std::env::current_dir().and_then(std::fs::canonicalize);
    cwd.map_err(|error| {
        Failure::new(
            ErrorKind::Usage,
            format!("The current folder cannot be used: {error}."),
            "Change to a folder that is there.",
        )
    })
}

/// A link of that name counts, wherever it leads.
fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(existing(path)),
        Err(_) => Ok(()),
    }
}

fn existing(path: &Path) -> Failure {
    Failure::new(
        ErrorKind::Usage,
        format!("{} is there already, and stays as it is.", path.display()),
        "Add to it with `fleet peers add NAME --mode cc --repo .`, or write another one: fleet init --config PATH",
    )
}

/// The folder of the file, made where a person named one that is not there.
fn made_folder(path: &Path) -> Result<PathBuf, Failure> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = config::file::make_folder(folder).and_then(|()| std::fs::canonicalize(folder));
    made.map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorKind::Config,
        format!("{} cannot be written: {error}.", path.display()),
        "See that its folder is yours, or name another file with `--config PATH`.",
    )
}

/// A name for each agent that is here: those that work now are called like the repo.
fn name_peers(looked: &[Looked], repo: &Path) -> Result<Vec<Peer>, Failure> {
    let echo = PeerName::new("echo")
        .map_err(|error| Failure::new(ErrorKind::Internal, format!("{error}."), ""))?;
    let mut taken = vec![echo];
    let mut peers = Vec::new();
    let here = looked
        .iter()
        .filter(|looked| looked.found != Found::Nowhere);
    let (now, later): (Vec<_>, Vec<_>) = here.partition(|looked| looked.is_usable());
    for (at, looked) in now.into_iter().chain(later).enumerate() {
        let name = if at == 0 && looked.is_usable() {
            place::name_like(repo, &taken)
        } else {
            let like = repo.file_name().unwrap_or_default().to_string_lossy();
            place::name_like(Path::new(&format!("{}-{like}", looked.agent.mode)), &taken)
        };
        taken.push(name.clone());
        peers.push(Peer {
            name,
            looked: looked.clone(),
        });
    }
    Ok(peers)
}

/// The same fleet that the next command finds, whose state remembers what was accepted.
fn accept(global: &GlobalArgs, fleet: &FleetConfig) -> Result<(), Failure> {
    let target = target(global)?;
    target.make_state_dir()?;
    Accepted::of(&target.state_dir).add(&fleet.hash)
}

fn tell(
    global: &GlobalArgs,
    looked: &[Looked],
    peers: &[Peer],
    fleet: &FleetConfig,
) -> Result<(), Failure> {
    let name_of = |one: &Looked| {
        peers
            .iter()
            .find(|peer| &peer.looked == one)
            .map(|peer| &peer.name)
    };
    if !global.json {
        return output::text(&words(looked, fleet, name_of));
    }
    let found = looked.iter().map(|one| {
        let (path, version) = match &one.found {
            Found::Here { path, version } | Found::TooOld { path, version } => {
                (Some(path), Some(version))
            }
            Found::Mute { path } => (Some(path), None),
            Found::Nowhere => (None, None),
        };
        json!({
            "mode": one.agent.mode.word(),
            "program": one.agent.program,
            "path": path.map(|path| path.display().to_string()),
            "version": version,
            "peer": name_of(one).filter(|_| one.is_usable()),
        })
    });
    let names = fleet.peers.iter().map(|peer| peer.name.as_str());
    output::json(&json!({
        "config": fleet.path.display().to_string(),
        "hash": fleet.hash,
        "accepted": true,
        "peers": names.collect::<Vec<_>>(),
        "agents": found.collect::<Vec<_>>(),
    }))
}

fn words<'a>(
    looked: &[Looked],
    fleet: &FleetConfig,
    name_of: impl Fn(&Looked) -> Option<&'a PeerName>,
) -> SafeText {
    let mut table = Table::new(&["AGENT", "VERSION", "PATH", "PEER"]);
    for one in looked {
        let (version, path) = match &one.found {
            Found::Here { path, version } | Found::TooOld { path, version } => {
                (version.clone(), path.display().to_string())
            }
            Found::Mute { path } => ("unknown".to_owned(), path.display().to_string()),
            Found::Nowhere => (String::new(), "not found".to_owned()),
        };
        let peer = match (one.is_usable(), &one.found, name_of(one)) {
            (true, _, Some(name)) => name.to_string(),
            (_, Found::Here { .. }, _) => "this version of fleet cannot run it yet".to_owned(),
            (_, Found::TooOld { .. }, _) => too_old(one),
            (_, Found::Mute { .. }, _) => "it did not tell its version".to_owned(),
            (_, Found::Nowhere, _) => String::new(),
        };
        table.row([one.agent.program, &version, &path, &peer]);
    }
    let agent = looked.iter().find(|one| one.is_usable());
    let next = match agent.and_then(name_of) {
        Some(name) => format!(
            "Next: fleet opens the console; there n writes the first task for {name}.\nOr here: fleet send {name} \"What is in this repo?\""
        ),
        None => install_first(),
    };
    let names: Vec<&str> = fleet.peers.iter().map(|peer| peer.name.as_str()).collect();
    let peers = match names.as_slice() {
        [one] => format!("the peer {one}"),
        several => format!("the peers {}", several.join(" and ")),
    };
    SafeText::of(&format!(
        "{}\nWrote {} with {peers}. It is accepted as it stands.\n{next}",
        table.render(),
        fleet.path.display(),
    ))
}

fn too_old(looked: &Looked) -> String {
    let known = fleet_receivers::adapter::versions::versions(looked.agent.mode);
    let update = known.map_or(looked.agent.install, |known| known.update);
    format!("too old; to update it: {update}")
}

/// What to do where no agent was found that could work.
fn install_first() -> String {
    let first = find::AGENTS
        .iter()
        .find(|agent| fleet_receivers::adapter::is_built(agent.mode));
    let agent = first.map_or_else(String::new, |agent| {
        format!(
            "No agent was found that this version of fleet can run. To install {}: {}\nThen: fleet peers add app --mode {} --repo .\n",
            agent.title, agent.install, agent.mode
        )
    });
    format!("{agent}To try fleet without an agent: fleet, then n for echo.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_agent_is_found_it_says_what_to_install() {
        let looked = find::AGENTS.map(|agent| Looked {
            agent,
            found: Found::Nowhere,
        });
        let repo = Path::new("/home/ada/app");
        let peers = name_peers(&looked, repo).unwrap();
        let path = repo.join("fleet.toml");
        let fleet = config::parse(&path, &file::text(&peers, "."), None).unwrap();
        insta::assert_snapshot!(words(&looked, &fleet, |_| None));
    }

    #[test]
    fn no_two_peers_have_one_name() {
        let looked = find::AGENTS.map(|agent| Looked {
            agent,
            found: Found::Here {
                path: PathBuf::from("/bin/x"),
                version: "3.0".to_owned(),
            },
        });
        let names = |folder: &str| -> Vec<String> {
            let peers = name_peers(&looked, Path::new(folder)).unwrap();
            peers.iter().map(|peer| peer.name.to_string()).collect()
        };
        let some = ["app", "oc-app", "codex-app", "agy-app", "hermes-app"];
        assert_eq!(names("/src/app"), some);
        let mut long = names("/src/a-folder-with-a-name-that-is-far-too-long");
        long.sort();
        long.dedup();
        assert_eq!(long.len(), 5, "{long:?}");
    }
}
