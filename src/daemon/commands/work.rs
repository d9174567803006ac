//! Commands about dispatches.
//!
//! Owns: trust before work, and the pace at which a waiting client is told. Does not own: the dispatches.

use std::time::Duration;

use fleet_a2a::ext::Ruling;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Scope;
use crate::control::{Answer, DispatchView, SubmitRequest, TranscriptLine};
use crate::daemon::connection::{Ended, Reply};
use crate::daemon::core::Core;
use crate::daemon::snapshot::timeless_dispatch;
use crate::domain::{DispatchId, DispatchState, ErrorKind, Failure, PeerName};

/// Changes that are told at once: a dispatch to a quick agent has fewer.
const AT_ONCE: u32 = 16;
/// Between two answers after those.
const RATE: Duration = Duration::from_millis(10);
/// Transcript lines in one answer.
const LINES: usize = 256;

pub(super) async fn submit(submit: SubmitRequest, at: &Scope<'_>) -> Result<(), Ended> {
    let (fleet, core, reply) = (&at.fleet, at.core, at.reply);
    let peer = PeerName::new(submit.peer.clone()).map_err(|error| {
        Failure::new(
            ErrorKind::NotFound,
            format!("{error}."),
            "`fleet peers` lists the peers.",
        )
    })?;
    if let Err(failure) = fleet.usable_peer(&peer) {
        return submit_again(&submit, failure, core, reply).await;
    }
    let submitted =
        core.dispatch
            .submit_audited(submit, &fleet.config, at.env.clone(), at.entry.clone());
    tell(submitted.await?, reply).await
}

/// A request that the file does not allow now. What was accepted before the file changed goes on, and whoever waits for it
/// asks for it again when it has lost its daemon.
pub(super) async fn submit_again(
    submit: &SubmitRequest,
    refusal: Failure,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    match core.dispatch.resubmitted(submit).await? {
        Some(view) => tell(view, reply).await,
        None => Err(refusal.into()),
    }
}

pub(super) async fn show(id: DispatchId, at: &Scope<'_>) -> Result<(), Ended> {
    tell(at.core.dispatch.show(id).await?, at.reply).await
}

pub(super) async fn list(peer: Option<PeerName>, limit: u32, at: &Scope<'_>) -> Result<(), Ended> {
    let views = at.core.dispatch.list(peer, limit).await?;
    at.reply.send(Answer::Dispatches(views)).await
}

pub(super) async fn cancel(id: DispatchId, at: &Scope<'_>) -> Result<(), Ended> {
    tell(at.core.dispatch.cancel(id).await?, at.reply).await
}

pub(super) async fn answer(
    id: DispatchId,
    request_id: Option<String>,
    ruling: Ruling,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let answered = at.core.dispatch.answer(id, request_id, ruling);
    tell(answered.await?, at.reply).await
}

pub(super) async fn resolve(
    id: DispatchId,
    state: DispatchState,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    tell(at.core.dispatch.resolve(id, state).await?, at.reply).await
}

async fn tell(view: DispatchView, reply: &Reply) -> Result<(), Ended> {
    reply.send(Answer::Dispatch(Box::new(view))).await
}

/// What was told about the peer's budget while a dispatch to it was under way: whoever waits for it hears of that before
/// its end.
async fn tell_budget(view: &DispatchView, core: &Core, reply: &Reply) -> Result<(), Ended> {
    let Ok(accepted_at) = view.detail.accepted_at.parse::<jiff::Timestamp>() else {
        return Ok(());
    };
    let told = core
        .dispatch
        .budget_notices(&view.peer, accepted_at.as_millisecond());
    for notice in told.await? {
        reply.send(Answer::Notice(notice)).await?;
    }
    Ok(())
}

/// The dispatch until it has ended: a change of its state at once, what else changes at most every [`RATE`].
pub(super) async fn wait(id: DispatchId, at: &Scope<'_>) -> Result<(), Ended> {
    let (core, reply) = (at.core, at.reply);
    let mut changes = core.dispatch.changes();
    let mut told = None;
    loop {
        changes.borrow_and_update();
        let view = core.dispatch.show(id).await?;
        let (told_at, state) = (Instant::now(), view.state);
        let timeless = timeless_dispatch(&view);
        if state.is_final() {
            tell_budget(&view, core, reply).await?;
        }
        if told.as_ref() != Some(&timeless) {
            told = Some(timeless);
            tell(view, reply).await?;
        }
        if state.is_final() {
            return Ok(());
        }
        tokio::select! {
            gone = reply.gone() => return Err(gone),
            changed = worth_telling(&mut changes, told_at, || core.dispatch.is_in(id, state)) => changed?,
        }
    }
}

/// Waits for a change that is to be told now, after what was told at that instant.
async fn worth_telling(
    changes: &mut watch::Receiver<u64>,
    told_at: Instant,
    same_state: impl Fn() -> bool,
) -> Result<(), Ended> {
    changes.changed().await.map_err(|_| Ended::Gone)?;
    while same_state() {
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| Ended::Gone)?,
            () = tokio::time::sleep_until(told_at + RATE) => return Ok(()),
        }
    }
    Ok(())
}

/// Its transcript's lines, batch by batch; on to its end if the client follows.
pub(super) async fn follow(
    id: DispatchId,
    from_seq: u64,
    follow: bool,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let (core, reply) = (at.core, at.reply);
    let mut changes = core.dispatch.changes();
    let mut pace = Pace::new();
    let mut next = from_seq;
    loop {
        changes.borrow_and_update();
        // The state is asked for before the lines: after an end no further line is written.
        let ended = core.dispatch.show(id).await?.state.is_final();
        let lines = core.dispatch.lines(id, next, LINES).await?;
        let more = lines.len() == LINES;
        if let Some(TranscriptLine { seq, .. }) = lines.last() {
            next = seq + 1;
            reply.send(Answer::Lines(lines)).await?;
        }
        if !more && (ended || !follow) {
            return Ok(());
        }
        if !more {
            pace.change(&mut changes, reply).await?;
        }
    }
}

/// Paces the answers to one waiting client: the first few changes are told at once, because a short dispatch has no more,
/// then at most [`RATE`].
#[derive(Debug)]
struct Pace {
    at_once: u32,
    last: Instant,
}

impl Pace {
    fn new() -> Self {
        Self {
            at_once: AT_ONCE,
            last: Instant::now(),
        }
    }

    /// Waits for a change, and lets those that follow closely come together.
    async fn change(
        &mut self,
        changes: &mut watch::Receiver<u64>,
        reply: &Reply,
    ) -> Result<(), Ended> {
        let paced = async {
            let changed = changes.changed().await;
            match self.at_once.checked_sub(1) {
                Some(left) => self.at_once = left,
                None => tokio::time::sleep_until(self.last + RATE).await,
            }
            changed
        };
        tokio::select! {
            gone = reply.gone() => return Err(gone),
            changed = paced => changed.map_err(|_| Ended::Gone)?,
        }
        self.last = Instant::now();
        Ok(())
    }
}
