//! The daemon, as watching a dispatch needs it.
//!
//! Owns: connecting again after the daemon went away. Submitting is idempotent on the dispatch's id, so the same request
//! is simply made again.

use super::watch::Link;
use crate::cli::session::{dispatch_of, unexpected};
use crate::cli::{output, text};
use crate::control::{
    Answer, AnswerStream, Command, ControlHandle, DispatchView, SubmitRequest, Target,
};
use crate::domain::{DispatchId, Failure};

/// How the daemon is made to know the dispatch.
#[derive(Debug, Clone)]
pub(crate) enum Begin {
    /// By submitting it.
    Submit(SubmitRequest),
    /// It was submitted by somebody before.
    Attach(DispatchId),
}

impl Begin {
    fn dispatch_id(&self) -> DispatchId {
        match self {
            Self::Submit(request) => request.dispatch_id,
            Self::Attach(dispatch_id) => *dispatch_id,
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Submit(request) => Command::Submit(request.clone()),
            Self::Attach(dispatch_id) => Command::Show {
                dispatch_id: *dispatch_id,
            },
        }
    }
}

/// A daemon over the control socket.
#[derive(Debug)]
pub(crate) struct DaemonLink {
    target: Target,
    begin: Begin,
    line: Line,
    reached: bool,
}

/// How far the connection is.
#[derive(Debug)]
enum Line {
    Down,
    Up(ControlHandle),
    Waiting(ControlHandle, AnswerStream),
}

impl DaemonLink {
    /// A link that is not connected yet.
    pub(crate) fn new(target: Target, begin: Begin) -> Self {
        Self {
            target,
            begin,
            line: Line::Down,
            reached: false,
        }
    }

    async fn handle(&mut self) -> Result<ControlHandle, Failure> {
        match &self.line {
            Line::Up(handle) | Line::Waiting(handle, _) => Ok(handle.clone()),
            Line::Down => {
                let handle = ControlHandle::connect(&self.target).await?;
                self.reached = true;
                self.line = Line::Up(handle.clone());
                Ok(handle)
            }
        }
    }

    async fn call(&mut self, command: Command) -> Result<DispatchView, Failure> {
        let answer = self.handle().await?.call(command).await;
        if answer.is_err() {
            self.line = Line::Down;
        }
        dispatch_of(answer?)
    }

    async fn change(&mut self) -> Result<Option<DispatchView>, Failure> {
        loop {
            let stream = match &mut self.line {
                Line::Waiting(_, stream) => stream,
                Line::Up(_) | Line::Down => {
                    let handle = self.handle().await?;
                    let dispatch_id = self.begin.dispatch_id();
                    let stream = handle.stream(Command::Wait { dispatch_id }).await?;
                    self.line = Line::Waiting(handle, stream);
                    continue;
                }
            };
            match stream.next().await.transpose()? {
                Some(Answer::Dispatch(view)) => return Ok(Some(*view)),
                // News about the peer's budget is no change of the dispatch, and no result.
                Some(Answer::Notice(notice)) => output::note(&text::notice(&notice)),
                Some(other) => return Err(unexpected(&other)),
                None => return Ok(None),
            }
        }
    }
}

impl Link for DaemonLink {
    async fn begin(&mut self) -> Result<DispatchView, Failure> {
        let command = self.begin.command();
        self.call(command).await
    }

    fn reached(&self) -> bool {
        self.reached
    }

    async fn next_change(&mut self) -> Result<Option<DispatchView>, Failure> {
        let change = self.change().await;
        if !matches!(change, Ok(Some(_))) {
            self.line = Line::Down;
        }
        change
    }

    async fn cancel(&mut self) -> Result<DispatchView, Failure> {
        let dispatch_id = self.begin.dispatch_id();
        self.call(Command::Cancel { dispatch_id }).await
    }
}
