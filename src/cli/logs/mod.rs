//! `fleet logs`: prints the log of the daemon, or of a peer's receiver.
//!
//! Owns: whose log is meant, and printing. It reads files and never starts a daemon, so that it works when nothing else does.
//! Does not own: reading, see `tail`; writing, see [`crate::telemetry`].

mod tail;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::args::{GlobalArgs, LogsArgs};
use super::session::{peer_name, target};
use super::{CommandResult, exit, output};
use crate::config::{self, PeerKind};
use crate::control::Target;
use crate::domain::{ErrorKind, Failure, PeerName, SafeText};
use tail::Tail;

/// Between two looks for new lines: at once for a person, and nothing for the processor.
const FOLLOW_POLL: Duration = Duration::from_millis(100);
/// What tracing calls its levels.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// One log.
#[derive(Debug)]
struct Log {
    /// `daemon`, or the peer's name.
    name: String,
    path: PathBuf,
}

/// Does `fleet logs`.
pub(crate) async fn execute(global: &GlobalArgs, args: &LogsArgs) -> CommandResult {
    let target = target(global)?;
    let log = match &args.peer {
        None => Log {
            name: "daemon".to_owned(),
            path: target.daemon_log(),
        },
        Some(text) => of_peer(&target, &peer_name(text)?)?,
    };
    let (mut tail, lines) =
        Tail::open(&log.path, args.lines).map_err(|error| log.broken(&error))?;
    if lines.is_empty() && !log.path.exists() {
        output::note(&SafeText::line_of(&format!(
            "{} has no log yet: it never ran.",
            log.name
        )));
    }
    print(global, &log, &lines)?;
    while args.follow && output::is_heard() {
        tokio::time::sleep(FOLLOW_POLL).await;
        let lines = tail.news().map_err(|error| log.broken(&error))?;
        print(global, &log, &lines)?;
    }
    Ok(exit::DONE)
}

/// The log of a peer's receiver: of one that the file names, or that it once named.
fn of_peer(target: &Target, peer: &PeerName) -> Result<Log, Failure> {
    // Logs are looked into when something is wrong, also when that is the file.
    let peers = config::load(&target.config).map_or_else(|_invalid| Vec::new(), |file| file.peers);
    let dir = target.receiver_dir(peer);
    match peers.iter().find(|known| known.name == *peer) {
        Some(known) => match &known.kind {
            PeerKind::Receiver(_) => {}
            PeerKind::Foreign(foreign) => {
                return Err(Failure::new(
                    ErrorKind::Usage,
                    format!(
                        "{peer} is somebody else's agent at {}: its log is there.",
                        foreign.url
                    ),
                    "What it said to you is shown by: fleet transcripts list",
                ));
            }
        },
        None if dir.is_dir() => {}
        None => {
            let ours = peers.iter().filter(|peer| match peer.kind {
                PeerKind::Receiver(_) => true,
                PeerKind::Foreign(_) => false,
            });
            return Err(unknown(peer, ours.map(|peer| peer.name.to_string())));
        }
    }
    Ok(Log {
        name: peer.to_string(),
        path: fleet_receivers::folder::path(&dir, fleet_receivers::folder::LOG_FILE),
    })
}

fn unknown(peer: &PeerName, known: impl Iterator<Item = String>) -> Failure {
    let known: Vec<String> = known.collect();
    let remedy = match known.is_empty() {
        true => "`fleet logs` alone prints the daemon's.".to_owned(),
        false => format!(
            "It takes one of: {}; alone it prints the daemon's.",
            known.join(", ")
        ),
    };
    Failure::new(
        ErrorKind::NotFound,
        format!("There is no receiver {peer}, so it has no log."),
        remedy,
    )
}

fn print(global: &GlobalArgs, log: &Log, lines: &[String]) -> Result<(), Failure> {
    for line in lines {
        if global.json {
            output::json(&Line::read(&log.name, line))?;
        } else {
            output::text(&SafeText::of(line))?;
        }
    }
    Ok(())
}

impl Log {
    fn broken(&self, error: &std::io::Error) -> Failure {
        Failure::new(
            ErrorKind::Internal,
            format!("{} cannot be read: {error}.", self.path.display()),
            "See that the state folder is yours and can be read.",
        )
    }
}

/// One line as programs get it.
#[derive(Debug, PartialEq, Serialize)]
struct Line<'a> {
    /// Whose: `daemon`, or the peer's name.
    log: &'a str,
    /// When; null where the line does not say, as in the middle of a panic's message.
    at: Option<&'a str>,
    level: Option<&'a str>,
    /// The whole line.
    line: &'a str,
}

impl<'a> Line<'a> {
    fn read(log: &'a str, line: &'a str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let at = words
            .next()
            .filter(|word| word.parse::<jiff::Timestamp>().is_ok());
        let level = words.next().filter(|word| LEVELS.contains(word));
        Self {
            log,
            at,
            level: at.and(level),
            line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_when_and_how_bad_where_it_says_so() {
        let told = "2026-11-21T08:00:00.123456Z  WARN fleet::daemon: it died";
        let line = Line::read("daemon", told);
        assert_eq!(line.at, Some("2026-11-21T08:00:00.123456Z"));
        assert_eq!(line.level, Some("WARN"));
        assert_eq!(line.line, told);
        let line = Line::read("app", "  try: WARN somebody");
        assert_eq!((line.at, line.level), (None, None));
    }

    #[test]
    fn an_unknown_peer_is_refused_with_those_there_are() {
        let peer = PeerName::new("ap").unwrap();
        let refused = unknown(&peer, ["app", "echo"].map(str::to_owned).into_iter());
        assert_eq!(
            refused.remedy,
            "It takes one of: app, echo; alone it prints the daemon's."
        );
        assert_eq!(refused.kind.exit_code(), 2);
    }
}
