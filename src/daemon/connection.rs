//! One client.
//!
//! Owns: the greeting, reading requests, writing answers. Does not own: what a command does.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedWriteHalf, UCred};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::commands;
use super::core::Core;
use super::store::AuditClient;
use crate::control::{
    Answer, Build, CONNECTION_ID, Command, Fit, Hello, LineReader, Request, Response, Welcome,
    line_reader, to_line,
};
use crate::domain::{ErrorKind, Failure};

/// How long the daemon waits for answers to be written when it stops: within the second it may take.
pub(super) const FLUSH: Duration = Duration::from_millis(200);
/// How long a client may take to greet.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Commands at a time on one connection; further ones wait unread.
const COMMANDS: usize = 64;
/// Answers that wait to be written: a client that does not read holds up only its own commands.
const ANSWERS: usize = 32;

/// Where the answers to one command go.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    id: u64,
    out: mpsc::Sender<Vec<u8>>,
    closed: CancellationToken,
}

/// Why a command ended without having done all.
#[derive(Debug)]
pub(super) enum Ended {
    /// It failed.
    Failed(Failure),
    /// The client has gone, or the daemon stops: nothing more is said, so that a client that waits knows to ask again.
    Gone,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Reply {
    /// Sends one answer; waits while the client does not read.
    pub(super) async fn send(&self, body: Answer) -> Result<(), Ended> {
        let response = Response { id: self.id, body };
        let line = to_line(&response).or_else(|failure| {
            to_line(&Response {
                id: self.id,
                body: Answer::Failed(failure),
            })
        });
        let line = line.map_err(|_| Ended::Gone)?;
        self.out.send(line).await.map_err(|_| Ended::Gone)
    }

    /// Returns when the client has gone or the daemon stops.
    pub(super) async fn gone(&self) -> Ended {
        tokio::select! {
            () = self.closed.cancelled() => {}
            () = self.out.closed() => {}
        }
        Ended::Gone
    }
}

/// Who asks.
#[derive(Debug)]
pub(super) struct Caller {
    /// Whether they named the file, which accepts it.
    pub(super) explicit: bool,
    /// As the audit knows them.
    pub(super) client: AuditClient,
    pub(super) build: Build,
    fit: Fit,
}

impl Caller {
    /// Refuses what a client of another build may not ask.
    fn check(&self, command: &Command) -> Result<(), Failure> {
        if self.fit.allows(command) {
            return Ok(());
        }
        Err(self.fit.refusal(&self.build, &Build::own()))
    }

    /// Refuses new work of a client of another build.
    pub(super) fn may_begin(&self) -> Result<(), Failure> {
        match self.fit {
            Fit::Same => Ok(()),
            other => Err(other.refusal(&self.build, &Build::own())),
        }
    }
}

/// Serves one connection until it closes or the daemon stops.
pub(super) async fn serve(stream: UnixStream, core: &Arc<Core>) {
    let _client = core.activity.enter();
    let credentials = stream.peer_cred();
    let (read, write) = stream.into_split();
    let mut reader = line_reader(read);
    let (out, lines) = mpsc::channel(ANSWERS);
    let mut tasks = JoinSet::new();
    tasks.spawn(write_lines(write, lines));
    let hello = tokio::time::timeout(HELLO_TIMEOUT, reader.next()).await;
    let reply = Reply {
        id: CONNECTION_ID,
        out,
        closed: core.stop.child_token(),
    };
    let greeted = match hello {
        Ok(Some(Ok(line))) => greet(&line, credentials.ok(), core),
        Ok(Some(Err(_)) | None) | Err(_) => return,
    };
    match greeted {
        Ok(caller) => {
            let welcome = Welcome {
                build: Build::own(),
                pid: std::process::id(),
            };
            if reply.send(Answer::Welcome(welcome)).await.is_ok() {
                requests(&mut reader, &Arc::new(caller), core, &reply, &mut tasks).await;
            }
        }
        Err(failure) => {
            let _ = reply.send(Answer::Failed(failure)).await;
        }
    }
    // What is being stored must not be cut off half-way because its client left: commands end by themselves, and those
    // that only tell a client something notice that it has gone.
    reply.closed.cancel();
    drop(reply);
    while tasks.join_next().await.is_some() {}
}

async fn requests(
    reader: &mut LineReader,
    caller: &Arc<Caller>,
    core: &Arc<Core>,
    reply: &Reply,
    tasks: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(COMMANDS));
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let line = tokio::select! {
            _gone = reply.gone() => return,
            line = reader.next() => line,
        };
        let request: Request = match line.map(|line| line.map(|line| serde_json::from_str(&line))) {
            Some(Ok(Ok(request))) => request,
            Some(Ok(Err(error))) => {
                let _ = reply.send(Answer::Failed(no_request(&error))).await;
                return;
            }
            // The line is too long, or the connection is closed.
            Some(Err(_)) | None => return,
        };
        let reply = Reply {
            id: request.id,
            ..reply.clone()
        };
        let (core, caller) = (Arc::clone(core), Arc::clone(caller));
        tasks.spawn(async move {
            answer(request, &caller, &core, &reply).await;
            drop(place);
        });
    }
}

/// Does one command and says how it ended.
async fn answer(request: Request, caller: &Caller, core: &Core, reply: &Reply) {
    let stops = matches!(request.command, Command::StopDaemon | Command::HandOver);
    let done = match caller.check(&request.command) {
        Err(failure) => Err(Ended::Failed(failure)),
        Ok(()) => commands::run(request, caller, core, reply).await,
    };
    let ends = stops && done.is_ok();
    let _ = match done {
        Ok(()) => reply.send(Answer::Done).await,
        Err(Ended::Failed(failure)) => reply.send(Answer::Failed(failure)).await,
        Err(Ended::Gone) => Ok(()),
    };
    if ends {
        core.stop.cancel();
    }
}

fn greet(line: &str, credentials: Option<UCred>, core: &Core) -> Result<Caller, Failure> {
    let hello: Hello = serde_json::from_str(line).map_err(|error| no_request(&error))?;
    let config = core.target.config.to_string_lossy();
    if hello.config != config {
        return Err(Failure::new(
            ErrorKind::Config,
            format!(
                "The daemon of this state folder serves {config}, not {}.",
                hello.config
            ),
            "Use that file, or another state folder (`--state-dir PATH`).",
        ));
    }
    Ok(Caller {
        explicit: hello.config_is_explicit,
        client: AuditClient {
            // Other users were turned away when they connected.
            uid: rustix::process::getuid().as_raw(),
            pid: credentials.and_then(|caller| caller.pid()),
            kind: hello.client.word(),
            version: hello.build.version.clone(),
        },
        fit: Fit::of(&hello.build, &Build::own()),
        build: hello.build,
    })
}

/// No failure of kind `daemon`: asking again is no remedy.
fn no_request(error: &serde_json::Error) -> Failure {
    Failure::new(
        ErrorKind::Internal,
        format!("The daemon does not understand what it was asked: {error}."),
        "Run `fleet daemon stop`, then the command again.",
    )
}

async fn write_lines(mut half: OwnedWriteHalf, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if half.write_all(&line).await.is_err() {
            return;
        }
    }
}
