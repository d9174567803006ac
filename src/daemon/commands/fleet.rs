//! Commands about the fleet as a whole: snapshots, status, transcripts, trust.
//!
//! Owns: which view answers. Does not own: the views.

use std::sync::Arc;

use super::Scope;
use crate::control::Answer;
use crate::daemon::connection::Ended;
use crate::daemon::snapshot;
use crate::domain::PeerName;

pub(super) async fn snapshot(at: &Scope<'_>) -> Result<(), Ended> {
    let snapshot = snapshot::take(at.core).await?;
    at.reply.send(Answer::Snapshot(Box::new(snapshot))).await
}

/// Snapshots at each change, until the client leaves. Those that a slow client has no time for are left out.
pub(super) async fn follow_snapshots(at: &Scope<'_>) -> Result<(), Ended> {
    let (core, reply) = (at.core, at.reply);
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

pub(super) async fn status(at: &Scope<'_>) -> Result<(), Ended> {
    let status = snapshot::status(at.core).await?;
    at.reply.send(Answer::Status(Box::new(status))).await
}

pub(super) async fn transcripts(peer: Option<PeerName>, at: &Scope<'_>) -> Result<(), Ended> {
    let config = &at.fleet.config;
    let transcripts = at.core.dispatch.transcripts(config, peer).await?;
    at.reply.send(Answer::Transcripts(transcripts)).await
}

pub(super) async fn trust(accept: Option<String>, at: &Scope<'_>) -> Result<(), Ended> {
    let fleet = match accept {
        Some(hash) => at.core.fleet.accept(&hash)?,
        None => Arc::clone(&at.fleet),
    };
    let view = Box::new(fleet.trust_view());
    at.reply.send(Answer::Trust(view)).await
}
