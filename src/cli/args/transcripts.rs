//! What `fleet transcripts` takes.

use clap::{Args, Subcommand};

/// `fleet transcripts`.
#[derive(Debug, Args)]
pub struct TranscriptsArgs {
    /// What to do; list when left out.
    #[command(subcommand)]
    pub command: Option<TranscriptsCommand>,
}

/// What can be done with transcripts.
#[derive(Debug, Subcommand)]
pub enum TranscriptsCommand {
    /// List transcripts, newest first
    List {
        /// Only this peer's
        #[arg(long, value_name = "PEER")]
        peer: Option<String>,
    },
    /// Print what was said in a dispatch, or in a whole conversation
    Show {
        /// A dispatch's id, a unique part of its beginning or end, or a conversation's id as `list` shows it
        id: String,
    },
}
