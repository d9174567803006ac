//! Which log a process keeps.
//!
//! Owns: the choice. The daemon and receivers always keep one, beside their state; other commands only when `FLEET_LOG`
//! asks for it, so that a command leaves nothing behind.

use std::path::{Path, PathBuf};

use super::args::{Command, DaemonCommand, GlobalArgs};
use super::{output, session};
use crate::control::DAEMON_LOG;
use crate::domain::{Failure, SafeText};
use crate::telemetry::{self, LEVEL_VARIABLE, Telemetry};

/// The log of everything else that was asked for one.
const CLIENT_LOG: &str = "client.log";

/// Where a process logs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In the state folder of its fleet.
    State(&'static str),
    /// In a receiver's folder.
    Receiver(PathBuf),
    /// Nowhere.
    None,
}

/// Starts the log of this process, where it keeps one. A log that cannot be written keeps nobody from working.
#[must_use]
pub fn start_log(global: &GlobalArgs, command: Option<&Command>) -> Option<Telemetry> {
    let asked = std::env::var_os(LEVEL_VARIABLE).is_some();
    let (folder, name) = match place(command, asked) {
        Place::State(name) => (state_folder(global).ok()?, name),
        Place::Receiver(folder) => (folder, fleet_receivers::folder::LOG_FILE),
        Place::None => return None,
    };
    start_in(&folder, name)
}

fn start_in(folder: &Path, name: &str) -> Option<Telemetry> {
    match telemetry::start(folder, name, "info") {
        Ok(telemetry) => {
            if let Some(problem) = &telemetry.problem {
                output::note(&SafeText::line_of(problem));
            }
            Some(telemetry)
        }
        Err(error) => {
            let path = folder.join(name);
            output::note(&SafeText::line_of(&format!(
                "There is no log: {} cannot be written: {error}.",
                path.display()
            )));
            None
        }
    }
}

fn place(command: Option<&Command>, asked: bool) -> Place {
    match command {
        Some(Command::Daemon(args)) if args.command == Some(DaemonCommand::Run) => {
            Place::State(DAEMON_LOG)
        }
        Some(Command::Serve(args)) => match &args.receiver {
            Some(folder) => Place::Receiver(folder.clone()),
            None => Place::None,
        },
        Some(_) | None if asked => Place::State(CLIENT_LOG),
        Some(_) | None => Place::None,
    }
}

/// A fleet that cannot be found is told by the command itself.
fn state_folder(global: &GlobalArgs) -> Result<PathBuf, Failure> {
    let target = session::target(global)?;
    target.make_state_dir()?;
    Ok(target.state_dir)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn daemon_and_receiver_always_log_and_commands_when_asked() {
        let place_of = |words: &[&str], asked| {
            let words = ["fleet"].iter().chain(words);
            place(Cli::try_parse_from(words).unwrap().command.as_ref(), asked)
        };
        let receiver = || Place::Receiver(PathBuf::from("/r"));
        assert_eq!(
            place_of(&["daemon", "run"], false),
            Place::State(DAEMON_LOG)
        );
        assert_eq!(place_of(&["serve", "--receiver", "/r"], false), receiver());
        assert_eq!(place_of(&["daemon", "status"], false), Place::None);
        assert_eq!(
            place_of(&["daemon", "status"], true),
            Place::State(CLIENT_LOG)
        );
        assert_eq!(place_of(&[], false), Place::None);
        assert_eq!(place_of(&[], true), Place::State(CLIENT_LOG));
    }
}
