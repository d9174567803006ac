//! One greeted connection to a daemon.
//!
//! Owns: proving who listens, the greeting, and asking an older daemon to hand over. Does not own: what is asked then.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio_stream::StreamExt;

use super::{
    Answer, Build, CONNECTION_ID, ClientKind, Command, Fit, Hello, LineReader, Request, Response,
    SocketPath, Target, Welcome, line_reader, to_line,
};
use crate::domain::{ErrorKind, Failure};

/// How long a daemon may take to answer the greeting.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// One greeted connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) reader: LineReader,
    pub(super) writer: OwnedWriteHalf,
    /// Who answered.
    pub(super) daemon: Welcome,
}

impl Line {
    /// `None` when no daemon listens, or the one that did is just ending.
    pub(super) async fn open(target: &Target, client: ClientKind) -> Result<Option<Self>, Failure> {
        let socket = SocketPath::find(&target.state_dir);
        let stream = match UnixStream::connect(&socket.path).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(unreachable(&socket.path, &error)),
        };
        socket.prove()?;
        let owner = stream.peer_cred().map(|credentials| credentials.uid());
        if owner.ok() != Some(rustix::process::getuid().as_raw()) {
            return Err(Failure::new(
                ErrorKind::Daemon,
                format!(
                    "What listens on {} does not belong to this user.",
                    socket.path.display()
                ),
                "Name a state folder of your own with `--state-dir PATH`.",
            ));
        }
        let (read, writer) = stream.into_split();
        let greeted = greet((line_reader(read), writer), target, client);
        match tokio::time::timeout(HELLO_TIMEOUT, greeted).await {
            Ok(greeted) => greeted,
            Err(_) => Err(no_answer(target)),
        }
    }

    pub(super) fn fit(&self) -> Fit {
        Fit::of(&Build::own(), &self.daemon.build)
    }

    /// Asks an older daemon to make room. What becomes of it is seen at the next look.
    pub(super) async fn hand_over(mut self) {
        let request = Request {
            id: CONNECTION_ID + 1,
            command: Command::HandOver,
            env: Vec::new(),
        };
        let asked = async {
            self.writer.write_all(&to_line(&request).ok()?).await.ok()?;
            // Done, a refusal, or the end of the connection.
            read_response(&mut self.reader).await.ok()
        };
        let _ = tokio::time::timeout(HELLO_TIMEOUT, asked).await;
    }
}

async fn greet(
    (mut reader, mut writer): (LineReader, OwnedWriteHalf),
    target: &Target,
    client: ClientKind,
) -> Result<Option<Line>, Failure> {
    let hello = Hello {
        build: Build::own(),
        config: target.config.to_string_lossy().into_owned(),
        config_is_explicit: target.explicit,
        client,
    };
    if writer.write_all(&to_line(&hello)?).await.is_err() {
        return Ok(None);
    }
    let Some(response) = read_response(&mut reader).await? else {
        return Ok(None);
    };
    let daemon = match response.body {
        Answer::Welcome(daemon) => daemon,
        Answer::Failed(failure) => return Err(failure),
        other => return Err(no_greeting(&other)),
    };
    Ok(Some(Line {
        reader,
        writer,
        daemon,
    }))
}

pub(super) async fn read_response(reader: &mut LineReader) -> Result<Option<Response>, Failure> {
    let line = match reader.next().await {
        Some(Ok(line)) => line,
        // A connection that breaks is a daemon that went away, like one that ends.
        Some(Err(_)) | None => return Ok(None),
    };
    serde_json::from_str(&line).map(Some).map_err(|error| {
        Failure::new(
            ErrorKind::Daemon,
            format!("The daemon said something this version does not understand: {error}."),
            "Run `fleet daemon stop`, then the command again.",
        )
    })
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound | Io::ConnectionRefused | Io::ConnectionReset => true,
        // The accept queue is full: the daemon is there and busy; asking again is all one can do.
        Io::WouldBlock => true,
        _ => false,
    }
}

fn unreachable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        format!(
            "The daemon's socket {} cannot be reached: {error}.",
            path.display()
        ),
        "See that the state folder is yours, or name another with `--state-dir PATH`.",
    )
}

pub(super) fn no_answer(target: &Target) -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon does not answer.",
        format!(
            "Look into {}, or run `fleet daemon run` in a terminal to see what it says.",
            target.state_dir.join("daemon.log").display()
        ),
    )
}

fn no_greeting(answer: &Answer) -> Failure {
    tracing::debug!(?answer, "a daemon greets in a way that is not known");
    Failure::new(
        ErrorKind::Daemon,
        "What listens on the daemon's socket does not greet as a daemon does.",
        "Run `fleet daemon stop`, then the command again.",
    )
}
