//! What can be wrong with a fleet.toml.
//!
//! Owns: one sentence for each mistake with its place, and all of them as one failure. Does not own: finding them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::domain::{ErrorKind, Failure, SafeText};

/// Mistakes told at once: enough to correct a file in one go, few enough to read.
const SHOWN: usize = 50;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key, with dots; empty where the text is no TOML.
    pub key: String,
    /// A full sentence: what it held and what it takes. Safe to show.
    pub message: String,
}

/// Everything that is wrong with one file; at least one problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The problems, in the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let line_break = if at == 0 { "" } else { "\n" };
            write!(
                f,
                "{line_break}{}:{}:{}: {}",
                self.path.display(),
                problem.line,
                problem.column,
                problem.message
            )?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(
            ErrorKind::Config,
            error.to_string(),
            "Correct the file, then run `fleet config check`.",
        )
    }
}

/// Collects mistakes while a file is read.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(usize, String, String)>);

impl Problems {
    /// Notes a mistake at a byte offset. The sentence starts with the key; `says` is the rest, such as `is 0; it takes …`.
    pub(super) fn add(&mut self, at: usize, key: &str, says: impl fmt::Display) {
        let sentence = format!("{key} {says}.");
        self.0.push((at, key.to_owned(), sentence));
    }

    /// Notes text that is no TOML.
    pub(super) fn add_syntax(&mut self, at: usize, message: &str) {
        let message = message.trim_end_matches('.');
        self.0
            .push((at, String::new(), format!("this is no TOML: {message}.")));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them in the order of the file.
    pub(super) fn into_error(mut self, path: &Path, text: &str) -> ConfigError {
        self.0.sort_by_key(|(at, ..)| *at);
        let problems = self.0.into_iter().map(|(at, key, message)| {
            let (line, column) = super::position_of(text, at);
            Problem {
                line,
                column,
                key: SafeText::line_of(&key).as_str().to_owned(),
                message: SafeText::line_of(&message).as_str().to_owned(),
            }
        });
        ConfigError {
            path: path.to_owned(),
            problems: problems.collect(),
        }
    }
}
