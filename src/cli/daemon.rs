//! `fleet daemon`: runs, starts, stops and shows the daemon. One of the two doors of the command line.

use std::time::Duration;

use tokio::time::Instant;

use super::args::{DaemonArgs, DaemonCommand, GlobalArgs};
use super::session::{target, unexpected};
use super::{CommandResult, exit, output};
use crate::control::{Answer, Command, ControlHandle, DaemonView, Target};
use crate::daemon;
use crate::domain::{ErrorKind, Failure, SafeText};

/// How long a daemon may take to be gone after it said that it stops; it needs a second.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks meanwhile.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Does what `fleet daemon` was asked to do; the value is the exit code.
///
/// # Errors
/// [`Failure`] when the daemon cannot be run, started or stopped.
pub(crate) async fn execute(global: &GlobalArgs, args: DaemonArgs) -> CommandResult {
    let target = target(global)?;
    match args.command.unwrap_or(DaemonCommand::Status) {
        DaemonCommand::Run => daemon::run(&target).await?,
        DaemonCommand::Start => {
            let handle = ControlHandle::connect(&target).await?;
            show(global, &view(&handle).await?)?;
        }
        DaemonCommand::Stop => {
            stop(&target).await?;
            show(global, &absent(&target))?;
        }
        DaemonCommand::Status => {
            let view = match ControlHandle::connect_running(&target).await? {
                Some(handle) => view(&handle).await?,
                None => absent(&target),
            };
            show(global, &view)?;
        }
    }
    Ok(exit::DONE)
}

async fn view(handle: &ControlHandle) -> Result<DaemonView, Failure> {
    // A snapshot is answered also while fleet.toml is invalid.
    match handle.call(Command::Snapshot { follow: false }).await? {
        Answer::Snapshot(snapshot) => Ok(snapshot.daemon),
        other => Err(unexpected(&other)),
    }
}

fn absent(target: &Target) -> DaemonView {
    DaemonView {
        running: false,
        pid: None,
        version: None,
        config: target.config.display().to_string(),
    }
}

/// Stops it and waits until it is gone, so that whoever comes next starts a new one.
async fn stop(target: &Target) -> Result<(), Failure> {
    let Some(handle) = ControlHandle::connect_running(target).await? else {
        return Ok(());
    };
    // A daemon of another version says nothing of itself, and is stopped all the same.
    let pid = view(&handle).await.ok().and_then(|view| view.pid);
    handle.call(Command::StopDaemon).await?;
    drop(handle);
    let deadline = Instant::now() + STOP_TIMEOUT;
    while ControlHandle::connect_running(target).await?.is_some() || pid.is_some_and(lives) {
        if Instant::now() >= deadline {
            return Err(Failure::new(
                ErrorKind::Daemon,
                "The daemon was told to stop and goes on.",
                format!(
                    "Look into {}.",
                    target.state_dir.join("daemon.log").display()
                ),
            ));
        }
        tokio::time::sleep(STOP_POLL).await;
    }
    Ok(())
}

/// Whether that process still runs. One that has ended and waits for its parent to look does not.
fn lives(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the command, which stands in parentheses and may hold some itself.
        Ok(stat) => stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])),
        Err(_) => false,
    }
}

fn show(global: &GlobalArgs, view: &DaemonView) -> Result<(), Failure> {
    if global.json {
        return output::json(view);
    }
    output::text(&words(view))
}

fn words(view: &DaemonView) -> SafeText {
    SafeText::of(&match (view.running, view.pid, &view.version) {
        (true, Some(pid), Some(version)) => {
            format!(
                "The daemon of {} runs: process {pid}, fleet {version}.",
                view.config
            )
        }
        (true, ..) => format!("The daemon of {} runs.", view.config),
        (false, ..) => format!("The daemon of {} does not run.", view.config),
    })
}
