//! What `fleet peers` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `fleet peers`.
#[derive(Debug, Args)]
pub struct PeersArgs {
    /// What to do; list when left out.
    #[command(subcommand)]
    pub command: Option<PeersCommand>,
}

/// What can be done with the peers of fleet.toml.
#[derive(Debug, Subcommand)]
pub enum PeersCommand {
    /// List the peers
    List,
    /// Add a peer to fleet.toml
    #[command(after_help = "\
Examples:
  fleet peers add app --mode cc --repo . budget.tokens=200000
  fleet peers add lint --mode exec --repo . 'command=[\"./tools/lint-agent\", \"--strict\"]'
  fleet peers add construct --url http://10.0.0.5:9220 token_env=CONSTRUCT_A2A_TOKEN")]
    Add(AddArgs),
    /// Change keys of a peer in fleet.toml
    #[command(after_help = "\
Examples:
  fleet peers set app budget.tokens 200000
  fleet peers set app model=opus permissions=edit")]
    Set(SetArgs),
    /// Take a peer out of fleet.toml, and stop its receiver
    Remove(RemoveArgs),
}

/// `fleet peers add`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("agent").required(true).args(["mode", "url"])))]
pub struct AddArgs {
    /// The peer's name: a-z, 0-9, '-' and '_'
    pub name: String,
    /// A receiver of ours: cc, oc, codex, agy, hermes, exec or echo
    #[arg(long)]
    pub mode: Option<String>,
    /// The folder its agent works in
    #[arg(long, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    /// The model, as the agent's own command line names it
    #[arg(long)]
    pub model: Option<String>,
    /// What it may do unasked: read-only, ask, edit or full
    #[arg(long)]
    pub permissions: Option<String>,
    /// Somebody else's agent, by its address
    #[arg(long)]
    pub url: Option<String>,
    /// Any other key of a peer
    #[arg(value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}

/// `fleet peers set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The peer
    pub name: String,
    /// A key and its value, or any number of KEY=VALUE; a key of a table has dots
    #[arg(
        value_name = "KEY VALUE | KEY=VALUE",
        required = true,
        allow_negative_numbers = true
    )]
    pub settings: Vec<String>,
}

/// `fleet peers remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The peer
    pub name: String,
}
