//! Holds the import directions, so that no part learns of another behind the architecture's back.
//!
//! The sources are read as text: comments and strings are blanked out, then every path is looked at that begins with a
//! crate of ours, with `crate::`, or with a guarded library. A name that a macro puts together would slip through; nobody
//! writes that by accident.

mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use source::{code_only, paths, without_tests, words};

/// A room of the house: the files it is made of and what they may not name.
struct Room {
    /// Where it is; a path ends with `/` for a folder. The first room that fits a file counts.
    at: &'static str,
    /// The only modules of its own crate that it may name beside itself.
    own: Own,
    /// The only crates of ours that it may name, or parts of them.
    crates: &'static [&'static str],
    /// Other libraries it may not name.
    not: &'static [&'static str],
}

/// Which modules of its own crate a room may name.
enum Own {
    Any,
    Only(&'static [&'static str]),
}
use Own::{Any, Only};

const OURS: [&str; 4] = ["fleet", "fleet_a2a", "fleet_receivers", "fleet_testkit"];
/// The protocol's words without its wire.
const PROTOCOL_WORDS: &[&str] = &["fleet_a2a::ids", "fleet_a2a::contract", "fleet_a2a::ext"];
/// What fleet.toml can say: modes and how they are set up, the variable it may not name, dialects, and the bounds of a
/// contract.
const CONFIG_WORDS: &[&str] = &[
    "fleet_receivers::Mode",
    "fleet_receivers::config",
    "fleet_receivers::child::MARKER",
    "fleet_a2a::contract",
    "fleet_a2a::client::Dialect",
];
const NO_SQL: &[&str] = &["sqlx"];
/// What does I/O or reads a clock; the pure rooms keep away from it.
const IO: &[&str] = &[
    "sqlx",
    "tokio",
    "tokio_util",
    "tokio_stream",
    "reqwest",
    "axum",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "crossterm",
    "ratatui",
];
const UPDATE: &[&str] = &[
    "sqlx",
    "tokio",
    "tokio_util",
    "tokio_stream",
    "futures",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::time",
    "fleet_a2a::clock",
];
/// Widgets know how to draw and nothing else: ratatui, its text area, and how wide a text is.
const WIDGETS: &[&str] = &[
    "sqlx",
    "tokio",
    "tokio_util",
    "tokio_stream",
    "futures",
    "serde",
    "serde_json",
    "crossterm",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::time",
];

