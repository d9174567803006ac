//! The client side of the control socket.
//!
//! Owns: connecting (and starting the daemon), calls, and streams of answers. Calls share one connection; each stream has
//! one of its own, so that a reader who is slow holds up nobody but itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::launch::{Fate, Launched, launch};
use super::line::{Line, no_answer, read_response};
use super::{
    Answer, Build, CONNECTION_ID, ClientKind, Command, Fit, LineReader, Request, Target, Welcome,
    env, to_line,
};
use crate::domain::{ErrorKind, Failure};

/// How long a daemon may take from its start to its first answer.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks for a daemon that is starting.
const START_POLL: Duration = Duration::from_millis(10);
/// A daemon gave way to another which then did not come, because it was just stopping: start one again after this.
const RELAUNCH_AFTER: Duration = Duration::from_millis(300);
/// Calls that wait to be written: more than a person can have under way; further ones wait.
const CALLS: usize = 64;

type Pending = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Answer, Failure>>>>>>;

/// A connection to a fleet's daemon; clone it to share it. Dropping the last clone closes it.
#[derive(Debug, Clone)]
pub struct ControlHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    target: Target,
    client: ClientKind,
    next_id: AtomicU64,
    calls: mpsc::Sender<Vec<u8>>,
    pending: Pending,
    daemon: Welcome,
    _reader: AbortOnDropHandle<()>,
    _writer: AbortOnDropHandle<()>,
}

impl ControlHandle {
    /// Connects to the fleet's daemon; starts it when none runs. An older one hands over first.
    ///
    /// # Errors
    /// What the daemon could not start for, or a [`Failure`] of kind `daemon` when none answers within 5 s, or when it is of
    /// another version or serves another file.
    pub async fn connect(target: &Target) -> Result<Self, Failure> {
        Self::connect_as(target, ClientKind::Cli).await
    }

