//! What the daemon does about a command.
//!
//! Owns: the order of things (written down, the file read again, done), and which part answers which command. Does not own:
//! the parts.

mod audit;
mod budgets;
mod fleet;
mod receivers;
mod work;

use std::sync::Arc;

use fleet_a2a::ext::Ruling;

use super::connection::{Caller, Ended, Reply};
use super::core::Core;
use super::fleet::Fleet;
use super::handover;
use super::peers::ClientEnv;
use super::store::AuditEntry;
use crate::control::{Command, Request};
use crate::domain::Failure;

/// What a command is answered from.
struct Scope<'a> {
    fleet: Arc<Fleet>,
    env: ClientEnv,
    /// What is written down by the transaction that does it.
    entry: Option<Arc<AuditEntry>>,
    core: &'a Core,
    reply: &'a Reply,
}

/// Does what was asked and sends every answer but the last. What changes something is written down first.
pub(super) async fn run(
    request: Request,
    caller: &Caller,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let entry = audit::begin(&request.command, &caller.client, core).await?;
    let done = Box::pin(act(request, caller, entry.clone(), (core, reply))).await;
    audit::end(entry, &done, core).await;
    done
}

/// Reads fleet.toml again if it changed, then answers.
async fn act(
    request: Request,
    caller: &Caller,
    entry: Option<Arc<AuditEntry>>,
    (core, reply): (&Core, &Reply),
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
    let fleet = match newest_fleet(caller, core).await {
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
    let scope = Scope {
        fleet,
        env,
        entry,
        core,
        reply,
    };
    answer(command, scope).await
}

/// The file as it stands; whoever named it accepts it.
async fn newest_fleet(caller: &Caller, core: &Core) -> Result<Arc<Fleet>, Failure> {
    let fleet = core.fleet.refresh().await?;
    if !caller.explicit || fleet.accepted {
        return Ok(fleet);
    }
    let hash = &fleet.config.hash;
    let entry = audit::named_file(hash, &caller.client, core).await?;
    let accepted = core.fleet.accept(hash);
    let done = accepted.as_ref().map(drop).map_err(Clone::clone);
    audit::end(Some(entry), &done.map_err(Ended::Failed), core).await;
    accepted
}

async fn answer(command: Command, at: Scope<'_>) -> Result<(), Ended> {
    let at = &at;
    match command {
        Command::Snapshot { follow: false } => fleet::snapshot(at).await,
        Command::Snapshot { follow: true } => fleet::follow_snapshots(at).await,
        Command::Submit(submit) => work::submit(submit, at).await,
        Command::Wait { dispatch_id } => work::wait(dispatch_id, at).await,
        Command::Show { dispatch_id } => work::show(dispatch_id, at).await,
        Command::List { peer, limit } => work::list(peer, limit, at).await,
        Command::Cancel { dispatch_id } => work::cancel(dispatch_id, at).await,
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
            work::answer(dispatch_id, request_id, ruling, at).await
        }
        Command::Resolve { dispatch_id, state } => work::resolve(dispatch_id, state, at).await,
        Command::Follow {
            dispatch_id,
            from_seq,
            follow,
        } => work::follow(dispatch_id, from_seq, follow, at).await,
        Command::Deploy { peers, all } => receivers::deploy(peers, all, at).await,
        Command::Start { peers, all } => receivers::start(peers, all, at).await,
        Command::Restart { peers, all, tokens } => {
            receivers::restart((peers, all), tokens, at).await
        }
        Command::Stop { peers, all } => receivers::stop(peers, all, at).await,
        Command::Status => fleet::status(at).await,
        Command::Budgets { peer } => budgets::show(peer, at).await,
        Command::TopUp {
            command_id,
            peer,
            amounts,
        } => budgets::top_up(command_id, &peer, &amounts, at).await,
        Command::ResetBudget { command_id, peer } => budgets::reset(command_id, &peer, at).await,
        Command::Audit { peer, limit } => audit::list(peer, limit, at).await,
        Command::Transcripts { peer } => fleet::transcripts(peer, at).await,
        Command::Trust { accept } => fleet::trust(accept, at).await,
        Command::TrustPeer { peer, accept } => receivers::trust(&peer, accept, at).await,
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
        | Command::TopUp { .. }
        | Command::ResetBudget { .. }
        | Command::Transcripts { .. }
        | Command::Trust { .. }
        | Command::TrustPeer { .. } => true,
        Command::Snapshot { .. }
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Cancel { .. }
        | Command::AnswerPermission { .. }
        | Command::Resolve { .. }
        | Command::Follow { .. }
        | Command::Stop { .. }
        | Command::Audit { .. }
        | Command::StopDaemon
        | Command::HandOver => false,
    }
}
