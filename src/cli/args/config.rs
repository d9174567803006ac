//! What `fleet config` takes.

use clap::{Args, Subcommand};

/// `fleet config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Check fleet.toml and say what is wrong with it
    Check,
}
