//! A fleet with one `cc` peer named app, the real Claude Code below it, and a scripted model behind that.
//!
//! Owns: the environment, a log of all that was run and said, and the look for what is left. Does not own: what is expected.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use fleet_testkit::{ModelServer, Options, claude};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::fleet::{Fleet, Said};

/// For anything that is to happen at all; the machine may be busy.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
/// Between two tokens of a SLOW answer and two thoughts of a PONDER one, of 40 each.
const SLOW_DELAY: Duration = Duration::from_millis(250);
/// Bytes of the receiver's log that a failed row shows.
const LOG_TAIL_BYTES: usize = 4_000;

/// One for all model servers, because each test thread runs one scene after the other.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime")
});

/// Which Claude Code is found, and whom it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cli {
    /// The real one, logged in, asking the model server.
    Real,
    /// The real one; nobody listens where it asks.
    DeadEndpoint,
    /// The real one; nobody has logged in.
    NoLogin,
    /// None on the PATH.
    Missing,
    /// A script that says it is 1.0.3 and knows no flag that came later.
    TooOld,
}

/// What the too old one is.
const OLD_CLAUDE: &str = r#"#!/bin/sh
case "$1" in
  --version) echo "1.0.3 (Claude Code)";;
  *) echo "error: unknown option '--permission-prompt-tool'" >&2; exit 1;;
esac
"#;

/// One fleet and what happened to it.
pub(crate) struct Scene {
    pub(crate) fleet: Fleet,
    pub(crate) model: ModelServer,
    env: Vec<(String, String)>,
    log: RefCell<String>,
}

impl Scene {
    /// A fleet whose peer has these further lines in its table. Its receiver does not run yet.
    pub(crate) fn set(cli: Cli, peer: &str) -> Self {
        let fleet = Fleet::new(&table("cc", peer));
        std::fs::create_dir(fleet.path("tmp")).expect("tmp");
        let options = Options {
            port: 0,
            repo: fleet.path("repo"),
            slow_delay: SLOW_DELAY,
        };
        let model = RUNTIME
            .block_on(ModelServer::start_with(options))
            .expect("model server");
        let env = environment(cli, &fleet, &model);
        Self {
            fleet,
            model,
            env,
            log: RefCell::default(),
        }
    }

    /// The same fleet with a command in the place of Claude Code.
    pub(crate) fn set_exec(script: &str) -> Self {
        let scene = Self::set(Cli::Real, "");
        let path = scene.fleet.script("agent.sh", script);
        let command = format!("events = \"jsonl\"\ncommand = [\"{}\"]", path.display());
        scene.fleet.write_config(&table("exec", &command));
        scene
    }

