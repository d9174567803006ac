//! What `fleet restart` takes.

use clap::Args;

use super::ReceiverArgs;

/// `fleet restart`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// Which receivers.
    #[command(flatten)]
    pub receivers: ReceiverArgs,
    /// Give each a new bearer token on the way
    #[arg(long)]
    pub new_token: bool,
}
