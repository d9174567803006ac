//! Runs effects against the daemon, and brings their results back as messages.
//!
//! Owns: the connection (made again when it breaks), the tasks of calls, and the one stream that is followed. All of them
//! end with [`Runner`]. Does not own: what an answer means.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::control::{Answer, ClientKind, Command, ControlHandle, Target};
use crate::domain::{DispatchId, ErrorKind, Failure};

use super::msg::{LinkNews, Msg, Purpose};
use super::update;

/// Results on their way to the loop: a few calls and batches of lines. When it is full the stream waits, so a slow
/// terminal slows the reading and nothing piles up.
const MESSAGES: usize = 64;
/// Calls under way; a person cannot have more, and a key held down must not.
const MAX_CALLS: usize = 32;
/// Between two tries to connect: short enough for a daemon that restarts, long enough to cost nothing.
const RECONNECT: Duration = Duration::from_millis(500);

/// What runs beside the loop.
#[derive(Debug)]
pub(super) struct Runner {
    handle: watch::Receiver<Option<ControlHandle>>,
    messages: mpsc::Sender<Msg>,
    calls: JoinSet<()>,
    follow: Follow,
    _link: AbortOnDropHandle<()>,
}

#[derive(Debug)]
enum Follow {
    Nothing,
    /// Dropping the task is the end of following.
    One(#[allow(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>),
}

/// What the loop listens to.
#[derive(Debug)]
pub(super) struct Ears {
    pub(super) messages: mpsc::Receiver<Msg>,
    pub(super) link: watch::Receiver<LinkNews>,
}

impl Runner {
    /// Connects in the background, and goes on trying.
    pub(super) fn start(target: Target) -> (Self, Ears) {
        let (messages, heard) = mpsc::channel(MESSAGES);
        let (news, link) = watch::channel(LinkNews::Connecting);
        let (publish, handle) = watch::channel(None);
        let task = tokio::spawn(keep_linked(target, publish, news));
        let runner = Self {
            handle,
            messages,
            calls: JoinSet::new(),
            follow: Follow::Nothing,
            _link: AbortOnDropHandle::new(task),
        };
        let ears = Ears {
            messages: heard,
            link,
        };
        (runner, ears)
    }

    /// One command in the background; the answer comes with its purpose.
    pub(super) fn call(&mut self, purpose: Purpose, command: Command) {
        while self.calls.try_join_next().is_some() {}
        let handle = self.handle.borrow().clone();
        let full = self.calls.len() >= MAX_CALLS;
        let messages = self.messages.clone();
        self.calls.spawn(async move {
            let result = match handle {
                Some(handle) if !full => handle.call(command).await,
                Some(_) => Err(too_many()),
                None => Err(not_connected()),
            };
            let result = Box::new(result);
            // The loop is gone only when the console ends; then nobody waits for this.
            let _ = messages.send(Msg::Answered { purpose, result }).await;
        });
    }

    /// Follows one dispatch and lets go of the one before.
    pub(super) fn follow(&mut self, dispatch_id: DispatchId, from_seq: u64) {
        let handle = self.handle.borrow().clone();
        let messages = self.messages.clone();
        let task = tokio::spawn(async move {
            let result = match handle {
                Some(handle) => follow(&handle, (dispatch_id, from_seq), &messages).await,
                None => Err(not_connected()),
            };
            let ended = Msg::FollowEnded {
                dispatch_id,
                result,
            };
            let _ = messages.send(ended).await;
        });
        self.follow = Follow::One(AbortOnDropHandle::new(task));
    }
}

async fn follow(
    handle: &ControlHandle,
    (dispatch_id, from_seq): (DispatchId, u64),
    messages: &mpsc::Sender<Msg>,
) -> Result<(), Failure> {
    let mut answers = handle
        .stream(update::follow_command(dispatch_id, from_seq))
        .await?;
    while let Some(answer) = answers.next().await {
        if let Answer::Lines(lines) = answer? {
            let _ = messages.send(Msg::Lines { dispatch_id, lines }).await;
        }
    }
    Ok(())
}

/// Connects, passes snapshots on, and connects again, until it is aborted.
async fn keep_linked(
    target: Target,
    publish: watch::Sender<Option<ControlHandle>>,
    news: watch::Sender<LinkNews>,
) {
    loop {
        let failure = match linked(&target, &publish, &news).await {
            Ok(()) => went_away(),
            Err(failure) => failure,
        };
        publish.send_replace(None);
        news.send_replace(LinkNews::Lost(failure));
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn linked(
    target: &Target,
    publish: &watch::Sender<Option<ControlHandle>>,
    news: &watch::Sender<LinkNews>,
) -> Result<(), Failure> {
    let handle = ControlHandle::connect_as(target, ClientKind::Console).await?;
    publish.send_replace(Some(handle.clone()));
    let mut answers = handle.stream(Command::Snapshot { follow: true }).await?;
    while let Some(answer) = answers.next().await {
        if let Answer::Snapshot(snapshot) = answer? {
            news.send_replace(LinkNews::Snapshot(Arc::from(snapshot)));
        }
    }
    Ok(())
}

fn went_away() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon ended.",
        "It is started again; running dispatches go on.",
    )
}

fn not_connected() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "There is no connection to the daemon, so nothing was done.",
        "It is tried again all the time; do it again once the header says connected.",
    )
}

fn too_many() -> Failure {
    Failure::new(
        ErrorKind::State,
        "Too many commands wait for the daemon, so this one was not sent.",
        "Do it again in a moment; if that does not help, `fleet daemon status` tells why.",
    )
}
