//! `fleet init`: from a machine with agents to a first answer.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fleet_testkit::{ModelServer, claude};

use crate::fleet::{Fleet, Said};

/// A machine of one person: a home, a project in it, and programs on the PATH.
struct Machine {
    fleet: Fleet,
}

impl Machine {
    /// With these programs, each a script of this text.
    fn with(programs: &[(&str, &str)]) -> Self {
        let fleet = Fleet::new("");
        fs::remove_file(fleet.path("fleet.toml")).unwrap();
        fs::create_dir_all(fleet.path("home/My Project/.git")).unwrap();
        fs::create_dir(fleet.path("bin")).unwrap();
        for (name, text) in programs {
            fleet.script(&format!("bin/{name}"), text);
        }
        Self { fleet }
    }

    fn project(&self) -> PathBuf {
        self.fleet.path("home/My Project")
    }

    fn command(&self, folder: &Path, words: &[&str]) -> Command {
        let mut command = self.fleet.implicit(words);
        command.current_dir(folder).env(
            "PATH",
            format!("{}:/usr/bin:/bin", self.fleet.path("bin").display()),
        );
        command
    }

    fn run(&self, words: &[&str]) -> Said {
        Said::of(&self.command(&self.project(), words).output().unwrap())
    }

    /// Its words with what is different each time named.
    fn plain(&self, text: &str) -> String {
        let folder = self.fleet.path("");
        let real = fs::canonicalize(&folder).unwrap();
        let text = text
            .replace(real.to_str().unwrap(), "DIR")
            .replace(folder.to_str().unwrap().trim_end_matches('/'), "DIR");
        // How wide a column is depends on the folder.
        let cells =
            text.lines().map(
                |line| match line.contains("  ") && !line.starts_with(['#', ' ']) {
                    true => line
                        .split("  ")
                        .map(str::trim)
                        .filter(|cell| !cell.is_empty())
                        .collect::<Vec<_>>()
                        .join("  "),
                    false => line.to_owned(),
                },
            );
        cells.collect::<Vec<_>>().join("\n")
    }
}

const CLAUDE: &str = "#!/bin/sh\necho '2.1.329 (Claude Code)'\n";

