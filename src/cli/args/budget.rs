//! What `fleet budget` takes.

use clap::{Args, Subcommand};

/// `fleet budget`.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// What to do; show when left out.
    #[command(subcommand)]
    pub command: Option<BudgetCommand>,
}

/// What can be done with budgets.
#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// Show limits, what is granted and what is spent
    Show {
        /// Only this peer's
        peer: Option<String>,
    },
}
