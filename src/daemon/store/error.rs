//! What can go wrong with the store.
//!
//! Owns: [`StoreError`] and what it means to a person.

use std::path::PathBuf;

use crate::domain::{ErrorKind, Failure};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was written by a newer fleet.
    #[error(
        "{path} has schema {found}, and this fleet knows {known}: it was written by a newer version"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The SQLite library has the defect in which two connections can corrupt a write-ahead log.
    #[error("this fleet was built with SQLite {found}; it takes 3.51.3 or newer")]
    OldSqlite {
        /// The library's version.
        found: String,
    },
    /// A row that does not read back.
    #[error("a row holds {what} that does not read back: {detail}")]
    Damaged {
        /// Which column.
        what: &'static str,
        /// What was wrong with it.
        detail: String,
    },
    /// The database's file could not be made.
    #[error("{path} could not be made: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error("the store failed: {0}")]
    Sqlite(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether a unique index refused the row.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Sqlite(sqlx::Error::Database(error)) => error.is_unique_violation(),
            Self::Newer { .. }
            | Self::OldSqlite { .. }
            | Self::Damaged { .. }
            | Self::File { .. }
            | Self::Sqlite(_) => false,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let remedy = match &error {
            StoreError::Newer { .. } => {
                "Use the newer fleet, or another state directory (--state-dir)."
            }
            StoreError::OldSqlite { .. } => {
                "Build fleet with the SQLite that Cargo.lock names (bundled)."
            }
            StoreError::Damaged { .. } => {
                "Move the state directory away and keep it; fleet starts a new one."
            }
            StoreError::File { .. } | StoreError::Sqlite(_) => {
                "Check that the state directory is writable and its disk is not full."
            }
        };
        Self::new(
            ErrorKind::Internal,
            format!("The daemon's store could not be used: {error}."),
            remedy,
        )
    }
}
