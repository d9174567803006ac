//! What the daemon does about a command.
//!
//! Owns: which part answers which command. Does not own: the parts.

mod fleet;
mod receivers;
mod work;

use fleet_a2a::ext::Ruling;

use super::connection::{Caller, Ended, Reply};
use super::core::Core;
use super::handover;
use crate::control::{Answer, Command, Request};

/// Does what was asked and sends every answer but the last. fleet.toml is read again first if it changed.
pub(super) async fn run(
    request: Request,
    caller: &Caller,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let Request { command, env, .. } = request;
    if command == Command::StopDaemon {
        return Ok(());
    }
    if command == Command::HandOver {
        return Ok(handover::announce(&core.target.state_dir, &caller.build)?);
    }
    if let Command::Submit(submit) = &command
        && let Err(failure) = caller.may_begin()
    {
        return work::submit_again(submit, failure, core, reply).await;
    }
    let fleet = match core.fleet.refresh(caller.explicit).await {
        Ok(fleet) => fleet,
        Err(failure) => {
            if let Command::Submit(submit) = &command {
                return work::submit_again(submit, failure, core, reply).await;
            }
            if needs_valid_file(&command) {
                return Err(failure.into());
            }
            // A typing error must not keep a person from watching or stopping what runs.
            core.fleet.current()
        }
    };
    match command {
        Command::Snapshot { follow: false } => fleet::snapshot(core, reply).await,
        Command::Snapshot { follow: true } => fleet::follow_snapshots(core, reply).await,
        Command::Submit(submit) => work::submit(submit, env, &fleet, core, reply).await,
        Command::Wait { dispatch_id } => work::wait(dispatch_id, core, reply).await,
        Command::Show { dispatch_id } => {
            let view = core.dispatch.show(dispatch_id).await?;
            reply.send(Answer::Dispatch(Box::new(view))).await
        }
        Command::List { peer, limit } => {
            let views = core.dispatch.list(peer, limit).await?;
            reply.send(Answer::Dispatches(views)).await
        }
        Command::Cancel { dispatch_id } => {
            let view = core.dispatch.cancel(dispatch_id).await?;
            reply.send(Answer::Dispatch(Box::new(view))).await
        }
        Command::AnswerPermission {
            dispatch_id,
            request_id,
            decision,
            reason,
            answers,
        } => {
            let ruling = Ruling {
                decision,
                reason,
                answers,
            };
            let answered = core.dispatch.answer(dispatch_id, request_id, ruling);
            let view = answered.await?;
            reply.send(Answer::Dispatch(Box::new(view))).await
        }
        Command::Resolve { dispatch_id, state } => {
            let view = core.dispatch.resolve(dispatch_id, state).await?;
            reply.send(Answer::Dispatch(Box::new(view))).await
        }
        Command::Follow {
            dispatch_id,
            from_seq,
            follow,
        } => work::follow(dispatch_id, from_seq, follow, core, reply).await,
        Command::Deploy { peers, all } => {
            let wanted = receivers::Wanted { peers, all };
            receivers::deploy(wanted, env, &fleet, core, reply).await
        }
        Command::Start { peers, all } => {
            let wanted = receivers::Wanted { peers, all };
            receivers::start(wanted, env, &fleet, core, reply).await
        }
        Command::Restart { peers, all, tokens } => {
            let wanted = receivers::Wanted { peers, all };
            receivers::restart((wanted, tokens), env, &fleet, core, reply).await
        }
        Command::Stop { peers, all } => {
            let wanted = receivers::Wanted { peers, all };
            receivers::stop(wanted, &fleet, core, reply).await
        }
        Command::Status => fleet::status(core, reply).await,
        Command::Budgets { peer } => fleet::budgets(peer, &fleet, core, reply).await,
        Command::Transcripts { peer } => fleet::transcripts(peer, &fleet, core, reply).await,
        Command::Trust { accept } => fleet::trust(accept, fleet, core, reply).await,
        Command::StopDaemon | Command::HandOver => Ok(()),
    }
}

fn needs_valid_file(command: &Command) -> bool {
    match command {
        Command::Submit(_)
        | Command::Deploy { .. }
        | Command::Start { .. }
        | Command::Restart { .. }
        | Command::Status
        | Command::Budgets { .. }
        | Command::Transcripts { .. }
        | Command::Trust { .. } => true,
        Command::Snapshot { .. }
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Cancel { .. }
        | Command::AnswerPermission { .. }
        | Command::Resolve { .. }
        | Command::Follow { .. }
        | Command::Stop { .. }
        | Command::StopDaemon
        | Command::HandOver => false,
    }
}