#[test]
fn what_is_found_is_named_and_written() {
    let machine = Machine::with(&[
        ("claude", CLAUDE),
        (
            "codex",
            "#!/bin/sh\nread x && exit 1\necho codex-cli 0.169.0\n",
        ),
        ("opencode", "#!/bin/sh\necho 1.18.33\n"),
        ("agy", "#!/bin/sh\necho 'no version here'\n"),
        ("hermes", "#!/bin/sh\nexit 3\n"),
    ]);
    let said = machine.run(&["init"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    insta::assert_snapshot!("init_says", machine.plain(&said.stdout));
    let path = machine.project().join("fleet.toml");
    let text = fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("init_writes", machine.plain(&text));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
    let left: Vec<_> = fs::read_dir(machine.project()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");

    assert_eq!(machine.run(&["config", "check"]).code, 0);
    let accepted = || machine.run(&["trust", "--json"]).json()["accepted"] == true;
    assert!(accepted());
    // A file that is there stays, whoever asks.
    let again = machine.run(&["init"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("is there already"), "{again:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // Acceptance is of what was written: anybody else's change asks again.
    fs::write(&path, text + "\n# changed\n").unwrap();
    assert!(!accepted());
    machine.run(&["daemon", "stop"]);
}

#[test]
fn json_says_the_same() {
    let machine = Machine::with(&[("claude", CLAUDE)]);
    let path = machine.fleet.path("home/conf/new/mine.toml");
    let said = machine
        .run(&["init", "--json", "--config", path.to_str().unwrap()])
        .json();
    assert_eq!(said["peers"], serde_json::json!(["my-project", "echo"]));
    assert_eq!(said["accepted"], true);
    assert_eq!(said["agents"][0]["version"], "2.1.329");
    assert_eq!(said["agents"][0]["peer"], "my-project");
    let claude = fs::canonicalize(machine.fleet.path("bin/claude")).unwrap();
    let found = said["agents"][0]["path"].as_str().unwrap();
    assert_eq!(fs::canonicalize(found).unwrap(), claude);
    // The repo is the project, wherever the file stands.
    let text = fs::read_to_string(&path).unwrap();
    let project = fs::canonicalize(machine.project()).unwrap();
    assert!(
        text.contains(&format!("repo = \"{}\"", project.display())),
        "{text}"
    );
}

#[test]
fn echo_answers_where_no_agent_works() {
    let machine = Machine::with(&[("claude", "#!/bin/sh\nexit 1\n")]);
    let said = machine.run(&["init"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("with the peer echo."), "{said:?}");
    let sent = machine.run(&["send", "echo", "hello"]);
    assert_eq!(
        (sent.code, sent.stdout.as_str()),
        (0, "hello\n"),
        "{sent:?}"
    );
    machine.run(&["stop", "--all"]);
    machine.run(&["daemon", "stop"]);
}

#[test]
fn an_agent_that_is_too_old_is_named_with_what_updates_it() {
    let machine = Machine::with(&[("claude", "#!/bin/sh\necho '1.0.3 (Claude Code)'\n")]);
    let said = machine.run(&["init"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("with the peer echo."), "{said:?}");
    assert!(said.stdout.contains("claude update"), "{said:?}");
    let text = fs::read_to_string(machine.project().join("fleet.toml")).unwrap();
    assert!(text.contains("it is too old"), "{text}");
    assert!(text.contains("\n# [peers.cc-my-project]\n"), "{text}");
}

#[test]
fn a_program_that_hangs_or_floods_holds_nobody_up() {
    let machine = Machine::with(&[
        ("claude", "#!/bin/sh\nsleep 1000 & sleep 1000\n"),
        ("opencode", "#!/bin/sh\nexec yes\n"),
        ("codex", "#!/bin/sh\nprintf '\\033[2J9.9.9\\n'\n"),
    ]);
    let began = Instant::now();
    let said = machine.run(&["init"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
    assert!(!said.stdout.contains('\u{1b}'));
    let text = fs::read_to_string(machine.project().join("fleet.toml")).unwrap();
    assert!(text.contains("it did not tell its version"), "{text}");
    assert!(text.contains("\n# [peers.cc-my-project]\n"), "{text}");
    machine
        .fleet
        .until("what was asked is gone", Duration::from_secs(20), || {
            machine.fleet.processes().is_empty()
        });
}

#[test]
fn links_and_runs_at_once_replace_nothing() {
    let machine = Machine::with(&[]);
    let path = machine.project().join("fleet.toml");
    symlink(machine.fleet.path("elsewhere"), &path).unwrap();
    assert_eq!(machine.run(&["init"]).code, 2);
    assert!(!machine.fleet.path("elsewhere").exists());
    fs::remove_file(&path).unwrap();

    let started: Vec<_> = (0..6)
        .map(|_| {
            let mut command = machine.command(&machine.project(), &["init"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let codes: Vec<i32> = started
        .into_iter()
        .map(|one| Fleet::finish(one).code)
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 2).count(),
        5,
        "{codes:?}"
    );
    assert_eq!(machine.run(&["config", "check"]).code, 0);
}

#[test]
fn a_first_answer_of_claude_code_needs_two_commands() {
    let Some(binary) = claude::or_skip() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let machine = Machine::with(&[]);
    let server = runtime
        .block_on(ModelServer::start(&machine.project()))
        .unwrap();
    let url = format!("http://{}", server.addr);
    let env = claude::env(&binary, &machine.fleet.path("home"), &url);
    let run = |words: &[&str]| {
        let mut command = machine.command(&machine.project(), words);
        Said::of(&command.envs(env.clone()).output().unwrap())
    };
    let made = run(&["init", "--json"]).json();
    assert_eq!(made["peers"][0], "my-project", "{made}");
    assert!(made["agents"][0]["version"].is_string(), "{made}");
    let sent = run(&["send", "my-project", "PONG please"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    assert!(sent.stdout.contains("PONG"), "{sent:?}");
    run(&["stop", "--all"]);
    run(&["daemon", "stop"]);
    drop(server);
    runtime.shutdown_timeout(Duration::from_secs(1));
}

#[test]
fn in_the_console_n_writes_to_the_agent_that_was_found() {
    let Some(binary) = claude::or_skip() else {
        return;
    };
    let machine = Machine::with(&[]);
    let env = claude::env_without_login(&binary, &machine.fleet.path("home"));
    let mut environment = machine.fleet.environment();
    environment.retain(|(name, _)| !env.iter().any(|(other, _)| other == name));
    environment.extend(env.clone());
    let mut init = machine.command(&machine.project(), &["init"]);
    assert!(init.envs(env).output().unwrap().status.success());
    let mut console = crate::terminal::Console::open(&machine.project(), &environment, (80, 24));
    console.wait_for("my-project");
    console.wait_for("starts when it gets work");
    console.press("n");
    console.wait_for("my-project  ←");
    console.press("\u{1b}");
    // A peer that is added meanwhile shows at once.
    let added = machine.run(&["peers", "add", "later", "--mode", "echo"]);
    assert_eq!(added.code, 0, "{added:?}");
    console.wait_for("later");
    console.press("\x03");
    assert_eq!(console.end().code, 0);
    machine.run(&["daemon", "stop"]);
}
