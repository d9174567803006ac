//! Commands about the fleet as a whole: snapshots, status, budgets, transcripts, trust.
//!
//! Owns: which view answers. Does not own: the views.

use std::sync::Arc;

use crate::control::Answer;
use crate::daemon::connection::{Ended, Reply};
use crate::daemon::core::Core;
use crate::daemon::fleet::Fleet;
use crate::daemon::snapshot;
use crate::domain::{ErrorKind, Failure, PeerName};

pub(super) async fn snapshot(core: &Core, reply: &Reply) -> Result<(), Ended> {
    let snapshot = snapshot::take(core).await?;
    reply.send(Answer::Snapshot(Box::new(snapshot))).await
}

/// Snapshots at each change, until the client leaves. Those that a slow client has no time for are left out.
pub(super) async fn follow_snapshots(core: &Core, reply: &Reply) -> Result<(), Ended> {
    let mut snapshots = core.snapshots.subscribe();
    let first = snapshot::take(core).await?;
    reply.send(Answer::Snapshot(Box::new(first))).await?;
    core.woken.notify_one();
    loop {
        tokio::select! {
            gone = reply.gone() => return Err(gone),
            changed = snapshots.changed() => if changed.is_err() {
                return Err(Ended::Gone);
            },
        }
        let newest = snapshots.borrow_and_update().clone();
        if let Some(newest) = newest {
            let newest = Box::new(Arc::unwrap_or_clone(newest));
            reply.send(Answer::Snapshot(newest)).await?;
        }
    }
}

pub(super) async fn status(core: &Core, reply: &Reply) -> Result<(), Ended> {
    let status = snapshot::status(core).await?;
    reply.send(Answer::Status(Box::new(status))).await
}

pub(super) async fn budgets(
    peer: Option<PeerName>,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    check_known(peer.as_ref(), fleet)?;
    let budgets = core.dispatch.budgets(&fleet.config, peer).await?;
    reply.send(Answer::Budgets(budgets)).await
}

pub(super) async fn transcripts(
    peer: Option<PeerName>,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let transcripts = core.dispatch.transcripts(&fleet.config, peer).await?;
    reply.send(Answer::Transcripts(transcripts)).await
}

pub(super) async fn trust(
    accept: Option<String>,
    fleet: Arc<Fleet>,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let fleet = match accept {
        Some(hash) => core.fleet.accept(&hash)?,
        None => fleet,
    };
    reply
        .send(Answer::Trust(Box::new(fleet.trust_view())))
        .await
}

fn check_known(peer: Option<&PeerName>, fleet: &Fleet) -> Result<(), Failure> {
    match peer {
        Some(name) if fleet.config.peer(name).is_none() => Err(Failure::new(
            ErrorKind::NotFound,
            format!("{} names no peer {name}.", fleet.config.path.display()),
            "`fleet peers` lists them.",
        )),
        Some(_) | None => Ok(()),
    }
}