    /// [`ControlHandle::connect`] as another face than the command line.
    ///
    /// # Errors
    /// As [`ControlHandle::connect`].
    pub async fn connect_as(target: &Target, client: ClientKind) -> Result<Self, Failure> {
        let deadline = Instant::now() + START_TIMEOUT;
        let mut launched: Option<(Launched, Instant)> = None;
        loop {
            if let Some(line) = Line::open(target, client).await? {
                match line.fit() {
                    Fit::Same | Fit::ClientOlder => return Ok(Self::over(target, client, line)),
                    Fit::DaemonOlder => line.hand_over().await,
                    Fit::ClientTooOld => {
                        return Err(Fit::ClientTooOld.refusal(&Build::own(), &line.daemon.build));
                    }
                }
            }
            let again = match &mut launched {
                None => true,
                Some((child, since)) => match child.fate(&target.state_dir) {
                    Fate::Running => false,
                    Fate::GaveWay => since.elapsed() > RELAUNCH_AFTER,
                    Fate::Killed => true,
                    Fate::Failed(failure) => return Err(failure),
                },
            };
            if again {
                launched = Some((launch(target)?, Instant::now()));
            }
            if Instant::now() >= deadline {
                return Err(no_answer(target));
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    /// Connects to the fleet's daemon if one runs; never starts one.
    ///
    /// # Errors
    /// A [`Failure`] when one runs but cannot be used.
    pub async fn connect_running(target: &Target) -> Result<Option<Self>, Failure> {
        let client = ClientKind::Cli;
        let line = Line::open(target, client).await?;
        Ok(line.map(|line| Self::over(target, client, line)))
    }

    fn over(target: &Target, client: ClientKind, line: Line) -> Self {
        let pending: Pending = Arc::new(Mutex::new(Some(HashMap::new())));
        let (calls, queue) = mpsc::channel(CALLS);
        let reader = tokio::spawn(read_answers(line.reader, Arc::clone(&pending)));
        let writer = tokio::spawn(write_calls(line.writer, queue));
        Self {
            inner: Arc::new(Inner {
                target: target.clone(),
                client,
                next_id: AtomicU64::new(CONNECTION_ID + 1),
                calls,
                pending,
                daemon: line.daemon,
                _reader: AbortOnDropHandle::new(reader),
                _writer: AbortOnDropHandle::new(writer),
            }),
        }
    }

    /// The fleet it is connected to; to connect again after the daemon went away.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// Who answers.
    #[must_use]
    pub fn daemon(&self) -> &Welcome {
        &self.inner.daemon
    }

    /// Sends a command and waits for its first answer ([`Answer::Done`] when it has no other).
    ///
    /// # Errors
    /// What the daemon answered, or a [`Failure`] of kind `daemon` when the connection is lost; then the command may or may
    /// not have been done.
    pub async fn call(&self, command: Command) -> Result<Answer, Failure> {
        let inner = &self.inner;
        let request = request(
            inner.next_id.fetch_add(1, Ordering::Relaxed),
            command,
            &inner.target,
        );
        let line = to_line(&request)?;
        let (reply, answer) = oneshot::channel();
        match &mut *inner.pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pending) => pending.insert(request.id, reply),
            None => return Err(went_away()),
        };
        if inner.calls.send(line).await.is_err() {
            return Err(went_away());
        }
        answer.await.unwrap_or_else(|_| Err(went_away()))
    }

    /// Sends a command and gives its answers as they come. Never starts a daemon.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when the daemon went away.
    pub async fn stream(&self, command: Command) -> Result<AnswerStream, Failure> {
        let target = &self.inner.target;
        let Some(mut line) = Line::open(target, self.inner.client).await? else {
            return Err(went_away());
        };
        let bytes = to_line(&request(CONNECTION_ID + 1, command, target))?;
        line.writer
            .write_all(&bytes)
            .await
            .map_err(|_| went_away())?;
        Ok(AnswerStream { line: Some(line) })
    }
}

/// The answers to one command. Dropping it ends the command where it is one that follows.
#[derive(Debug)]
pub struct AnswerStream {
    line: Option<Line>,
}

impl AnswerStream {
    /// The next answer; `None` after the last. An error is the last. Dropping a pending call loses nothing.
    pub async fn next(&mut self) -> Option<Result<Answer, Failure>> {
        let line = self.line.as_mut()?;
        let answer = match read_response(&mut line.reader).await {
            Ok(Some(response)) => match response.body {
                Answer::Done => None,
                Answer::Failed(failure) => Some(Err(failure)),
                answer => return Some(Ok(answer)),
            },
            Ok(None) => Some(Err(went_away())),
            Err(failure) => Some(Err(failure)),
        };
        self.line = None;
        answer
    }
}

async fn read_answers(mut reader: LineReader, pending: Pending) {
    while let Ok(Some(response)) = read_response(&mut reader).await {
        let waiting = match &mut *pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pending) => pending.remove(&response.id),
            None => None,
        };
        let Some(waiting) = waiting else { continue };
        let answer = match response.body {
            Answer::Failed(failure) => Err(failure),
            answer => Ok(answer),
        };
        // Who asked may have stopped waiting; the answer is then nobody's.
        let _ = waiting.send(answer);
    }
    // Dropping the waiting ends tells each caller that the daemon went away.
    drop(
        pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
}

async fn write_calls(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn request(id: u64, command: Command, target: &Target) -> Request {
    let env = if starts_receivers(&command) {
        env::pick(std::env::vars_os(), &target.env_names)
    } else {
        Vec::new()
    };
    Request { id, command, env }
}

fn starts_receivers(command: &Command) -> bool {
    match command {
        Command::Submit(_)
        | Command::Deploy { .. }
        | Command::Start { .. }
        | Command::Restart { .. } => true,
        Command::Snapshot { .. }
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Cancel { .. }
        | Command::AnswerPermission { .. }
        | Command::Resolve { .. }
        | Command::Follow { .. }
        | Command::Stop { .. }
        | Command::Status
        | Command::Budgets { .. }
        | Command::TopUp { .. }
        | Command::ResetBudget { .. }
        | Command::Audit { .. }
        | Command::Transcripts { .. }
        | Command::Trust { .. }
        | Command::TrustPeer { .. }
        | Command::StopDaemon
        | Command::HandOver => false,
    }
}

fn went_away() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon went away before it answered.",
        "Run the command again: it starts the daemon, and what was stored goes on.",
    )
}
