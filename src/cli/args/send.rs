//! What `fleet send` takes.

use std::path::PathBuf;

use clap::Args;

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
