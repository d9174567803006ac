//! What `fleet daemon` takes.

use clap::{Args, Subcommand};

/// `fleet daemon`.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// What to do; status when left out.
    #[command(subcommand)]
    pub command: Option<DaemonCommand>,
}

/// What can be done with the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum DaemonCommand {
    /// Be the daemon, in the foreground
    Run,
    /// Start the daemon if it does not run
    Start,
    /// Stop the daemon; receivers and their turns go on
    Stop,
    /// Say whether the daemon runs; never starts one
    Status,
}
