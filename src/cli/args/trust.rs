//! What `fleet trust` takes.

use clap::Args;

/// `fleet trust`.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Accept without asking
    #[arg(long)]
    pub yes: bool,
}
