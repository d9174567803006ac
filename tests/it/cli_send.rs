//! `fleet send` as a process, against a daemon that behaves as told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command as Process, Output, Stdio};
use std::time::Duration;

use fleet::control::{Answer, Command};
use fleet::domain::{ErrorKind, Failure, SafeText};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fake_daemon::{FakeDaemon, Reply, dispatch};

/// A fleet with its state in one folder.
struct Fleet {
    folder: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("fleet.toml");
        std::fs::write(config, "[peers.echo]\nmode = \"echo\"\n").unwrap();
        let own = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path(), own).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn process(&self, words: &[&str]) -> Process {
        let mut process = Process::new(env!("CARGO_BIN_EXE_fleet"));
        process
            .env_clear()
            .env("HOME", self.path())
            .env("FLEET_STATE_DIR", self.path())
            .current_dir(self.path())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        process
    }

    fn run(&self, words: &[&str]) -> Output {
        self.process(words).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn id_of(command: &Command) -> String {
    match command {
        Command::Submit(request) => request.dispatch_id.to_string(),
        Command::Wait { dispatch_id }
        | Command::Show { dispatch_id }
        | Command::Cancel { dispatch_id } => dispatch_id.to_string(),
        other => panic!("{other:?}"),
    }
}

fn completed(id: &str, reply: &str) -> Answer {
    dispatch(
        id,
        json!({"state": "completed", "outcome": "completed", "verification": "unverified", "reply": reply}),
    )
}

/// Accepts what is submitted, and tells this end.
fn ends_with(
    end: impl Fn(&str) -> Answer + Send + 'static,
) -> impl FnMut(&Command) -> Reply + Send {
    move |command| {
        let id = id_of(command);
        match command {
            Command::Submit(_) => Reply::Say(vec![dispatch(&id, json!({"state": "queued"}))]),
            _ => Reply::Say(vec![dispatch(&id, json!({})), end(&id)]),
        }
    }
}

#[test]
fn the_reply_is_on_standard_output_and_all_else_on_standard_error() {
    let fleet = Fleet::new();
    let daemon = FakeDaemon::start(fleet.path(), ends_with(|id| completed(id, "two\nlines")));
    let output = fleet.run(&["send", "echo", "hello", "--context", "why", "--again"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "two\nlines\n");
    let said = text(&output.stderr);
    assert!(said.contains("echo works"), "{said}");
    assert!(
        said.contains("echo: completed, unverified after 12 ms, 7 tokens"),
        "{said}"
    );
    let Command::Submit(request) = &daemon.seen()[0] else {
        panic!("{:?}", daemon.seen())
    };
    assert_eq!(
        request.contract,
        json!({"instruction": "hello", "context": "why"})
    );
    assert!(request.again);
}

#[test]
fn nothing_hostile_reaches_the_terminal_and_json_keeps_the_value() {
    let hostile = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\r\u{200b}";
    let fleet = Fleet::new();
    let _daemon = FakeDaemon::start(
        fleet.path(),
        ends_with(move |id| {
            dispatch(
                id,
                json!({
                    "state": "failed", "outcome": "failed", "reason": "agent_error", "reply": hostile,
                    "failed_checks": [hostile], "task_id": hostile,
                    "refused": [{"tool": hostile, "arguments": {"x": hostile}}],
                    "error": {"kind": "agent", "message": hostile, "remedy": hostile, "dispatch_id": null},
                }),
            )
        }),
    );
    for words in [&["send", "echo", "x"][..], &["send", "echo", "x", "--json"]] {
        let output = fleet.run(words);
        assert_eq!(output.status.code(), Some(1));
        for stream in [&output.stdout, &output.stderr] {
            let bad = text(stream)
                .chars()
                .find(|c| *c != '\n' && !SafeText::is_safe(*c));
            assert_eq!(bad, None, "{:?}", text(stream));
        }
        if words.contains(&"--json") {
            let object: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(object["reply"], hostile);
            assert_eq!(object["error"]["message"], hostile);
            assert_eq!(object.get("detail"), None);
        }
    }
}

#[test]
fn a_refusal_is_one_object_and_one_message() {
    let fleet = Fleet::new();
    let other = "0193a5b0-0000-7000-8000-000000000007";
    let _daemon = FakeDaemon::start(fleet.path(), move |_| {
        let failure = Failure::new(ErrorKind::Duplicate, "It is open already.", "Wait.");
        Reply::Say(vec![Answer::Failed(failure.about(other.parse().unwrap()))])
    });
    let output = fleet.run(&["send", "echo", "x", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["dispatch_id"], Value::Null);
    assert_eq!(object["peer"], "echo");
    assert_eq!(object["error"]["dispatch_id"], other);
    assert_eq!(
        text(&output.stderr),
        "error: It is open already.\n  try: Wait.\n"
    );
}

#[test]
fn a_daemon_that_hangs_up_again_and_again_is_told_the_same_again() {
    let fleet = Fleet::new();
    let mut turn = 0;
    let daemon = FakeDaemon::start(fleet.path(), move |command| {
        turn += 1;
        let id = id_of(command);
        match turn {
            // Lost before the answer, lost while waiting, lost in the middle of it.
            1 | 3 => Reply::HangUp,
            2 | 4 | 6 => Reply::Say(vec![dispatch(&id, json!({}))]),
            5 => Reply::Say(vec![dispatch(&id, json!({}))]),
            _ => Reply::Say(vec![completed(&id, "done")]),
        }
    });
    let output = fleet.run(&["send", "echo", "x"]);
    assert_eq!(text(&output.stdout), "done\n", "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    let seen = daemon.seen();
    let submits: Vec<_> = seen
        .iter()
        .filter(|command| matches!(command, Command::Submit(_)))
        .collect();
    assert_eq!(submits.len(), 4, "{seen:?}");
    assert!(
        submits.windows(2).all(|pair| pair[0] == pair[1]),
        "{seen:?}"
    );
}

/// A daemon that hangs up so often before it answers, the command's exit code, and how often it was asked.
fn asked_over_hang_ups(hang_ups: usize, words: &[&str]) -> (Option<i32>, usize) {
    let fleet = Fleet::new();
    let mut turn = 0;
    let daemon = FakeDaemon::start(fleet.path(), move |_| {
        turn += 1;
        match turn <= hang_ups {
            true => Reply::HangUp,
            false => Reply::Say(vec![Answer::Dispatches(Vec::new())]),
        }
    });
    let output = fleet.run(words);
    (output.status.code(), daemon.seen().len())
}

#[test]
fn a_command_is_asked_again_when_its_daemon_goes_away_unless_it_would_be_done_twice() {
    for hang_ups in [1, 3] {
        let looks = asked_over_hang_ups(hang_ups, &["dispatches", "list", "--json"]);
        assert_eq!(looks, (Some(0), hang_ups + 1));
    }
    let restarts = asked_over_hang_ups(1, &["restart", "--all", "--json"]);
    assert_eq!(restarts, (Some(4), 1));
}

#[test]
fn no_wait_prints_the_dispatch_as_accepted() {
    let fleet = Fleet::new();
    let daemon = FakeDaemon::start(fleet.path(), ends_with(|id| completed(id, "never asked")));
    let output = fleet.run(&["send", "echo", "x", "--no-wait", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["state"], "queued");
    assert_eq!(object["outcome"], Value::Null);
    assert_eq!(daemon.seen().len(), 1);
}

/// Waits for a line on standard error, then sends the signal.
fn signal_when(fleet: &Fleet, words: &[&str], line: &str, signal: &str) -> Output {
    use std::io::{BufRead, BufReader, Read};
    let mut child = fleet.process(words).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(line) {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let pid = child.id().to_string();
    assert!(
        Process::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    stderr.read_to_string(&mut said).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stderr = said.into_bytes();
    output
}

#[test]
fn ctrl_c_cancels_and_a_lost_terminal_does_not() {
    for (signal, cancels) in [("-INT", true), ("-HUP", false)] {
        let fleet = Fleet::new();
        let daemon = FakeDaemon::start(fleet.path(), |command| {
            let id = id_of(command);
            match command {
                Command::Wait { .. } => Reply::SayAndHold(vec![dispatch(&id, json!({}))]),
                Command::Cancel { .. } => Reply::Say(vec![dispatch(
                    &id,
                    json!({"state": "canceled", "outcome": "canceled", "reason": "canceled"}),
                )]),
                _ => Reply::Say(vec![dispatch(&id, json!({"state": "queued"}))]),
            }
        });
        let output = signal_when(&fleet, &["send", "echo", "x"], "echo works", signal);
        let canceled = daemon
            .seen()
            .iter()
            .any(|command| matches!(command, Command::Cancel { .. }));
        assert_eq!(canceled, cancels, "{signal}");
        assert_eq!(output.status.code(), cancels.then_some(130), "{signal}");
        let said = text(&output.stderr);
        assert_eq!(
            said.contains("canceled: a person canceled it"),
            cancels,
            "{said}"
        );
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let fleet = Fleet::new();
    let daemon = FakeDaemon::start(fleet.path(), |command| {
        let id = id_of(command);
        match command {
            Command::Cancel { .. } => Reply::SayAndHold(Vec::new()),
            _ => Reply::SayAndHold(vec![dispatch(&id, json!({}))]),
        }
    });
    let child = fleet.process(&["send", "echo", "x"]).spawn().unwrap();
    daemon.wait_for(|command| matches!(command, Command::Wait { .. }));
    interrupt(&child);
    daemon.wait_for(|command| matches!(command, Command::Cancel { .. }));
    let pressed = Instant::now();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    // One alone would wait 5 s for the answer that never comes.
    assert!(
        pressed.elapsed() < Duration::from_secs(3),
        "{:?}",
        pressed.elapsed()
    );
}

fn interrupt(child: &std::process::Child) {
    let pid = child.id().to_string();
    assert!(
        Process::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let fleet = Fleet::new();
    let _daemon = FakeDaemon::start(
        fleet.path(),
        ends_with(|id| completed(id, &"line\n".repeat(100_000))),
    );
    let mut child = fleet.process(&["send", "echo", "x"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(
        !said.contains("panicked") && !said.contains("error:"),
        "{said}"
    );
}
