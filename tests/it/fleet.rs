//! A fleet of its own for one test: a temporary folder, a fleet.toml, the real binary, and nothing left afterwards.
//!
//! Owns: running `fleet`, finding its processes, and the check that none survives. Does not own: what a test expects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::terminal::Console;

/// Ports of one fleet: two bands of ten.
const PORTS_PER_FLEET: u16 = 20;
/// The first port of the tests; the shipped bands start at 9300, and ephemeral ports at 32768.
const FIRST_PORT: u16 = 21_000;
/// Marks every process of a test's fleet, so that survivors can be found.
pub(crate) const TEST_MARK: &str = "FLEET_TEST_DIR";

/// How long a test that failed takes at most to end what it left.
const DROP_LIMIT: Duration = Duration::from_secs(5);
/// Looks at a process without an environment, a millisecond apart.
const EXEC_LOOKS: u32 = 20;

static NEXT_BAND: AtomicU16 = AtomicU16::new(0);

/// One fleet.
pub(crate) struct Fleet {
    dir: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {self:?}"))
    }
}

impl Fleet {
    /// A fleet with these peer tables. Nothing runs yet.
    pub(crate) fn new(peers: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("fleet-it-")
            .tempdir()
            .expect("temp dir");
        let fleet = Self { dir };
        fs::create_dir(fleet.path("repo")).expect("repo");
        fs::create_dir(fleet.path("home")).expect("home");
        fleet.write_config(peers);
        fleet
    }

    /// Writes fleet.toml anew, with bands that no other test of this process uses.
    pub(crate) fn write_config(&self, peers: &str) {
        // Processes of the same test run on one machine must not meet: the process id picks the start.
        let slot = NEXT_BAND.fetch_add(1, Ordering::Relaxed);
        let start = (std::process::id() as u16 % 50) * 200;
        let first = FIRST_PORT + (start + slot * PORTS_PER_FLEET) % 10_000;
        let text = format!(
            "[fleet]\nname = \"it\"\ntranscripts = \"transcripts\"\ndeadline_s = 60\n\n[bands]\nexec = [{first}, {}]\n\
             echo = [{}, {}]\ncc = [{}, {}]\n\n{peers}\n",
            first + 8,
            first + 9,
            first + 15,
            first + 16,
            first + 19,
        );
        fs::write(self.path("fleet.toml"), text).expect("fleet.toml");
    }

    /// A path inside the fleet's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an executable script and returns its path.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }

    /// The table of the peer `work`, whose agent is this script; `more` are further lines.
    pub(crate) fn exec_peer(&self, script: &str, more: &str) -> String {
        let path = self.script("agent.sh", script);
        format!(
            "[peers.work]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"{}\"]\nenv = [\"FLEET_TEST_DIR\"]\n{more}\n",
            path.display()
        )
    }

    /// A fleet whose only peer is `work`, as [`Fleet::exec_peer`] writes it.
    pub(crate) fn of_agent(script: &str, more: &str) -> Self {
        let fleet = Self::new("");
        fleet.write_config(&fleet.exec_peer(script, more));
        fleet
    }

