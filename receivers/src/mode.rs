//! Which agent a receiver drives.
//!
//! Owns: the list of modes and their words. Adding one is a line here and a folder under `adapter/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Claude Code.
    Cc,
    /// OpenCode.
    Oc,
    /// Codex CLI.
    Codex,
    /// Google Antigravity CLI.
    Agy,
    /// Hermes agent.
    Hermes,
    /// Any command line.
    Exec,
    /// Built in: answers what it was told.
    Echo,
}

/// A word that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no mode; it takes one of cc, oc, codex, agy, hermes, exec, echo")]
pub struct ModeError {
    /// What was given.
    pub given: String,
}

impl Mode {
    /// Every mode, in the order of the bands.
    pub const ALL: [Self; 7] = [
        Self::Cc,
        Self::Oc,
        Self::Codex,
        Self::Agy,
        Self::Hermes,
        Self::Exec,
        Self::Echo,
    ];

    /// The word in fleet.toml and on screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cc => "cc",
            Self::Oc => "oc",
            Self::Codex => "codex",
            Self::Agy => "agy",
            Self::Hermes => "hermes",
            Self::Exec => "exec",
            Self::Echo => "echo",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Mode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.word() == text)
            .ok_or_else(|| ModeError {
                given: text.to_owned(),
            })
    }
}
