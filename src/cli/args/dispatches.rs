//! What `fleet dispatches` takes.

use clap::{Args, Subcommand};

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
    /// Answer a permission request, or the questions of an agent
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
    #[arg(
        value_name = "allow|deny|always",
        hide_possible_values = true,
        required_unless_present = "choose"
    )]
    pub decision: Option<DecisionArg>,
    /// The answer to a question: an option's number, its label, or other words; once for each question, in their order.
    /// Where several may be chosen, separate them by commas. =TEXT is taken as it stands
    #[arg(long, value_name = "NUMBER_OR_TEXT")]
    pub choose: Vec<String>,
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
