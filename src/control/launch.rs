//! Starting the daemon when it is not there.
//!
//! Owns: the detached process and how its first error reaches the person who waits. Does not own: the daemon.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use serde::{Deserialize, Serialize};

use super::Target;
use crate::domain::{ErrorKind, Failure};

/// What a daemon that could not start leaves for the client that started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonReport {
    /// Why.
    pub failure: Failure,
}

/// Where the daemon of that process id leaves its report.
#[must_use]
pub fn report_path(state_dir: &Path, pid: u32) -> PathBuf {
    state_dir.join(format!("daemon-{pid}.err"))
}

/// A daemon that was started and is not proven yet.
#[derive(Debug)]
pub(super) struct Launched {
    child: Box<dyn ChildWrapper>,
    pid: u32,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Fate {
    /// It runs.
    Running,
    /// It ended without an error: another daemon holds the lock.
    GaveWay,
    /// Somebody killed it while it started: that is no reason not to start one.
    Killed,
    /// It could not start.
    Failed(Failure),
}

/// Starts `fleet daemon run` in its own session, with nothing of our terminal and without our turn's marker: it outlives the
/// turn of an agent that runs `fleet`.
pub(super) fn launch(target: &Target) -> Result<Launched, Failure> {
    target.make_state_dir()?;
    let mut command = CommandWrap::with_new(&target.program, |command| {
        command
            .arg("daemon")
            .arg("run")
            .arg("--config")
            .arg(&target.config)
            .arg("--state-dir")
            .arg(&target.state_dir)
            .env_remove(fleet_receivers::child::MARKER)
            .env(fleet_receivers::child::APART, "daemon")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    });
    let child = command.wrap(ProcessSession).spawn();
    // Waiting is for this one process, not for its group.
    let child = child.map(ChildWrapper::into_inner).map_err(|error| {
        Failure::new(
            ErrorKind::Daemon,
            format!(
                "The daemon could not be started from {}: {error}.",
                target.program.display()
            ),
            "Run `fleet daemon run` in a terminal to see what it says.",
        )
    })?;
    let pid = child.id().unwrap_or_default();
    Ok(Launched { child, pid })
}

impl Launched {
    /// Looks, without waiting.
    pub(super) fn fate(&mut self, state_dir: &Path) -> Fate {
        match self.child.try_wait() {
            Ok(None) => Fate::Running,
            Ok(Some(status)) if status.success() => Fate::GaveWay,
            Ok(Some(status)) if status.signal().is_some() => Fate::Killed,
            Ok(Some(status)) => Fate::Failed(self.report(state_dir, &status.to_string())),
            Err(error) => Fate::Failed(self.report(state_dir, &error.to_string())),
        }
    }

    fn report(&self, state_dir: &Path, how: &str) -> Failure {
        let path = report_path(state_dir, self.pid);
        let report = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<DaemonReport>(&bytes).ok());
        let _ = std::fs::remove_file(&path);
        match report {
            Some(report) => report.failure,
            None => Failure::new(
                ErrorKind::Daemon,
                format!("The daemon ended while it started ({how})."),
                format!(
                    "Look into {}, or run `fleet daemon run` in a terminal.",
                    state_dir.join("daemon.log").display()
                ),
            ),
        }
    }
}