    /// Adds a line to what a failure shows.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(self.log.borrow_mut(), "{line}");
    }

    /// All that was run and said, with what the receiver wrote down.
    pub(crate) fn story(&self) -> String {
        let log = std::fs::read(self.fleet.path("state/receivers/app/log")).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(LOG_TAIL_BYTES)..];
        format!(
            "{}\nthe receiver's log:\n{}",
            self.log.borrow(),
            String::from_utf8_lossy(tail)
        )
    }

    /// The real binary in this scene's environment.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.fleet.command(args);
        command.envs(self.env.iter().cloned());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        let child = self.spawn(args);
        self.finish(child)
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, args: &[&str]) -> std::process::Child {
        let shown: Vec<String> = args
            .iter()
            .map(|arg| arg.chars().take(80).collect())
            .collect();
        self.note(&format!("$ fleet {}", shown.join(" ")));
        let mut command = self.command(args);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("fleet starts")
    }

    /// What an earlier started command said.
    pub(crate) fn finish(&self, child: std::process::Child) -> Said {
        let said = Fleet::finish(child);
        self.note(&format!(
            "  exit {}\n  {}\n  {}",
            said.code,
            said.stdout.trim(),
            said.stderr.trim().replace('\n', "\n  ")
        ));
        said
    }

    /// `fleet send app -` with a text that no command line holds.
    pub(crate) fn send_input(&self, text: &str) -> Said {
        self.note(&format!("$ fleet send app - --json < {} bytes", text.len()));
        let mut command = self.command(&["send", "app", "-", "--json"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("fleet starts");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin
            .write_all(text.as_bytes())
            .expect("it reads its input");
        drop(stdin);
        self.finish(child)
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "fleet {args:?}: {said:?}");
        said
    }

    /// A dispatch as it is now.
    pub(crate) fn shown(&self, id: &str) -> Value {
        let args = ["dispatches", "show", id, "--json"];
        let output = self.command(&args).output().expect("fleet runs");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The transcript of a dispatch's conversation, as it is now.
    pub(crate) fn transcript(&self, id: &str) -> Vec<Value> {
        let context = self.shown(id)["context_id"].clone();
        let args = ["transcripts", "list", "--json"];
        let output = self.command(&args).output().expect("fleet runs");
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let entries = listed["transcripts"].as_array().into_iter().flatten();
        let path = entries
            .filter(|entry| entry["context_id"] == context)
            .find_map(|entry| entry["path"].as_str());
        let text = path.and_then(|path| std::fs::read_to_string(path).ok());
        text.unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The receiver's process.
    pub(crate) fn receiver_pid(&self) -> i32 {
        self.fleet.receiver_pid("app").expect("the receiver runs")
    }

    /// The processes below the receiver that a command of the model runs in.
    pub(crate) fn tools(&self) -> Vec<(i32, String)> {
        let agents = self.fleet.agents().into_iter();
        agents
            .filter(|(_, line)| line.contains("tail -f /dev/null"))
            .collect()
    }

    /// The process of this fleet whose command line holds this, without asking the fleet, which would start one.
    pub(crate) fn find(&self, words: &str) -> Option<i32> {
        let found = self.fleet.processes().into_iter();
        let mut found = found.filter(|(_, line)| line.contains(words));
        found.next().map(|(pid, _)| pid)
    }

    /// Stops everything the polite way; tells what is left all the same: processes, ports, temporary files.
    pub(crate) fn end(&self) -> Vec<String> {
        let port = self.port();
        self.ok(&["stop", "--all"]);
        self.ok(&["daemon", "stop"]);
        let mut left = Vec::new();
        let gone = || self.fleet.processes().is_empty();
        if !crate::fleet::holds_within(Duration::from_secs(10), gone) {
            left.extend(
                self.fleet
                    .processes()
                    .iter()
                    .map(|(pid, line)| format!("process {pid} {line}")),
            );
        }
        if let Some(port) = port
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
        {
            left.push(format!("port {port}"));
        }
        left.extend(self.temporary_files());
        let scratch = files_below(self.fleet.path("state/receivers/app/scratch"));
        left.extend(
            scratch
                .iter()
                .map(|path| format!("file {}", path.display())),
        );
        left
    }

    fn port(&self) -> Option<u16> {
        let output = self
            .command(&["status", "--json"])
            .output()
            .expect("fleet runs");
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["peers"][0]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
    }

    /// Files in the temporary folder of this scene.
    pub(crate) fn temporary_files(&self) -> Vec<String> {
        files_below(self.fleet.path("tmp"))
            .iter()
            .map(|path| format!("file {}", path.display()))
            .collect()
    }
}

/// The peer in fleet.toml.
fn table(mode: &str, more: &str) -> String {
    format!("[peers.app]\nmode = \"{mode}\"\nrepo = \"repo\"\nenv = [\"FLEET_TEST_DIR\"]\n{more}\n")
}

/// Every file below a folder.
pub(crate) fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}

/// What `fleet` is started with, so that it finds the wanted Claude Code.
fn environment(cli: Cli, fleet: &Fleet, model: &ModelServer) -> Vec<(String, String)> {
    let binary = claude::binary().expect("Claude Code: .ci/install-claude installs it");
    let home = fleet.path("home");
    let mut env = match cli {
        Cli::Real => claude::env(&binary, &home, &model.url()),
        // Nobody listens on this port, and only root could.
        Cli::DeadEndpoint => claude::env(&binary, &home, "http://127.0.0.1:1"),
        Cli::NoLogin => claude::env_without_login(&binary, &home),
        Cli::Missing => claude::env(&fleet.path("none/claude"), &home, &model.url()),
        Cli::TooOld => {
            let script = fleet.script("claude", OLD_CLAUDE);
            claude::env(&script, &home, &model.url())
        }
    };
    env.push(("TMPDIR".to_owned(), fleet.path("tmp").display().to_string()));
    env.push(("CLAUDE_CODE_MAX_RETRIES".to_owned(), "1".to_owned()));
    env.push(("IS_SANDBOX".to_owned(), "1".to_owned()));
    env
}
