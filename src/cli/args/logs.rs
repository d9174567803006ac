//! What `fleet logs` takes.

use clap::Args;

/// `fleet logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The peer whose receiver's log is wanted; the daemon's when left out
    pub peer: Option<String>,
    /// Go on printing what is logged, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// So many of the last lines first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub lines: usize,
}
