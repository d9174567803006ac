//! Transcripts: what was said in a context, one JSON object a line.
//!
//! Owns: names, writing, healing, reading and listing of the files. Does not own: what the lines mean; dispatch makes
//! them.

mod cursors;
mod list;
mod open;
mod place;
mod reader;
mod writer;

use std::path::PathBuf;

pub use cursors::Cursors;
pub use list::list;
pub use place::{ORIGIN_OUT, context_file, place};
pub use reader::{Batch, Cursor, MAX_BATCH_BYTES, for_each, read};
pub use writer::{Healed, Writer};

/// What can go wrong with a transcript.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// A part of the path is a link, or no folder, or no plain file.
    #[error(
        "{path} is a link, or not the folder or file that it should be; transcripts never follow links"
    )]
    NotPlain {
        /// Which.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line has no JSON form.
    #[error("a line could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<TranscriptError> for crate::domain::Failure {
    fn from(error: TranscriptError) -> Self {
        Self::new(
            crate::domain::ErrorKind::Internal,
            format!("The transcript could not be used: {error}."),
            "Check the `transcripts` folder of fleet.toml: it must be writable, its disk not full, and hold no links.",
        )
    }
}

#[cfg(test)]
mod tests;
