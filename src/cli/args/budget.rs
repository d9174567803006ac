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
    /// Show limits, top-ups, what is granted, spent and left, and when it resets
    Show {
        /// Only this peer's
        peer: Option<String>,
    },
    /// Add to what a peer may spend, until its window ends
    TopUp(TopUpArgs),
    /// Let what a peer has spent in this window count from zero
    Reset {
        /// Whose budget
        peer: String,
    },
}

/// `fleet budget top-up`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("amount").required(true).multiple(true).args(["tokens", "turns", "cost"])))]
pub struct TopUpArgs {
    /// Whose budget
    pub peer: String,
    /// So many counted tokens more
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    pub tokens: Option<u64>,
    /// So many turns more
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    pub turns: Option<u64>,
    /// So many dollars more
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub cost: Option<f64>,
}

/// What is added is counted; the words of the number parser say nothing to a person.
fn count(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "it takes a whole number, such as 50000".to_owned())
}
