//! Starting a process of a turn, and ending it.
//!
//! Owns: [`Spawner`], the marker's form, [`Child`]. A process gets argv (never a shell), the repo as working directory, the chosen
//! environment and nothing else: no other descriptor is inherited, because Rust opens everything close-on-exec.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleet_a2a::TaskId;
use rustix::process::Signal;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use super::proc::{Moment, Next};
use super::registry::{self, Registered};
use super::sweep::{self, SweepReport, sweep};
use super::{ChildEnv, MARKER, tree};

/// Stands for the task in the marker of processes that ask a CLI about itself.
const PROBE: &str = "probe";
/// How long a killed leader may take to be gone; only a process stuck in the kernel needs it.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// Starts processes for one turn.
#[derive(Debug, Clone)]
pub struct Spawner {
    receiver_id: String,
    label: String,
    cwd: PathBuf,
    env: ChildEnv,
    /// Who answers for what it starts.
    owner: Owner,
    /// Labels whose bearers are to be swept when the turn ends.
    owed: Arc<Mutex<BTreeSet<String>>>,
}

/// Who sweeps the processes of a spawner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Whoever runs the turn, when it ends.
    Turn,
    /// Whoever started them: they may outlive the turn.
    Starter,
}

/// Where a process's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// Nowhere: it reads the end at once.
    Null,
    /// From us.
    Piped,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program.
    #[error("{program:?} is not there: no executable file of that name {searched}")]
    NotFound {
        /// As it was named.
        program: String,
        /// Where it was searched.
        searched: String,
    },
    /// The working directory cannot be used.
    #[error("the repo {} is no directory that can be entered", path.display())]
    Repo {
        /// The repo.
        path: PathBuf,
    },
    /// The command line was empty.
    #[error("the command is empty; it takes at least a program's name")]
    Empty,
    /// Anything else the system said.
    #[error("{program:?} could not be started: {source}")]
    Io {
        /// As it was named.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Spawner {
    /// For one turn: processes run in `cwd` (the repo) with `env` and the marker of this receiver and task.
    #[must_use]
    pub fn new(receiver_id: &str, task: &TaskId, cwd: PathBuf, env: ChildEnv) -> Self {
        Self::labelled(receiver_id, task.as_str(), cwd, env)
    }

    /// For questions to a CLI outside any turn.
    #[must_use]
    pub fn for_probe(receiver_id: &str, cwd: PathBuf, env: ChildEnv) -> Self {
        Self::labelled(receiver_id, PROBE, cwd, env)
    }

    /// For a process that may outlive this turn: the same repo and environment, a marker of its own. Who uses it sweeps that
    /// marker, or owes it to the turn ([`Spawner::owe`]).
    #[must_use]
    pub fn outliving(&self, label: &str) -> Self {
        let own = Self::labelled(&self.receiver_id, label, self.cwd.clone(), self.env.clone());
        Self {
            owner: Owner::Starter,
            ..own
        }
    }

    fn labelled(receiver_id: &str, label: &str, cwd: PathBuf, env: ChildEnv) -> Self {
        Self {
            receiver_id: receiver_id.to_owned(),
            label: label.to_owned(),
            cwd,
            env,
            owner: Owner::Turn,
            owed: Arc::default(),
        }
    }

    /// The repo.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The environment, without the marker.
    #[must_use]
    pub fn env(&self) -> &ChildEnv {
        &self.env
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.set(name, value);
        self
    }

    /// The same with a variable that holds unless the environment has one.
    #[must_use]
    pub fn with_default_env(mut self, name: &str, value: &str) -> Self {
        self.env.set_default(name, value);
        self
    }

    /// Has whoever runs this turn sweep what bears the other's marker, because nobody else does any more.
    pub fn owe(&self, other: &Self) {
        self.owed().insert(other.label.clone());
    }

    /// What must be swept when the turn ends: the labels of all that this spawner or a clone of it started, and of what was
    /// left to it.
    #[must_use]
    pub fn owes(&self) -> Vec<String> {
        self.owed().iter().cloned().collect()
    }

    fn owed(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills whatever bears its marker.
    pub async fn sweep(&self) -> SweepReport {
        sweep(&self.receiver_id, Some(&self.label)).await
    }

    /// Kills whatever bears its marker or descends from `leader`, and began at `since` or later; not the leader itself.
    pub async fn sweep_since(&self, leader: i32, since: Moment) -> SweepReport {
        sweep::sweep_since(&self.receiver_id, &self.label, (leader, since)).await
    }

    /// Kills what bears its marker, began at `since` or later and hangs on nobody any more: what a turn left behind. What
    /// began with the `next` turn is that one's.
    pub async fn sweep_orphans_since(&self, leader: i32, since: Moment, next: Next) -> SweepReport {
        sweep::sweep_orphans_since(&self.receiver_id, &self.label, (leader, since, next)).await
    }

    /// The path of a program: as given if it holds a slash (relative ones count from the repo), else the first executable
    /// file in an absolute directory of PATH. Relative directories of PATH are skipped: they would point into the repo.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return Some(self.cwd.join(program)).filter(|path| is_executable(path));
        }
        self.env
            .get("PATH")?
            .split(':')
            .filter(|dir| dir.starts_with('/'))
            .map(|dir| Path::new(dir).join(program))
            .find(|path| is_executable(path))
    }

    /// Starts `argv` in a process group of its own, its output piped. It dies when the [`Child`] is dropped.
    ///
    /// # Errors
    /// [`SpawnError`], whose text is a sentence for a person.
    pub fn spawn(&self, argv: &[String], stdin: Stdin) -> Result<Child, SpawnError> {
        let program = argv.first().ok_or(SpawnError::Empty)?;
        if !self.cwd.is_dir() {
            return Err(SpawnError::Repo {
                path: self.cwd.clone(),
            });
        }
        let path = self.find(program).ok_or_else(|| self.not_found(program))?;
        let mut command = Command::new(path);
        command
            .args(&argv[1..])
            .current_dir(&self.cwd)
            .env_clear()
            .envs(self.env.iter())
            .env(MARKER, marker_value(&self.receiver_id, &self.label))
            .stdin(match stdin {
                Stdin::Null => Stdio::null(),
                Stdin::Piped => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if self.owner == Owner::Turn {
            self.owe(self);
        }
        start(&mut command).map_err(|source| SpawnError::Io {
            program: program.clone(),
            source,
        })
    }

    fn not_found(&self, program: &str) -> SpawnError {
        SpawnError::NotFound {
            program: program.to_owned(),
            searched: if program.contains('/') {
                format!("at {}", self.cwd.join(program).display())
            } else {
                "on the PATH that the receiver was deployed with".to_owned()
            },
        }
    }
}

fn start(command: &mut Command) -> io::Result<Child> {
    let mut direct = registry::lock();
    let inner = command.spawn()?;
    let pid = inner
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .ok_or_else(|| io::Error::other("the system gave no process id"))?;
    direct.insert(pid);
    Ok(Child {
        inner,
        pid,
        registered: Some(Registered(pid)),
    })
}

/// `FLEET_TURN=<receiver>/<label>`.
pub(super) fn marker_entry(receiver_id: &str, label: &str) -> String {
    format!("{MARKER}={}", marker_value(receiver_id, label))
}

/// The first slash ends the receiver's id, so slashes in it are written otherwise: no receiver's prefix matches another's.
fn marker_value(receiver_id: &str, label: &str) -> String {
    let receiver = receiver_id
        .replace('%', "%25")
        .replace('/', "%2F")
        .replace('\0', "%00");
    format!("{receiver}/{label}")
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A process of a turn: the leader of its group. Dropping it kills the group and all its descendants.
#[derive(Debug)]
pub struct Child {
    inner: tokio::process::Child,
    pid: i32,
    registered: Option<Registered>,
}

impl Child {
    /// Its process id, which is also its group's.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its standard input, once, if it was piped.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// Its standard output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout.take()
    }

    /// Its standard error, once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.inner.stderr.take()
    }

    /// Signals its whole group; nothing happens once it was waited for.
    pub fn signal(&self, signal: StopSignal) {
        if self.registered.is_some() {
            tree::signal_group(self.pid, signal.into());
        }
    }

    /// Kills it, its group and its descendants. Does not wait.
    pub fn kill_tree(&mut self) {
        if self.registered.is_some() {
            tree::kill(self.pid);
        }
    }

    /// Waits for its end, then kills what is left of its group. May be dropped and called again.
    ///
    /// # Errors
    /// What the system says.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.inner.wait().await;
        if self.registered.take().is_some() {
            tree::kill_leftovers(self.pid);
        }
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_tree();
    }
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

impl From<StopSignal> for Signal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Interrupt => Self::INT,
            StopSignal::Terminate => Self::TERM,
            StopSignal::Kill => Self::KILL,
        }
    }
}

/// One step of stopping: a signal to the group, and how long it may take effect.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The signal.
    pub signal: StopSignal,
    /// How long to wait for the end before the next step.
    pub grace: Duration,
}

/// Ends a process by the given steps, and by killing its tree when they are used up. `None` when even that took over 2 s.
pub async fn stop(child: &mut Child, steps: &[Stop]) -> Option<ExitStatus> {
    for step in steps {
        child.signal(step.signal);
        if let Ok(Ok(status)) = tokio::time::timeout(step.grace, child.wait()).await {
            return Some(status);
        }
    }
    child.kill_tree();
    match tokio::time::timeout(KILL_WAIT, child.wait()).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(_)) | Err(_) => None,
    }
}
