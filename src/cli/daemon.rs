//! `fleet daemon`: runs, starts, stops and shows the daemon. One of the two doors of the command line.

use std::time::Duration;

use tokio::time::Instant;

use super::args::{DaemonArgs, DaemonCommand, GlobalArgs};
use super::session::target;
use super::{CommandResult, exit, output};
use crate::control::{Command, ControlHandle, DaemonView, Target};
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
            show(global, &view(&handle, &target))?;
        }
        DaemonCommand::Stop => {
            let stopped = stop(&target).await?;
            if global.json {
                output::json(&absent(&target))?;
            } else {
                output::text(&stopped.words(&target))?;
            }
        }
        DaemonCommand::Status => {
            let view = match ControlHandle::connect_running(&target).await? {
                Some(handle) => view(&handle, &target),
                None => absent(&target),
            };
            show(global, &view)?;
        }
    }
    Ok(exit::DONE)
}

fn view(handle: &ControlHandle, target: &Target) -> DaemonView {
    let daemon = handle.daemon();
    DaemonView {
        running: true,
        pid: Some(daemon.pid),
        version: Some(daemon.build.version.clone()),
        ..absent(target)
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

/// What `fleet daemon stop` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// None ran.
    Before,
    Now,
    /// It stopped, and an open console or a waiting command has started another since.
    Replaced,
}

impl Stopped {
    fn words(self, target: &Target) -> SafeText {
        let config = target.config.display();
        SafeText::of(&match self {
            Self::Before => format!("The daemon of {config} does not run."),
            Self::Now => format!("The daemon of {config} has stopped; receivers go on."),
            Self::Replaced => format!(
                "The daemon of {config} has stopped, and an open console or command has started another."
            ),
        })
    }
}

/// Stops it and waits until it is gone, so that whoever comes next starts a new one.
async fn stop(target: &Target) -> Result<Stopped, Failure> {
    let Some(handle) = ControlHandle::connect_running(target).await? else {
        return Ok(Stopped::Before);
    };
    let pid = handle.daemon().pid;
    handle.call(Command::StopDaemon).await?;
    drop(handle);
    let deadline = Instant::now() + STOP_TIMEOUT;
    loop {
        let now = ControlHandle::connect_running(target).await?;
        match (now, lives(pid)) {
            (None, false) => return Ok(Stopped::Now),
            (Some(other), false) if other.daemon().pid != pid => return Ok(Stopped::Replaced),
            (Some(_), _) | (None, true) => {}
        }
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