/// From the narrowest room to the widest.
const ROOMS: [Room; 16] = [
    Room {
        at: "a2a/src/",
        own: Any,
        crates: &[],
        not: NO_SQL,
    },
    Room {
        at: "receivers/src/store/",
        own: Any,
        crates: &["fleet_a2a"],
        not: &[],
    },
    Room {
        at: "receivers/src/",
        own: Any,
        crates: &["fleet_a2a"],
        not: NO_SQL,
    },
    Room {
        at: "testkit/src/",
        own: Any,
        crates: &["fleet_a2a", "fleet_testkit"],
        not: NO_SQL,
    },
    Room {
        at: "src/domain/",
        own: Only(&["domain"]),
        crates: PROTOCOL_WORDS,
        not: IO,
    },
    Room {
        at: "src/config/",
        own: Only(&["config", "domain"]),
        crates: CONFIG_WORDS,
        not: NO_SQL,
    },
    Room {
        at: "src/control/",
        own: Only(&["control", "config", "domain"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/daemon/store/",
        own: Only(&["daemon", "control", "config", "domain"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: &[],
    },
    Room {
        at: "src/daemon/",
        own: Only(&["daemon", "control", "config", "domain", "telemetry"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/cli/daemon.rs",
        own: Only(&["cli", "daemon", "control", "config", "domain", "telemetry"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/cli/serve.rs",
        own: Only(&["cli", "control", "config", "domain", "telemetry"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/cli/",
        own: Only(&["cli", "control", "config", "domain", "telemetry"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/tui/widgets/",
        own: Only(&["tui::widgets"]),
        crates: &[],
        not: WIDGETS,
    },
    Room {
        at: "src/tui/update/",
        own: Only(&["tui", "control", "config", "domain"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: UPDATE,
    },
    Room {
        at: "src/tui/",
        own: Only(&["tui", "control", "config", "domain"]),
        crates: &["fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
    Room {
        at: "src/",
        own: Any,
        crates: &["fleet", "fleet_a2a", "fleet_receivers"],
        not: NO_SQL,
    },
];

#[test]
fn imports_run_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["a2a/src", "receivers/src", "testkit/src", "src"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 40, "only {} files were found", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        wrong.extend(violations(&name, &source));
    }
    assert!(
        wrong.is_empty(),
        "imports against the direction:\n{}",
        wrong.join("\n")
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What of a file goes against the directions, one line each.
fn violations(name: &str, source: &str) -> Vec<String> {
    let Some(room) = ROOMS.iter().find(|room| name.starts_with(room.at)) else {
        return vec![format!("{name}: stands in no room")];
    };
    let whole = code_only(source);
    let code = without_tests(name, &whole);
    let mut wrong = BTreeSet::new();
    for path in paths(code, name) {
        if let Some(why) = room.refuses(&path) {
            wrong.insert(format!("{name}: {path}: {why}"));
        }
    }
    if room.at == "src/tui/update/" && words(code).any(|word| word == "await" || word == "async") {
        wrong.insert(format!("{name}: update never awaits"));
    }
    wrong.into_iter().collect()
}

impl Room {
    fn refuses(&self, path: &str) -> Option<String> {
        if let Some(library) = self.not.iter().find(|library| is_under(path, library)) {
            return Some(format!("{} does without {library}", self.at));
        }
        // Inside the root package its own name is no crate, but may be a module.
        let own_name = |named: &str| named == "fleet" && self.at.starts_with("src/");
        let mut ours = OURS.iter().filter(|named| !own_name(named));
        if ours.any(|named| is_under(path, named)) {
            let allowed = self.crates.iter().any(|allowed| is_under(path, allowed));
            return (!allowed).then(|| format!("{} does not know it", self.at));
        }
        let inside = path.strip_prefix("crate::")?;
        match &self.own {
            Any => None,
            Only(modules) => {
                let known = modules
                    .iter()
                    .any(|module| inside == *module || inside.starts_with(&format!("{module}::")));
                (!known).then(|| format!("{} does not know it", self.at))
            }
        }
    }
}

/// A word alone may be a field or a variable; a crate shows by what follows it.
fn is_under(path: &str, root: &str) -> bool {
    (path == root && root.contains("::")) || path.starts_with(&format!("{root}::"))
}

#[test]
fn it_sees_each_kind_of_violation() {
    let wrong = [
        ("a2a/src/x.rs", "use fleet_receivers::Mode;"),
        ("a2a/src/x.rs", "fn f() { sqlx::query(Q); }"),
        ("receivers/src/x.rs", "use fleet::domain::PeerName;"),
        ("receivers/src/server/x.rs", "use sqlx::SqlitePool;"),
        ("src/domain/x.rs", "use crate::config::FleetConfig;"),
        ("src/domain/x.rs", "use fleet_receivers::Mode;"),
        ("src/domain/x.rs", "let now = tokio::time::Instant::now();"),
        ("src/domain/x.rs", "use std::{fmt, fs::File};"),
        (
            "src/config/x.rs",
            "use crate::{control::Target, domain::Band};",
        ),
        ("src/config/x.rs", "use super::super::daemon::peers;"),
        ("src/config/x.rs", "use fleet_receivers::serve;"),
        ("src/domain/x.rs", "use fleet_a2a::client::A2aClient;"),
        ("src/daemon/x.rs", "use sqlx as db;"),
        ("src/control/x.rs", "use crate::daemon::peers::Peers;"),
        ("src/daemon/dispatch/x.rs", "use sqlx::Row;"),
        ("src/daemon/x.rs", "use crate::tui::run;"),
        ("src/cli/x.rs", "use crate::daemon;"),
        ("src/cli/send/x.rs", "use crate::tui::theme::Theme;"),
        ("src/cli/serve.rs", "use crate::daemon::run;"),
        ("src/tui/x.rs", "use crate::cli::output;"),
        ("src/tui/x.rs", "use super::super::daemon::peers;"),
        ("src/tui/widgets/x.rs", "use crate::domain::PeerName;"),
        ("src/tui/widgets/x.rs", "use super::super::model::Model;"),
        ("src/tui/update/x.rs", "use std::time::Instant;"),
        ("src/tui/update/x.rs", "use tokio::sync::mpsc;"),
        (
            "src/tui/update/x.rs",
            "let now = fleet_a2a::clock::now_ms();",
        ),
        ("src/tui/update/x.rs", "async fn f() {}"),
        ("elsewhere/x.rs", ""),
    ];
    for (name, source) in wrong {
        assert_eq!(violations(name, source).len(), 1, "{name}: {source}");
    }
}

#[test]
fn it_lets_pass_what_is_allowed() {
    let fine = [
        ("a2a/src/x.rs", "use crate::ids::TaskId; use super::types;"),
        (
            "receivers/src/store/x.rs",
            "use sqlx::Row; use fleet_a2a::ids::TaskId;",
        ),
        (
            "src/domain/x.rs",
            "use fleet_a2a::ext::Usage; use super::ids; use std::fmt;",
        ),
        (
            "src/config/x.rs",
            "use fleet_receivers::{Mode, config::Permissions};",
        ),
        ("src/cli/daemon.rs", "use crate::daemon::run;"),
        (
            "src/cli/x.rs",
            "use crate::{control::{Answer, Command}, domain};",
        ),
        (
            "src/cli/x.rs",
            "// use crate::daemon;\n/* sqlx:: */ let s = \"crate::daemon::x\";",
        ),
        (
            "src/cli/x.rs",
            "let s = r#\"a \" crate::daemon::x\"#; let c = '\"';",
        ),
        (
            "src/cli/x.rs",
            "let unsqlx = 1; let fleet = crate_::daemon; fleet.sqlx",
        ),
        ("src/daemon/commands/x.rs", "mod fleet; use fleet::status;"),
        (
            "src/tui/widgets/x.rs",
            "use ratatui::text::Line; use super::gauge;",
        ),
        (
            "src/cli/x.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests {\n use crate::daemon;\n}",
        ),
    ];
    for (name, source) in fine {
        assert_eq!(
            violations(name, source),
            Vec::<String>::new(),
            "{name}: {source}"
        );
    }
}
