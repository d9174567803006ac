//! `fleet restart`: drains, stops and starts receivers.

use super::args::{GlobalArgs, RestartArgs};
use super::session::peer_names;
use super::{CommandResult, peers};
use crate::control::{Command, Tokens};
use crate::domain::Failure;

/// Does `fleet restart`.
pub(crate) async fn execute(global: &GlobalArgs, args: &RestartArgs) -> CommandResult {
    peers::change(global, command(args)?).await
}

fn command(args: &RestartArgs) -> Result<Command, Failure> {
    let peers = peer_names(&args.receivers)?;
    let tokens = match args.new_token {
        true => Tokens::Rotate,
        false => Tokens::Keep,
    };
    Ok(Command::Restart {
        peers,
        all: args.receivers.all,
        tokens,
    })
}
