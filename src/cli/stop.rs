//! `fleet stop`: drains and stops receivers.

use super::args::{GlobalArgs, ReceiverArgs};
use super::session::{Session, peer_names, unexpected};
use super::{CommandResult, exit, peers};
use crate::control::{Answer, Command};
use crate::domain::Failure;

/// Does `fleet stop`.
pub(crate) async fn execute(global: &GlobalArgs, args: &ReceiverArgs) -> CommandResult {
    let command = command(args)?;
    match Session::open(global).await?.call(command).await? {
        Answer::Peers(views) => peers::show(global, &views)?,
        other => return Err(unexpected(&other)),
    }
    Ok(exit::DONE)
}

fn command(args: &ReceiverArgs) -> Result<Command, Failure> {
    let peers = peer_names(args)?;
    Ok(Command::Stop {
        peers,
        all: args.all,
    })
}
