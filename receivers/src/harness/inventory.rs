//! What is reported of the repo's harness.
//!
//! Owns: names and counts, bounded, for the console and for whoever dispatches. Contents are not reported: settings and tool
//! servers hold secrets.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::beneath::{Folder, Found};
use super::listing::MAX_FILE_BYTES;

/// Names of one sort that are told; the rest is counted. Snapshots carry them for every peer.
const MAX_NAMES: usize = 20;
/// Characters of one name.
const MAX_CHARS: usize = 60;
/// Things that could not be read that are told.
const MAX_NOTES: usize = 10;
/// Files that tell an agent how to work here.
const INSTRUCTIONS: [&str; 3] = ["CLAUDE.md", ".claude/CLAUDE.md", "AGENTS.md"];
const SETTINGS: [&str; 2] = [".claude/settings.json", ".claude/settings.local.json"];
const MCP: &str = ".mcp.json";

/// What a repo brings along. Everything in it is the repo's own text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harness {
    /// Instructions: CLAUDE.md, AGENTS.md.
    pub instructions: Names,
    /// Tool servers that `.mcp.json` names.
    pub mcp_servers: Names,
    /// Skills in `.claude/skills`.
    pub skills: Names,
    /// Agents in `.claude/agents`.
    pub agents: Names,
    /// Commands in `.claude/commands`.
    pub commands: Names,
    /// Settings files.
    pub settings: Names,
    /// Events that the settings run commands at.
    pub hooks: Names,
    /// What is there and was not read, and why.
    pub notes: Names,
}

/// Some names, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The first of them.
    pub names: Vec<String>,
    /// So many more.
    pub more: u32,
}

impl Names {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len() + self.more as usize
    }

    fn push(&mut self, name: &str, most: usize) {
        let name: String = one_line(name).take(MAX_CHARS).collect();
        if self.names.contains(&name) {
            return;
        }
        if self.names.len() < most {
            self.names.push(name);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// A name stands in sentences and lists: a line break in it would begin a line of its own there, as if we had said it.
pub(super) fn one_line(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
}

/// Looks at a repo. Never fails: what cannot be read is a note.
#[must_use]
pub fn inventory(repo: &Path) -> Harness {
    let mut found = Harness::default();
    let root = match Folder::of_repo(repo) {
        Ok(root) => root,
        Err(error) => {
            let error = std::io::Error::from(error);
            found.notes.push(&format!("the repo: {error}"), MAX_NOTES);
            return found;
        }
    };
    for path in INSTRUCTIONS {
        if exists(&root, path, &mut found.notes) {
            found.instructions.push(path, MAX_NAMES);
        }
    }
    for path in SETTINGS {
        if let Some(settings) = json(&root, path, &mut found.notes) {
            found.settings.push(path, MAX_NAMES);
            add_keys(&mut found.hooks, &settings["hooks"]);
        }
    }
    if let Some(servers) = json(&root, MCP, &mut found.notes) {
        add_keys(&mut found.mcp_servers, &servers["mcpServers"]);
    }
    let folders = [
        (".claude/skills", &mut found.skills),
        (".claude/agents", &mut found.agents),
        (".claude/commands", &mut found.commands),
    ];
    for (path, names) in folders {
        add_names(&root, path, (names, &mut found.notes));
    }
    found
}

fn exists(root: &Folder, path: &str, notes: &mut Names) -> bool {
    match root.find(path, MAX_FILE_BYTES) {
        Found::File(_) => true,
        Found::Absent => false,
        other => {
            note(notes, path, &other);
            false
        }
    }
}

fn json(root: &Folder, path: &str, notes: &mut Names) -> Option<Value> {
    match root.find(path, MAX_FILE_BYTES) {
        Found::File(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(_) => {
                notes.push(&format!("{path}: no valid JSON"), MAX_NOTES);
                Some(Value::Null)
            }
        },
        Found::Absent => None,
        other => {
            note(notes, path, &other);
            None
        }
    }
}

fn add_keys(names: &mut Names, value: &Value) {
    for key in value.as_object().into_iter().flat_map(|map| map.keys()) {
        names.push(key, MAX_NAMES);
    }
}

fn add_names(root: &Folder, path: &str, (names, notes): (&mut Names, &mut Names)) {
    match root.find(path, 0) {
        Found::Folder(folder) => match folder.names() {
            Ok(all) => {
                for name in all.iter().filter(|name| !name.starts_with('.')) {
                    names.push(name.strip_suffix(".md").unwrap_or(name), MAX_NAMES);
                }
            }
            Err(why) => notes.push(&format!("{path}: {why}"), MAX_NOTES),
        },
        Found::Absent => {}
        other => note(notes, path, &other),
    }
}

fn note(notes: &mut Names, path: &str, found: &Found) {
    let why = match found {
        Found::Link(to) => format!("a link to {to}, not followed"),
        Found::Odd(what) => what.clone(),
        Found::Folder(_) => "a folder".to_owned(),
        Found::Absent | Found::File(_) => return,
    };
    notes.push(&format!("{path}: {why}"), MAX_NOTES);
}
