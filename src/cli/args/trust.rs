//! What `fleet trust` takes.

use clap::Args;

/// `fleet trust`.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// A peer: then it is about the agent settings in its repo, which can run commands
    #[arg(value_name = "PEER")]
    pub peer: Option<String>,
    /// Accept without asking
    #[arg(long)]
    pub yes: bool,
}
