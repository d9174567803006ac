//! Commands about dispatches that need more than one answer or a check first: submit, wait, follow.
//!
//! Owns: trust before work, and the pace at which a waiting client is told. Does not own: the dispatches.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::control::{Answer, SubmitRequest, TranscriptLine};
use crate::daemon::connection::{Ended, Reply};
use crate::daemon::core::Core;
use crate::daemon::fleet::Fleet;
use crate::daemon::peers::ClientEnv;
use crate::daemon::snapshot::timeless_dispatch;
use crate::domain::{DispatchId, ErrorKind, Failure, PeerName};

/// Changes that are told at once: a dispatch to a quick agent has fewer.
const AT_ONCE: u32 = 16;
/// Between two answers after those.
const RATE: Duration = Duration::from_millis(10);
/// Transcript lines in one answer.
const LINES: usize = 256;

pub(super) async fn submit(
    submit: SubmitRequest,
    env: ClientEnv,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
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
    let view = core.dispatch.submit(submit, &fleet.config, env).await?;
    reply.send(Answer::Dispatch(Box::new(view))).await
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
        Some(view) => reply.send(Answer::Dispatch(Box::new(view))).await,
        None => Err(refusal.into()),
    }
}

/// The dispatch until it has ended: a change of its state at once, what else changes at most every [`RATE`].
pub(super) async fn wait(id: DispatchId, core: &Core, reply: &Reply) -> Result<(), Ended> {
    let mut changes = core.dispatch.changes();
    let mut told = None;
    loop {
        changes.borrow_and_update();
        let view = core.dispatch.show(id).await?;
        let (at, state) = (Instant::now(), view.state);
        let timeless = timeless_dispatch(&view);
        if told.as_ref() != Some(&timeless) {
            told = Some(timeless);
            reply.send(Answer::Dispatch(Box::new(view))).await?;
        }
        if state.is_final() {
            return Ok(());
        }
        tokio::select! {
            gone = reply.gone() => return Err(gone),
            changed = worth_telling(&mut changes, at, || core.dispatch.is_in(id, state)) => changed?,
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
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
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
