//! `fleet config check`: says what is wrong with fleet.toml. Needs no daemon and starts none.

use serde_json::json;

use super::args::{ConfigArgs, ConfigCommand, GlobalArgs};
use super::session::target;
use super::{CommandResult, exit, output};
use crate::config;
use crate::domain::{Failure, SafeText};

/// Does `fleet config`.
pub(crate) fn execute(global: &GlobalArgs, args: &ConfigArgs) -> CommandResult {
    match args.command {
        ConfigCommand::Check => check(global)?,
    }
    Ok(exit::DONE)
}

fn check(global: &GlobalArgs) -> Result<(), Failure> {
    let config = config::load(&target(global)?.config)?;
    let path = config.path.display();
    if global.json {
        let peers: Vec<_> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
        return output::json(&json!({
            "config": path.to_string(),
            "name": config.name,
            "peers": peers,
            "hash": config.hash,
        }));
    }
    output::text(&SafeText::line_of(&format!(
        "{path} is good: fleet {} with {} peers.",
        config.name,
        config.peers.len()
    )))
}
