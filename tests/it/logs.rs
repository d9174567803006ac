//! `fleet logs` as a process, and the logs themselves: bounded, and their owner's alone.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;

use crate::fleet::Fleet;

const LONG: Duration = Duration::from_secs(30);
const PEERS: &str = "[peers.echo]\nmode = \"echo\"\n\n[peers.other]\nmode = \"echo\"\n\n\
                     [peers.theirs]\nurl = \"http://127.0.0.1:9/\"\n";

fn receiver_log(fleet: &Fleet) -> PathBuf {
    fleet.path("state/receivers/echo/log")
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("log");
    file.write_all(text.as_bytes()).expect("log");
}

#[test]
fn both_logs_are_printed_without_a_daemon_and_none_is_started() {
    let fleet = Fleet::new(PEERS);
    let said = fleet.ok(&["logs"]);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("daemon has no log yet"), "{said:?}");
    fleet.ok(&["send", "echo", "hello"]);
    fleet.shut_down();

    let said = fleet.ok(&["logs"]);
    assert!(said.stdout.contains("the daemon serves"), "{said:?}");
    let said = fleet.ok(&["logs", "echo"]);
    assert!(said.stdout.contains("serving"), "{said:?}");
    let said = fleet.ok(&["logs", "echo", "--lines", "1"]);
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    let said = fleet.ok(&["logs", "other"]);
    assert!(said.stderr.contains("other has no log yet"), "{said:?}");
    for line in fleet.ok(&["logs", "echo", "--json"]).stdout.lines() {
        let line: Value = serde_json::from_str(line).expect("an object a line");
        assert_eq!(line["log"], "echo");
        assert_eq!(line["level"], "INFO");
        assert!(line["at"].as_str().expect("at").ends_with('Z'));
        assert!(line["line"].is_string());
    }
    // Also when the file is what is wrong.
    fs::write(fleet.path("fleet.toml"), "[peers.echo]\nmode = \"ecco\"\n").expect("fleet.toml");
    assert!(fleet.ok(&["logs", "echo"]).stdout.contains("serving"));
    assert_eq!(fleet.processes(), vec![], "nothing was started");
}

#[test]
fn whose_log_there_is_not_is_told() {
    let fleet = Fleet::new(PEERS);
    let said = fleet.run(&["logs", "ecco"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("It takes one of: echo, other;"),
        "{said:?}"
    );
    let said = fleet.run(&["logs", "../../etc"]);
    assert_eq!(said.code, 2, "{said:?}");
    let said = fleet.run(&["logs", "theirs"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("somebody else's agent"), "{said:?}");
}

#[test]
fn what_a_terminal_would_obey_is_made_visible() {
    let fleet = Fleet::new(PEERS);
    fleet.ok(&["deploy", "echo"]);
    append(&receiver_log(&fleet), "\u{1b}]0;title\u{7} \u{202e}evil\n");
    for args in [
        &["logs", "echo", "-n", "1"][..],
        &["logs", "echo", "-n", "1", "--json"],
    ] {
        let said = fleet.ok(args);
        assert!(said.stdout.contains("evil"), "{said:?}");
        let safe = |c: char| c == '\n' || fleet::domain::SafeText::is_safe(c);
        assert!(said.stdout.chars().all(safe), "{said:?}");
    }
    fleet.shut_down();
}

/// A command that follows, and the lines it prints.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(fleet: &Fleet, args: &[&str]) -> Self {
        let mut command = fleet.command(args);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("spawn");
        let out = BufReader::new(child.stdout.take().expect("stdout"));
        let (send, lines) = sync_channel(1_000);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line")
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn following_goes_on_over_rotation_and_truncation() {
    let fleet = Fleet::new(PEERS);
    let log = receiver_log(&fleet);
    fs::create_dir_all(log.parent().expect("folder")).expect("folder");
    append(&log, "zero\none\n");
    let following = Following::start(&fleet, &["logs", "echo", "--follow", "--lines", "1"]);
    assert_eq!(following.next(), "one");
    append(&log, "two\n");
    assert_eq!(following.next(), "two");
    append(&log, "three\n");
    fs::rename(&log, log.with_extension("1")).expect("rotate");
    append(&log, "four, a longer one\n");
    assert_eq!(following.next(), "three");
    assert_eq!(following.next(), "four, a longer one");
    fs::write(&log, "").expect("truncate");
    append(&log, "five\n");
    assert_eq!(following.next(), "five");
}

#[test]
fn following_ends_when_nobody_reads() {
    let fleet = Fleet::new(PEERS);
    append(&receiver_log_of(&fleet), "one\n");
    let mut child = fleet.spawn(&["logs", "echo", "--follow"]);
    let mut first = [0; 4];
    let mut out = child.stdout.take().expect("stdout");
    out.read_exact(&mut first).expect("a line");
    assert_eq!(&first, b"one\n");
    drop(out);
    let said = Fleet::finish(child);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
}

fn receiver_log_of(fleet: &Fleet) -> PathBuf {
    let log = receiver_log(fleet);
    fs::create_dir_all(log.parent().expect("folder")).expect("folder");
    log
}

#[test]
fn a_receivers_log_is_bounded_and_its_owners_alone() {
    let fleet = Fleet::new(PEERS);
    fleet.ok(&["send", "echo", "hello"]);
    fleet.ok(&["stop", "echo"]);
    let log = receiver_log(&fleet);
    let aside = log.with_extension("1");
    for _ in 0..2 {
        append(&log, &"x".repeat(9 * 1024 * 1024));
        fleet.ok(&["start", "echo"]);
        fleet.ok(&["stop", "echo"]);
        for path in [&log, &aside] {
            let mode = fs::metadata(path).expect("log").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        let bytes = fs::metadata(&log).expect("log").len();
        assert!(bytes < 64 * 1024, "it began anew: {bytes} bytes");
    }
    let folder = log.parent().expect("folder");
    let logs = fs::read_dir(folder).expect("folder").flatten();
    let logs = logs.filter(|entry| entry.file_name().to_string_lossy().starts_with("log"));
    assert_eq!(logs.count(), 2, "two files, no more");
    fleet.shut_down();
}
