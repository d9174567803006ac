//! What `fleet service` takes.

use clap::{Args, Subcommand};

/// `fleet service`.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ServiceCommand,
}

/// What can be done with the service of this fleet's daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ServiceCommand {
    /// Let systemd start this fleet's daemon when you log in
    Install(PrintArgs),
    /// Undo that; receivers and their turns go on
    Uninstall(PrintArgs),
}

/// Whether it is only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct PrintArgs {
    /// Only print what would be written and run
    #[arg(long)]
    pub print: bool,
}
