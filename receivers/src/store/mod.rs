//! What survives kill -9: tasks, their events, the sessions of contexts and the messages that were taken.
//!
//! Owns: the SQLite file, its schema, every SQL statement of this crate. Does not own: which change is allowed when (see
//! `registry::machine`), nor what the JSON in the rows means.

mod accept;
mod append;
mod open;
mod read;
mod rows;

pub(crate) use accept::{Accepted, Newcomer, StoredMessage};
pub(crate) use append::{Append, StatusChange};
pub(crate) use open::Store;
pub(crate) use read::{PageAfter, TaskFilter};
pub(crate) use rows::{EventRow, TaskRow, TaskState};

/// What can go wrong below.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite refused.
    #[error("the task database refused: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file could not be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bundled SQLite is one with the WAL-reset bug.
    #[error("SQLite {found} can corrupt a WAL database; at least {needed} is needed")]
    TooOld {
        /// What is linked in.
        found: String,
        /// The first good one.
        needed: &'static str,
    },
    /// A newer fleet wrote it.
    #[error(
        "the task database has schema {found}, this fleet knows {known}; start it with the newer fleet"
    )]
    Newer {
        /// In the file.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// A row holds what no fleet writes.
    #[error("a row of the task database is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The task had ended before.
    #[error("the task has already ended")]
    Ended,
}

#[cfg(test)]
mod tests;
