//! Commands about budgets: show, top up, reset.
//!
//! Owns: which view answers. Does not own: the sums and the rows.

use super::Scope;
use crate::control::Answer;
use crate::daemon::connection::Ended;
use crate::domain::{CommandId, ErrorKind, Failure, PeerName, TopUp};

pub(super) async fn show(peer: Option<PeerName>, at: &Scope<'_>) -> Result<(), Ended> {
    let config = &at.fleet.config;
    if let Some(name) = &peer
        && config.peer(name).is_none()
    {
        let failure = Failure::new(
            ErrorKind::NotFound,
            format!("{} names no peer {name}.", config.path.display()),
            "`fleet peers` lists them.",
        );
        return Err(failure.into());
    }
    let budgets = at.core.dispatch.budgets(config, peer).await?;
    at.reply.send(Answer::Budgets(budgets)).await
}

pub(super) async fn top_up(
    command_id: CommandId,
    peer: &PeerName,
    amounts: &TopUp,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let config = &at.fleet.config;
    let topped_up = at.core.dispatch.top_up(command_id, peer, amounts, config);
    at.reply.send(Answer::Budgets(topped_up.await?)).await
}

pub(super) async fn reset(
    command_id: CommandId,
    peer: &PeerName,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let config = &at.fleet.config;
    let reset = at.core.dispatch.reset_budget(command_id, peer, config);
    at.reply.send(Answer::Budgets(reset.await?)).await
}
