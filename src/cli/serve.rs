//! `fleet serve`: runs a receiver. One of the two doors of the command line.
//!
//! Owns: the folder of a receiver that a person starts by hand. Does not own: serving, see `fleet_receivers`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_a2a::client::Secret;
use fleet_receivers::config::{BY_HAND, ReceiverConfig};
use fleet_receivers::folder::{self, FolderError, Identity};
use fleet_receivers::harness::{Accepted, Acceptor, Listing};
use fleet_receivers::{Mode, ServeError};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{GlobalArgs, ServeArgs};
use super::{CommandResult, exit, output};
use crate::config::{hex, sha256};
use crate::control::Places;
use crate::domain::{ErrorKind, Failure, SafeText};

/// Between two looks for the address that a receiver took.
const ANNOUNCE_POLL: Duration = Duration::from_millis(10);

/// Serves one agent until told to stop; the value is the exit code.
///
/// # Errors
/// [`Failure`] when the receiver cannot start.
pub(crate) async fn execute(global: &GlobalArgs, args: ServeArgs) -> CommandResult {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let stop = stop_on_signals()?;
    let own = args.receiver.is_none();
    let dir = match args.receiver {
        Some(dir) => dir,
        None => write_folder(global, &args)?,
    };
    let served = fleet_receivers::serve(&dir, stop.clone());
    if !own {
        served.await.map_err(cannot_serve)?;
        return Ok(exit::DONE);
    }
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => ended.map_err(cannot_serve)?,
        announced = announce(global, &dir) => {
            if let Err(failure) = announced {
                stop.cancel();
                served.await.map_err(cannot_serve)?;
                return Err(failure);
            }
            served.await.map_err(cannot_serve)?;
        }
    }
    Ok(exit::DONE)
}

/// Cancelled by SIGTERM and Ctrl-C.
fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                format!("The receiver cannot listen for signals: {error}."),
                "",
            )
        })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    // Ends with the process: the runtime drops it when the receiver has ended.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

/// The folder of a receiver by hand: one for each mode and repo, so that its token and its tasks stay.
fn write_folder(global: &GlobalArgs, args: &ServeArgs) -> Result<PathBuf, Failure> {
    let mode = read_mode(args)?;
    let repo = read_repo(args)?;
    let places = Places::of_this_process(&current_dir());
    let state = global.state_dir.clone().or(places.state_dir);
    let state = state.map(|dir| places.cwd.join(dir)).or(places.state_home);
    let state = state.ok_or_else(|| {
        usage(
            "There is no home directory to keep the receiver's folder in.",
            "Set HOME, or name a folder with `--state-dir DIR`.",
        )
    })?;
    let digest = sha256(repo.as_os_str().as_encoded_bytes());
    let name = format!("{mode}-{}", hex(&digest[..4]));
    let dir = state.join("serve").join(&name);
    // Receivers of one repo in two state folders are two: neither may sweep up what the other runs.
    let (receiver_id, token) = match folder::load(&dir) {
        Ok((known, token)) => (known.receiver_id, token),
        Err(_) => (
            format!("{name}-{}", hex(&rand::random::<[u8; 8]>())),
            Secret::new(&hex(&rand::random::<[u8; 32]>())),
        ),
    };
    let text = toml::Table::from_iter([
        ("fleet".to_owned(), BY_HAND.into()),
        ("peer".to_owned(), name.into()),
        ("receiver_id".to_owned(), receiver_id.into()),
        ("mode".to_owned(), mode.word().into()),
        (
            "repo".to_owned(),
            repo.to_string_lossy().into_owned().into(),
        ),
        ("bind".to_owned(), args.bind.to_string().into()),
        ("idle_timeout_s".to_owned(), 0.into()),
    ]);
    let mut config: ReceiverConfig = text.try_into().map_err(|error: toml::de::Error| {
        Failure::new(
            ErrorKind::Internal,
            format!("The receiver cannot be configured: {}.", error.message()),
            "",
        )
    })?;
    config.command.clone_from(&args.command);
    let written = folder::write(&dir, &config, &token);
    written.map_err(|error| cannot_serve(error.into()))?;
    if args.trust {
        let listing = Listing::read(&config.repo, config.mode);
        let accepted = Accepted::of(&config, &listing, Acceptor::Person).write(&dir);
        accepted.map_err(|error| cannot_serve(error.into()))?;
    }
    Ok(dir)
}

fn read_mode(args: &ServeArgs) -> Result<Mode, Failure> {
    let given = args.mode.as_deref().unwrap_or_default();
    let mode: Mode = given
        .parse()
        .map_err(|error| usage(&format!("--mode: {error}."), "fleet serve --help"))?;
    match (mode, args.command.is_empty()) {
        (Mode::Exec, true) => Err(usage(
            "Mode exec takes a command.",
            "Write it after `--`: fleet serve --mode exec --repo . -- ./agent",
        )),
        (Mode::Cc | Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes | Mode::Echo, false) => {
            Err(usage(
                &format!("Mode {mode} takes no command; mode exec does."),
                "Leave out what stands after `--`.",
            ))
        }
        (Mode::Exec, false)
        | (Mode::Cc | Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes | Mode::Echo, true) => {
            Ok(mode)
        }
    }
}

fn read_repo(args: &ServeArgs) -> Result<PathBuf, Failure> {
    let given = args.repo.clone().unwrap_or_default();
    let path = current_dir().join(&given);
    match std::fs::canonicalize(&path) {
        Ok(repo) if repo.is_dir() => Ok(repo),
        Ok(_) | Err(_) => Err(usage(
            &format!("--repo {} is no folder.", given.display()),
            "Name the folder that the agent is to work in.",
        )),
    }
}

fn current_dir() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/"))
}

/// What a person needs to call a receiver.
#[derive(Debug, Serialize)]
struct Announcement {
    url: String,
    token_file: String,
}

/// Prints the address once it is bound. The token is named by its file, never shown.
async fn announce(global: &GlobalArgs, dir: &Path) -> Result<(), Failure> {
    let identity = loop {
        match Identity::read(dir) {
            Ok(Some(identity)) if identity.pid == std::process::id() => break identity,
            Ok(_) | Err(_) => tokio::time::sleep(ANNOUNCE_POLL).await,
        }
    };
    let told = Announcement {
        url: identity.url,
        token_file: folder::path(dir, folder::TOKEN_FILE).display().to_string(),
    };
    if global.json {
        return output::json(&told);
    }
    output::text(&SafeText::of(&format!(
        "{}\nIts bearer token stands in {}.",
        told.url, told.token_file
    )))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn cannot_serve(error: ServeError) -> Failure {
    let kind = match &error {
        ServeError::Folder(FolderError::Invalid { .. } | FolderError::TooOpen { .. }) => {
            ErrorKind::Config
        }
        _other => ErrorKind::Internal,
    };
    Failure::new(kind, format!("The receiver cannot serve: {error}."), "")
}

fn usage(message: &str, remedy: &str) -> Failure {
    Failure::new(ErrorKind::Usage, message, remedy)
}
