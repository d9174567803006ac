//! The fleet that a command is about, and its daemon.
//!
//! Owns: finding both, and unpacking answers. Does not own: the connection, see [`crate::control`].

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::args::{GlobalArgs, ReceiverArgs};
use crate::control::{Answer, AnswerStream, Command, ControlHandle, DispatchView, Target};
use crate::domain::{DispatchId, ErrorKind, Failure, PeerName};

/// Shortest part of an id that is looked for: less is a slip of the hand.
const MIN_PART: usize = 4;
/// Dispatches that are searched for a part of an id, or for a context: what a person remembers is among the newest.
const SEARCHED: u32 = 1_000;

/// How long a command that lost its daemon is given again: a daemon is back within seconds.
const AGAIN_FOR: Duration = Duration::from_secs(30);
/// Before it is given again.
const AGAIN_PAUSE: Duration = Duration::from_millis(200);

/// A connection to the daemon of the fleet that the flags name.
#[derive(Debug)]
pub(crate) struct Session {
    handle: ControlHandle,
}

impl Session {
    /// Finds the fleet and connects to its daemon; starts it when none runs.
    pub(crate) async fn open(global: &GlobalArgs) -> Result<Self, Failure> {
        let target = target(global)?;
        let handle = ControlHandle::connect(&target).await?;
        Ok(Self { handle })
    }

    /// Sends a command and waits for its answer. One that may be repeated is, for up to [`AGAIN_FOR`], when the daemon stopped or
    /// went away before it answered: the next one is started.
    pub(crate) async fn call(&self, command: Command) -> Result<Answer, Failure> {
        let give_up_at = Instant::now() + AGAIN_FOR;
        let mut handle = self.handle.clone();
        loop {
            let failure = match handle.call(command.clone()).await {
                Err(failure) if failure.kind == ErrorKind::Daemon => failure,
                answered => return answered,
            };
            if !command.may_be_repeated() || Instant::now() >= give_up_at {
                return Err(failure);
            }
            tokio::time::sleep(AGAIN_PAUSE).await;
            handle = ControlHandle::connect(handle.target()).await?;
        }
    }

    /// Sends a command whose answer is a dispatch.
    pub(crate) async fn dispatch(&self, command: Command) -> Result<DispatchView, Failure> {
        dispatch_of(self.call(command).await?)
    }

    /// Sends a command that has many answers.
    pub(crate) async fn stream(&self, command: Command) -> Result<AnswerStream, Failure> {
        self.handle.stream(command).await
    }
}

/// The fleet that the flags and the current folder name.
pub fn target(global: &GlobalArgs) -> Result<Target, Failure> {
    let cwd = std::env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/"));
    Target::resolve(global.config.as_deref(), global.state_dir.as_deref(), &cwd)
}

/// The dispatch in an answer.
pub(crate) fn dispatch_of(answer: Answer) -> Result<DispatchView, Failure> {
    match answer {
        Answer::Dispatch(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

/// An answer that is none to what was asked: a defect, or a daemon of another version.
pub(crate) fn unexpected(answer: &Answer) -> Failure {
    let word = match answer {
        Answer::Welcome(_) => "a greeting",
        Answer::Snapshot(_) => "a snapshot",
        Answer::Dispatch(_) => "a dispatch",
        Answer::Dispatches(_) => "dispatches",
        Answer::Peers(_) => "peers",
        Answer::Status(_) => "the status",
        Answer::Budgets(_) => "budgets",
        Answer::Audit(_) => "what was done",
        Answer::Transcripts(_) => "transcripts",
        Answer::Lines(_) => "lines of a transcript",
        Answer::Trust(_) => "what fleet.toml would run",
        Answer::PeerTrust(_) => "the settings of a repo",
        Answer::Notice(_) => "a notice",
        Answer::Done => "nothing",
        Answer::Failed(_) => "a failure",
    };
    Failure::new(
        ErrorKind::Daemon,
        format!("The daemon answered something that was not asked: {word}."),
        "Run `fleet daemon stop`, then the command again.",
    )
}

/// Finds the dispatch that a person means: by its whole id, or by a part of its beginning or end that fits only one of the
/// newest.
///
/// # Errors
/// [`Failure`] of kind `usage` when none or several fit.
pub(crate) async fn dispatch_id(session: &Session, text: &str) -> Result<DispatchId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let part = text.to_ascii_lowercase();
    let is_part = part.len() >= MIN_PART && part.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_part {
        return Err(no_dispatch_id(format!(
            "{text:?} is no dispatch id; it takes one like 0193a5b0-0000-7000-8000-000000000001, \
             or at least {MIN_PART} characters of its beginning or end."
        )));
    }
    let ids = newest(session)
        .await?
        .into_iter()
        .map(|view| view.dispatch_id);
    let named = |id: &DispatchId| {
        let id = id.to_string();
        id.starts_with(&part) || id.ends_with(&part)
    };
    only(text, &ids.filter(named).collect::<Vec<_>>())
}

/// The newest dispatches, newest first.
pub(crate) async fn newest(session: &Session) -> Result<Vec<DispatchView>, Failure> {
    let (peer, limit) = (None, SEARCHED);
    match session.call(Command::List { peer, limit }).await? {
        Answer::Dispatches(views) => Ok(views),
        other => Err(unexpected(&other)),
    }
}

fn only(text: &str, found: &[DispatchId]) -> Result<DispatchId, Failure> {
    match found {
        [one] => Ok(*one),
        [] => Err(no_dispatch_id(format!(
            "None of the newest {SEARCHED} dispatches has an id that begins or ends with {text}."
        ))),
        [first, second, ..] => Err(no_dispatch_id(format!(
            "{text} fits {} dispatches, such as {first} and {second}.",
            found.len()
        ))),
    }
}

fn no_dispatch_id(message: String) -> Failure {
    Failure::new(
        ErrorKind::Usage,
        message,
        "See their ids with: fleet dispatches list",
    )
}

/// Reads a peer's name as a person typed it.
pub(crate) fn peer_name(text: &str) -> Result<PeerName, Failure> {
    PeerName::new(text)
        .map_err(|error| Failure::new(ErrorKind::Usage, format!("{error}."), "fleet peers"))
}

/// The peers that a command about receivers names.
///
/// # Errors
/// [`Failure`] of kind `usage` for a name that can be none, and where neither a name nor `--all` was given.
pub(crate) fn peer_names(args: &ReceiverArgs) -> Result<Vec<PeerName>, Failure> {
    if args.peers.is_empty() && !args.all {
        return Err(Failure::new(
            ErrorKind::Usage,
            "No receiver was named.",
            "Name peers of fleet.toml (`fleet peers` lists them), or give --all.",
        ));
    }
    args.peers.iter().map(|name| peer_name(name)).collect()
}

/// Reads an optional peer's name as a person typed it.
pub(crate) fn optional_peer(text: Option<&str>) -> Result<Option<PeerName>, Failure> {
    text.map(peer_name).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_id_must_fit_one_dispatch() {
        let (a, b) = (DispatchId::mint(), DispatchId::mint());
        assert_eq!(only("0193", &[a]).unwrap(), a);
        let none = only("0193", &[]).unwrap_err();
        assert_eq!(
            none.message,
            "None of the newest 1000 dispatches has an id that begins or ends with 0193."
        );
        let both = only("0193", &[a, b]).unwrap_err();
        assert_eq!(
            both.message,
            format!("0193 fits 2 dispatches, such as {a} and {b}.")
        );
        assert_eq!(both.kind, ErrorKind::Usage);
    }
}