    /// The real binary, pointed at this fleet, with an environment of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_fleet")), args)
    }

    /// The same with another build of it.
    pub(crate) fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.dir.path())
            .arg("--config")
            .arg(self.path("fleet.toml"))
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// The same without naming the file: fleet finds it in the working directory, and nobody has accepted it.
    pub(crate) fn implicit(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleet"));
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.dir.path())
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs such a command to its end.
    pub(crate) fn run_implicit(&self, args: &[&str]) -> Said {
        Said::of(&self.implicit(args).output().expect("fleet runs"))
    }

    /// What every process of this fleet is started with.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        let pairs = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", path("home")),
            ("LANG", "C.UTF-8".to_owned()),
            ("FLEET_STATE_DIR", path("state")),
            (TEST_MARK, self.dir.path().display().to_string()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// The console in a terminal of this size (columns, rows).
    pub(crate) fn console(&self, size: (u16, u16)) -> Console {
        Console::open(self.dir.path(), &self.environment(), size)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(&self.command(args).output().expect("fleet runs"))
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "fleet {args:?}: {said:?}");
        said
    }

    /// Starts a command with captured output.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spawn")
    }

    /// What an earlier spawned command said.
    pub(crate) fn finish(child: Child) -> Said {
        Said::of(&child.wait_with_output().expect("wait"))
    }

    /// The daemon's process, while it runs.
    pub(crate) fn daemon_pid(&self) -> Option<i32> {
        let status = self.run(&["daemon", "status", "--json"]).json();
        status["pid"].as_i64().map(|pid| pid as i32)
    }

    /// A receiver's process, while it runs.
    pub(crate) fn receiver_pid(&self, peer: &str) -> Option<i32> {
        let status = self.ok(&["status", "--json"]).json();
        let peers = status["peers"].as_array().expect("peers").clone();
        let found = peers
            .into_iter()
            .find(|view| view["name"] == peer)
            .expect("peer");
        found["pid"].as_i64().map(|pid| pid as i32)
    }

    /// The lines of a file that scripts append to; none when it is not there.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Every dispatch.
    pub(crate) fn dispatches(&self) -> Vec<Value> {
        let listed = self.ok(&["dispatches", "list", "--json"]).json();
        listed["dispatches"].as_array().expect("dispatches").clone()
    }

    /// Waits until a condition holds; a test that waits in vain fails with what it waited for.
    pub(crate) fn until(&self, what: &str, limit: Duration, holds: impl FnMut() -> bool) {
        assert!(
            holds_within(limit, holds),
            "waited {limit:?} in vain until {what}"
        );
    }

    /// Processes that belong to this fleet, as `pid command line`: those with its mark, and those whose command line names
    /// its folder, because a receiver gets no more of the environment than its mode needs.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let folder = self.dir.path().display().to_string();
        let mark = format!("{TEST_MARK}={folder}");
        let own = std::process::id() as i32;
        let mut found = Vec::new();
        for pid in pids().into_iter().filter(|pid| *pid != own) {
            let line = command_line(pid);
            if line.contains(&folder) || environment(pid).contains(&mark) {
                found.push((pid, line));
            }
        }
        found
    }

    /// Agent processes of this fleet: those with the marker of a turn.
    pub(crate) fn agents(&self) -> Vec<(i32, String)> {
        self.processes()
            .into_iter()
            .filter(|(pid, _)| {
                environment(*pid)
                    .iter()
                    .any(|entry| entry.starts_with("FLEET_TURN="))
            })
            .collect()
    }

    /// Stops receivers and daemon the polite way and insists that nothing is left.
    pub(crate) fn shut_down(&self) {
        self.ok(&["stop", "--all"]);
        self.ok(&["daemon", "stop"]);
        self.until(
            "every process of the fleet is gone",
            Duration::from_secs(5),
            || self.processes().is_empty(),
        );
    }
}

impl Drop for Fleet {
    /// The daemon goes first: it would start again what is killed below it.
    fn drop(&mut self) {
        let end = Instant::now() + DROP_LIMIT;
        let daemon = |line: &str| line.contains(" daemon run ");
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            let daemons = left.iter().any(|(_, line)| daemon(line));
            for (pid, _) in left.iter().filter(|(_, line)| !daemons || daemon(line)) {
                kill(*pid);
            }
            if Instant::now() >= end {
                eprintln!("processes are left: {left:?}");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The real binary in a folder that is its home too, with nothing else.
pub(crate) fn run_bare(home: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleet"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(home)
        .args(words)
        .stdin(Stdio::null());
    Said::of(&command.output().expect("fleet runs"))
}

/// Waits until a condition holds. Says whether it did in time.
pub(crate) fn holds_within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !holds() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// SIGKILL to one process.
pub(crate) fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// A path as text, for arguments.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8 path")
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn command_line(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// A process's environment. In the middle of an exec it has none for a moment, and is asked again.
fn environment(pid: i32) -> Vec<String> {
    for _ in 0..EXEC_LOOKS {
        let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !bytes.is_empty() {
            let entries = bytes.split(|byte| *byte == 0);
            return entries
                .map(|entry| String::from_utf8_lossy(entry).into_owned())
                .collect();
        }
        if !may_be_in_exec(pid) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Vec::new()
}

/// A process of ours that is alive. Zombies and the kernel's own never have an environment.
fn may_be_in_exec(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let alive = stat
        .rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']));
    alive && fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}
