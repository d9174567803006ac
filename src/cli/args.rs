//! What can be typed: every command and flag of `fleet`, with its help.
//!
//! Owns: the definitions and their help texts. Does not own: what a command does, which stands in its own file. Only
//! commands that work are listed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs a fleet of coding agents that speak A2A. Without a command it opens the console.
#[derive(Debug, Parser)]
#[command(
    name = "fleet",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "`fleet COMMAND --help` tells more. To begin: fleet send echo hello"
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
    /// List the peers: who they are, where they listen, how they are
    Peers,
    /// Show the daemon, the peers, the work in flight and the budgets
    Status,
    /// Write, start and prove receivers; what runs already is left alone
    Deploy(ReceiverArgs),
    /// Start receivers; deploys those that never were
    Start(ReceiverArgs),
    /// Drain and stop receivers; they stay stopped until started or needed
    Stop(ReceiverArgs),
    /// Dispatch work to a peer and wait for the reply
    Send(Box<SendArgs>),
    /// Look at dispatches, wait for them, cancel them, answer their questions
    Dispatches(DispatchesArgs),
    /// Show what peers may spend and what they spent
    Budget(BudgetArgs),
    /// Look at what was said
    Transcripts(TranscriptsArgs),
    /// Show what this fleet.toml would run, and accept it
    Trust(TrustArgs),
    /// Run, start, stop or look at the daemon of this fleet
    Daemon(DaemonArgs),
    /// Host one agent behind A2A: this is what a receiver runs
    Serve(ServeArgs),
    /// Look at the configuration
    Config(ConfigArgs),
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

/// What `fleet send --help` ends with.
const SEND_EXAMPLES: &str = "\
Examples:
  fleet send app \"Why does the parser test fail?\"
  fleet send app \"Add a --version flag.\" --context @notes.md --expect \"A summary.\" --deadline 600
  git diff | fleet send app - --expect \"A review.\"
  fleet send app \"Go on.\" --context-id version-flag --no-wait --json

Exit codes: 0 completed, 1 failed or rejected, 2 bad usage, 3 refused by guard or budget,
4 peer unreachable or outcome unknown, 5 deadline passed, 130 Ctrl-C (which cancels it)";

/// `fleet send`.
#[derive(Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct SendArgs {
    /// To whom
    pub peer: String,
    /// What to do; - reads standard input. May be left out when --contract names an instruction
    pub text: Option<String>,
    /// What the peer needs to know, or @FILE
    #[arg(long, value_name = "TEXT|@FILE")]
    pub context: Option<String>,
    /// What the reply must be, in words
    #[arg(long, value_name = "TEXT")]
    pub expect: Option<String>,
    /// A JSON Schema that the reply must satisfy
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// The whole contract as JSON, checks included
    #[arg(long, value_name = "FILE")]
    pub contract: Option<PathBuf>,
    /// Who gets the reply: console, a peer, or a URL on an allowed host
    #[arg(long, value_name = "R")]
    pub reply_to: Option<String>,
    /// Seconds from acceptance, 1 to 86400
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub deadline: Option<String>,
    /// The conversation this belongs to
    #[arg(long, value_name = "ID")]
    pub context_id: Option<String>,
    /// Return as soon as the dispatch is stored
    #[arg(long)]
    pub no_wait: bool,
    /// Run the same content a second time
    #[arg(long)]
    pub again: bool,
}

/// `fleet dispatches`.
#[derive(Debug, Args)]
pub struct DispatchesArgs {
    /// What to do; list when left out.
    #[command(subcommand)]
    pub command: Option<DispatchesCommand>,
}

/// What can be done with dispatches.
#[derive(Debug, Subcommand)]
pub enum DispatchesCommand {
    /// List dispatches, newest first
    List(ListArgs),
    /// Show one dispatch
    Show(IdArgs),
    /// Wait until a dispatch has ended; exits as send would
    Wait(IdArgs),
    /// Ask for the end of a dispatch
    Cancel(IdArgs),
    /// Answer a permission request
    Answer(AnswerArgs),
    /// Say how a dispatch of unknown outcome ended
    Resolve(ResolveArgs),
}

/// `fleet dispatches list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this peer's
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

/// One dispatch.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// The dispatch: its id, or a unique part of its beginning or end
    pub id: String,
}

/// `fleet dispatches answer`.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The dispatch: its id, or a unique part of its beginning or end
    pub id: String,
    /// This once; no; or this and everything like it, for the conversation
    #[arg(value_name = "allow|deny|always", hide_possible_values = true)]
    pub decision: DecisionArg,
    /// Told to the agent with a denial
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Which request; needed only when several are open
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
}

/// An answer to a permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DecisionArg {
    /// This once
    Allow,
    /// No
    Deny,
    /// This and everything like it, for the conversation
    Always,
}

/// `fleet dispatches resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The dispatch: its id, or a unique part of its beginning or end
    pub id: String,
    /// How it ended
    #[arg(value_name = "completed|failed|canceled", hide_possible_values = true)]
    pub state: ResolvedState,
}

/// What a person can say about a dispatch of unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ResolvedState {
    /// The agent finished
    Completed,
    /// The work failed
    Failed,
    /// It is not to go on
    Canceled,
}

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

/// `fleet transcripts`.
#[derive(Debug, Args)]
pub struct TranscriptsArgs {
    /// What to do; list when left out.
    #[command(subcommand)]
    pub command: Option<TranscriptsCommand>,
}

/// What can be done with transcripts.
#[derive(Debug, Subcommand)]
pub enum TranscriptsCommand {
    /// List transcripts, newest first
    List {
        /// Only this peer's
        #[arg(long, value_name = "PEER")]
        peer: Option<String>,
    },
    /// Print what was said in a dispatch, or in a whole conversation
    Show {
        /// A dispatch's id, a unique part of its beginning or end, or a conversation's id as `list` shows it
        id: String,
    },
}

/// `fleet trust`.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Accept without asking
    #[arg(long)]
    pub yes: bool,
}

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

/// `fleet serve`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["receiver", "mode"])))]
pub struct ServeArgs {
    /// A receiver's folder, as deploy writes it
    #[arg(long, value_name = "DIR")]
    pub receiver: Option<PathBuf>,
    /// Which agent: cc, oc, codex, agy, hermes, exec or echo; writes a receiver's folder and prints its URL
    #[arg(long, value_name = "MODE", requires = "repo")]
    pub mode: Option<String>,
    /// The repo the agent works in
    #[arg(long, value_name = "DIR", conflicts_with = "receiver")]
    pub repo: Option<PathBuf>,
    /// Where to listen
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:0",
        conflicts_with = "receiver"
    )]
    pub bind: SocketAddr,
    /// The command of an exec agent, after --
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "receiver")]
    pub command: Vec<String>,
}

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
