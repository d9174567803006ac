//! `fleet start`: starts receivers, deploying those that never were.

use super::args::{GlobalArgs, ReceiverArgs};
use super::session::peer_names;
use super::{CommandResult, peers};
use crate::control::Command;
use crate::domain::Failure;

/// Does `fleet start`.
pub(crate) async fn execute(global: &GlobalArgs, args: &ReceiverArgs) -> CommandResult {
    peers::change(global, command(args)?).await
}

fn command(args: &ReceiverArgs) -> Result<Command, Failure> {
    let peers = peer_names(args)?;
    Ok(Command::Start {
        peers,
        all: args.all,
    })
}
