//! Which agents this machine has.
//!
//! Owns: the programs that are looked for, and asking each for its version. They are looked for where a receiver would find
//! them: on PATH, and in the usual places behind it. Does not own: what is made of what was found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_receivers::Mode;
use fleet_receivers::adapter::cc::INSTALL_REMEDY;
use fleet_receivers::adapter::is_built;
use fleet_receivers::adapter::versions::{Fit, version_in, versions};
use fleet_receivers::child::{ChildEnv, Spawner, ask};
use futures::future::join_all;

/// For a version: measured 0.1 to 0.3 s, and a machine may be busy. All are asked at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program that fleet can drive, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) mode: Mode,
    /// As it is typed.
    pub(super) program: &'static str,
    /// As people call it.
    pub(super) title: &'static str,
    /// What installs it.
    pub(super) install: &'static str,
}

/// All of them, in the order of the bands.
pub(super) const AGENTS: [Agent; 5] = [
    Agent {
        mode: Mode::Cc,
        program: "claude",
        title: "Claude Code",
        install: INSTALL_REMEDY,
    },
    Agent {
        mode: Mode::Oc,
        program: "opencode",
        title: "OpenCode",
        install: "npm install -g opencode-ai",
    },
    Agent {
        mode: Mode::Codex,
        program: "codex",
        title: "Codex CLI",
        install: "npm install -g @openai/codex",
    },
    Agent {
        mode: Mode::Agy,
        program: "agy",
        title: "Antigravity CLI",
        install: "see https://antigravity.google",
    },
    Agent {
        mode: Mode::Hermes,
        program: "hermes",
        title: "Hermes agent",
        install: "pip install hermes-agent",
    },
];

/// An agent, and what is known of it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) agent: Agent,
    pub(super) found: Found,
}

/// Whether it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It told its version.
    Here { path: PathBuf, version: String },
    /// It told one that is older than what fleet can drive.
    TooOld { path: PathBuf, version: String },
    /// It is there, and did not tell its version in time.
    Mute { path: PathBuf },
    /// It is not there.
    Nowhere,
}

impl Looked {
    /// Whether a peer can be made of it now.
    pub(super) fn is_usable(&self) -> bool {
        match self.found {
            Found::Here { .. } => is_built(self.agent.mode),
            Found::TooOld { .. } | Found::Mute { .. } | Found::Nowhere => false,
        }
    }
}

/// Looks for all of them at once.
pub(super) async fn agents() -> Vec<Looked> {
    join_all(AGENTS.map(look)).await
}

async fn look(agent: Agent) -> Looked {
    let env = ChildEnv::pick_own(agent.mode, &[]);
    // In no repo: nothing that lies in one has a say in this.
    let spawner = Spawner::for_probe("init", PathBuf::from("/"), env);
    let found = match spawner.find(agent.program) {
        None => Found::Nowhere,
        Some(path) => version(agent.mode, &spawner, path).await,
    };
    Looked { agent, found }
}

async fn version(mode: Mode, spawner: &Spawner, path: PathBuf) -> Found {
    let argv = [text_of(&path), "--version".to_owned()];
    let said = ask(spawner, &argv, PATIENCE).await.ok();
    let said = said.filter(|said| said.status.success());
    match said.and_then(|said| version_in(&said.stdout)) {
        Some(version) if is_too_old(mode, &version) => Found::TooOld { path, version },
        Some(version) => Found::Here { path, version },
        None => Found::Mute { path },
    }
}

fn is_too_old(mode: Mode, version: &str) -> bool {
    versions(mode).is_some_and(|known| known.fit(version) == Fit::TooOld)
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
