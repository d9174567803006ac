//! What can be typed: every command and flag of `fleet`, with its help.
//!
//! Owns: the definitions and their help texts, a file for each command that takes something. Does not own: what a command
//! does, which stands in its own file. Only commands that work are listed.

mod audit;
mod budget;
mod completions;
mod config;
mod daemon;
mod dispatches;
mod logs;
mod peers;
mod restart;
mod send;
mod serve;
mod service;
mod transcripts;
mod trust;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use audit::AuditArgs;
pub use budget::{BudgetArgs, BudgetCommand, TopUpArgs};
pub use completions::{CompletionsArgs, ShellArg};
pub use config::{ConfigArgs, ConfigCommand};
pub use daemon::{DaemonArgs, DaemonCommand};
pub use dispatches::{
    AnswerArgs, DecisionArg, DispatchesArgs, DispatchesCommand, IdArgs, ListArgs, ResolveArgs,
    ResolvedState,
};
pub use logs::LogsArgs;
pub use peers::{AddArgs, PeersArgs, PeersCommand, RemoveArgs, SetArgs};
pub use restart::RestartArgs;
pub use send::SendArgs;
pub use serve::ServeArgs;
pub use service::{PrintArgs, ServiceArgs, ServiceCommand};
pub use transcripts::{TranscriptsArgs, TranscriptsCommand};
pub use trust::TrustArgs;

/// Runs a fleet of coding agents that speak A2A. Without a command it opens the console.
#[derive(Debug, Parser)]
#[command(
    name = "fleet",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "`fleet COMMAND --help` tells more. To begin: fleet init"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command; none opens the console.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Keeps the options that every command takes apart from its own.
const EVERY_COMMAND: &str = "For every command";

/// What holds for every command.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// The fleet.toml; else ./fleet.toml, else the one in your configuration directory
    #[arg(long, global = true, value_name = "PATH", help_heading = EVERY_COMMAND)]
    pub config: Option<PathBuf>,
    /// Where this fleet keeps its state; else FLEET_STATE_DIR, else your state directory
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERY_COMMAND)]
    pub state_dir: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    pub json: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the agents on this machine and write a fleet.toml
    Init,
    /// List the peers, how they are and where they listen; add, change, remove them
    Peers(PeersArgs),
    /// Show the daemon, the peers, the work in flight and the budgets
    Status,
    /// Write, start and prove receivers; what runs already is left alone
    Deploy(ReceiverArgs),
    /// Start receivers; deploys those that never were
    Start(ReceiverArgs),
    /// Drain, stop and start receivers
    Restart(RestartArgs),
    /// Drain and stop receivers; they stay stopped until started or needed
    Stop(ReceiverArgs),
    /// Dispatch work to a peer and wait for the reply
    Send(Box<SendArgs>),
    /// Look at dispatches, wait for them, cancel them, answer their questions
    Dispatches(DispatchesArgs),
    /// Show what peers may spend and what they spent, add to it, or reset it
    Budget(BudgetArgs),
    /// Show what was done to this fleet, by whom, and how it ended
    Audit(AuditArgs),
    /// Look at what was said
    Transcripts(TranscriptsArgs),
    /// Print the log of the daemon, or of a peer's receiver
    Logs(LogsArgs),
    /// Show what this fleet.toml, or a peer's repo, would run; accept it
    Trust(TrustArgs),
    /// Run, start, stop or look at the daemon of this fleet
    Daemon(DaemonArgs),
    /// Host one agent behind A2A: this is what a receiver runs
    Serve(ServeArgs),
    /// Have systemd start this fleet's daemon when you log in
    Service(ServiceArgs),
    /// Check what fleet needs, and print what mends what is wrong; changes nothing
    Doctor,
    /// Look at the configuration
    Config(ConfigArgs),
    /// Print a script that completes `fleet` in your shell
    Completions(CompletionsArgs),
}

/// Which receivers a command is about.
#[derive(Debug, Args)]
pub struct ReceiverArgs {
    /// Peers by name
    #[arg(value_name = "PEER", conflicts_with = "all")]
    pub peers: Vec<String>,
    /// Every receiver of the fleet
    #[arg(long)]
    pub all: bool,
}
