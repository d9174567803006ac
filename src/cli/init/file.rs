//! The text of a new fleet.toml.
//!
//! Owns: what it says and explains. Does not own: what was found, nor writing it.

use std::path::Path;

use toml_edit::Value;

use super::find::{Found, Looked};
use crate::domain::PeerName;

const HEAD: &str = "\
# A fleet of coding agents, written by `fleet init`. Change it with `fleet peers add`, `set` and `remove`, or by hand;
# `fleet config check` says what is wrong with it. Keys that fleet does not know are errors, never ignored.

[fleet]
name = \"main\"                    # namespace of transcripts and state: a-z, 0-9, '-' and '_'
transcripts = \"transcripts\"      # where transcripts go; relative to this file
deadline_s = 900                 # seconds a dispatch may take when it names no deadline
";

const ECHO: &str = "
# Answers what it was told. It runs no agent and costs nothing: for trying things out.
[peers.echo]
mode = \"echo\"
";

/// The budget that a peer begins with: enough for a day's work with an agent, little enough to notice one that runs away.
const BUDGET: &str =
    "{ tokens = 5_000_000, turns = 200, window = \"day\", per_dispatch_tokens = 1_000_000 }";

/// A peer of the file: made of an agent that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: PeerName,
    pub(super) looked: Looked,
}

/// The whole text. `repo` is as the file writes it. Peers that work come first: the console begins with the first of them.
pub(super) fn text(peers: &[Peer], repo: &str) -> String {
    let (mut now, mut later) = (String::new(), String::new());
    for peer in peers {
        match &peer.looked.found {
            Found::Here { path, version } if peer.looked.is_usable() => {
                now.push_str(&usable_now(peer, (path, version), repo));
            }
            Found::Here { path, .. } | Found::TooOld { path, .. } | Found::Mute { path } => {
                later.push_str(&usable_later(peer, path, repo));
            }
            Found::Nowhere => {}
        }
    }
    format!("{HEAD}{now}{ECHO}{later}")
}

fn usable_now(peer: &Peer, (path, version): (&Path, &str), repo: &str) -> String {
    let Peer { name, looked } = peer;
    format!(
        "
# {} {version}, found at {}.
[peers.{name}]
mode = \"{}\"
repo = {}
# model = \"sonnet\"               # as the agent's own command line names it
permissions = \"ask\"              # read-only, ask (a person answers), edit (files of the repo), full
# What it may spend; a dispatch that passes its share is stopped in mid-stream. An absent figure is not limited.
# Cache reads do not count. window: day, week (from Monday), total; UTC.
budget = {BUDGET}
",
        looked.agent.title,
        one_line(path),
        looked.agent.mode,
        literal(repo),
    )
}

fn usable_later(peer: &Peer, path: &Path, repo: &str) -> String {
    let Peer { name, looked } = peer;
    let why = match looked.found {
        Found::TooOld { .. } => "it is too old",
        Found::Mute { .. } => "it did not tell its version",
        Found::Here { .. } | Found::Nowhere => "this version cannot run it yet",
    };
    format!(
        "\n# found {} at {}, {why}\n# [peers.{name}]\n# mode = \"{}\"\n# repo = {}\n# permissions = \"ask\"\n",
        looked.agent.program,
        one_line(path),
        looked.agent.mode,
        literal(repo),
    )
}

/// A path in a comment: no name of a folder may end the comment.
fn one_line(path: &Path) -> String {
    path.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

/// A text in quotes, on one line.
fn literal(text: &str) -> String {
    let value = Value::from(text).to_string();
    match value.contains(['\n', '\r']) {
        true => format!("{text:?}"),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cli::init::find::AGENTS;
    use crate::config;

    fn peer(at: usize, name: &str, version: Option<&str>) -> Peer {
        let agent = AGENTS[at];
        let path = PathBuf::from(format!("/usr/bin/{}", agent.program));
        let found = match version {
            Some(version) => Found::Here {
                path,
                version: version.to_owned(),
            },
            None => Found::Mute { path },
        };
        Peer {
            name: PeerName::new(name).unwrap(),
            looked: Looked { agent, found },
        }
    }

    #[test]
    fn the_text_explains_itself_and_is_valid() {
        let peers = [
            peer(0, "app", Some("2.1.329")),
            peer(2, "app-codex", Some("0.169.0")),
            peer(4, "app-hermes", None),
        ];
        let dir = tempfile::tempdir().unwrap();
        let text = text(&peers, ".");
        insta::assert_snapshot!(text);
        let fleet = config::parse(&dir.path().join("fleet.toml"), &text, None).unwrap();
        assert_eq!(fleet.peers.len(), 2);
        // Without the signs of a comment the rest is valid too.
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(code) if code.starts_with('[') || code.contains(" = ") => code,
            Some(_) | None => line,
        });
        let all = lines.collect::<Vec<_>>().join("\n");
        let fleet = config::parse(&dir.path().join("fleet.toml"), &all, None).unwrap();
        assert_eq!(fleet.peers.len(), 4);
    }

    #[test]
    fn no_folder_name_breaks_out_of_its_place() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a\"b", "a'b", "a\\b", "a # b", "a'\"'''\"\"\"b", "%h $HOME"] {
            let repo = dir.path().join(name);
            std::fs::create_dir(&repo).unwrap();
            let text = text(&[peer(0, "app", Some("1.0"))], repo.to_str().unwrap());
            let fleet = config::parse(&dir.path().join("fleet.toml"), &text, None).unwrap();
            let config::PeerKind::Receiver(receiver) = &fleet.peers[0].kind else {
                panic!("a receiver");
            };
            assert_eq!(receiver.repo, repo);
        }
    }
}
