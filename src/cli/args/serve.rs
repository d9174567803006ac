//! What `fleet serve` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
    /// Accept the agent settings of the repo as they stand, after they changed
    #[arg(long, conflicts_with = "receiver")]
    pub trust: bool,
    /// The command of an exec agent, after --
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "receiver")]
    pub command: Vec<String>,
}
