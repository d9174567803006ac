//! What `fleet audit` takes.

use clap::Args;

/// `fleet audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what was about this peer
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}
