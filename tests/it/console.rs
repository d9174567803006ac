//! The console as a process on a real pseudo-terminal, against a daemon that behaves as told: keys in, bytes out, and the
//! terminal as it was before, on every way out.

mod sequences;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command as Process, Stdio};

use fleet::control::{Answer, Command, FleetSnapshot};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake_daemon::{FakeDaemon, Reply, dispatch};
use crate::terminal::Console;

const ID: &str = "019cb000-0000-7000-8000-000000000001";

fn snapshot(said: &str) -> Answer {
    let Answer::Dispatch(view) = dispatch(ID, json!({"reply": said, "failed_checks": [said]}))
    else {
        unreachable!()
    };
    let amounts = json!({"limit": null, "granted": 0, "spent": 0});
    let snapshot: FleetSnapshot = serde_json::from_value(json!({
        "fleet": "main",
        "daemon": {"running": true, "pid": 1, "version": "0.1.0", "config": "fleet.toml"},
        "peers": [{
            "name": "echo", "mode": "echo", "dialect": "v1.0", "url": null, "health": "ready",
            "reason": said, "remedy": said, "pid": null, "port": null, "version": said,
            "in_flight": 1, "permissions": "ask", "repo": "/src", "probe_age_s": 1,
            "budget": {"peer": "echo", "tokens": amounts, "turns": amounts, "cost_usd":
                {"limit": null, "granted": 0.0, "spent": 0.0}, "window": null, "resets_at": null},
        }],
        "dispatches": [view],
        "notices": [{"at": "2026-01-01T00:00:00Z", "level": "error", "peer": null, "text": said}],
        "trust": {"config": "fleet.toml", "hash": "00", "accepted": true, "would": []},
        "default_deadline_s": 900,
        "now_ms": 0,
    }))
    .unwrap();
    Answer::Snapshot(Box::new(snapshot))
}

fn delta(seq: u64, id: &str, text: &str) -> Value {
    json!({
        "v": 1, "seq": seq, "at": "2026-01-01T00:00:00Z", "kind": "delta", "dispatch_id": id,
        "direction": "in", "delta": text,
    })
}

/// Stores whatever is sent, and streams `said` as its reply.
fn daemon(state: &std::path::Path, said: &'static str) -> FakeDaemon {
    FakeDaemon::start(state, move |command| match command {
        Command::Snapshot { .. } => Reply::SayAndHold(vec![snapshot(said)]),
        Command::Submit(request) => {
            Reply::Say(vec![dispatch(&request.dispatch_id.to_string(), json!({}))])
        }
        Command::Follow { dispatch_id, .. } => {
            let line = delta(1, &dispatch_id.to_string(), said);
            let lines = serde_json::from_value(json!([line])).unwrap();
            Reply::SayAndHold(vec![Answer::Lines(lines)])
        }
        _ => Reply::Say(vec![]),
    })
}

struct Fleet {
    folder: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("fleet.toml"),
            "[peers.echo]\nmode = \"echo\"\n",
        )
        .unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn daemon(&self, said: &'static str) -> FakeDaemon {
        daemon(self.folder.path(), said)
    }

    fn console(&self, columns: u16, rows: u16) -> Console {
        let folder = self.folder.path().display().to_string();
        let env = ["HOME", "FLEET_STATE_DIR"].map(|name| (name.to_owned(), folder.clone()));
        Console::open(self.folder.path(), &env, (columns, rows))
    }
}

#[test]
fn with_keys_alone_a_dispatch_is_sent_watched_and_opened_again() {
    let fleet = Fleet::new();
    let daemon = fleet.daemon("the streamed reply");
    let mut console = fleet.console(80, 24);
    console.wait_for("● connected");
    console.press("n");
    console.wait_for("new dispatch ──");
    console.press("say hello\ta brief\tsome text\tconsole\t30");
    console.wait_for("30");
    console.press("\x13");
    console.wait_for("the streamed reply");
    let seen = daemon.seen();
    let contract = seen.iter().find_map(|command| match command {
        Command::Submit(request) => Some(request.contract.clone()),
        _ => None,
    });
    let expected = json!({
        "instruction": "say hello", "context": "a brief", "expected_output": "some text",
        "reply_to": "console", "deadline_s": 30,
    });
    assert_eq!(contract, Some(expected));
    console.press("2");
    console.wait_for("instruction");
    console.press("\r");
    console.wait_for("the streamed reply");
    console.press("y");
    console.wait_for("Copied: fleet dispatches show");
    console.press("\x03");
    let end = console.end();
    assert_eq!(end.code, 0);
    assert!(end.restored, "{}", end.text);
    assert!(
        end.text.contains("1 dispatch goes on in the daemon"),
        "{}",
        end.text
    );
    assert!(end.text.contains("\u{1b}]52;c;"), "the copy is ours");
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let fleet = Fleet::new();
        let _daemon = fleet.daemon("x");
        let console = fleet.console(80, 24);
        console.wait_for("● connected");
        console.signal(signal);
        let end = console.end();
        assert!(end.restored, "{signal:?}: {}", end.text);
    }
}

#[test]
fn a_closed_terminal_ends_the_console_and_cancels_nothing() {
    let fleet = Fleet::new();
    let daemon = fleet.daemon("x");
    let console = fleet.console(80, 24);
    console.wait_for("● connected");
    console.hang_up();
    let asked = daemon.seen();
    assert!(
        asked
            .iter()
            .all(|command| matches!(command, Command::Snapshot { .. })),
        "{asked:?}"
    );
}

/// What a hostile peer says, wherever it can say something.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}]8;;http://evil\u{1b}\\\u{9b}31m\u{9d}0;t\u{9c}\
\u{1b}Pq\u{1b}\\\u{1b}[?1049l\u{1b}[6n\r\u{8}\u{7}\u{202e}\u{2066}\u{200b}\u{e0041}\u{feff}end";

#[test]
fn no_sequence_of_a_peer_reaches_the_terminal() {
    let fleet = Fleet::new();
    let _daemon = fleet.daemon(HOSTILE);
    let mut console = fleet.console(120, 40);
    console.wait_for("● connected");
    console.press("2");
    console.wait_for("instruction");
    console.press("\r");
    console.wait_for("following");
    console.wait_for("end");
    console.press("4");
    console.wait_for("messages (");
    console.press("\x03");
    let end = console.end();
    assert_eq!(end.code, 0);
    assert_eq!(sequences::foreign(&end.text), Vec::<String>::new());
}

#[test]
fn a_small_terminal_says_what_it_needs() {
    let fleet = Fleet::new();
    let _daemon = fleet.daemon("x");
    let mut console = fleet.console(39, 9);
    console.wait_for("needs 40x10. Enlarge");
    console.press("q");
    assert_eq!(console.end().code, 0);
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let fleet = Fleet::new();
    let output = Process::new(env!("CARGO_BIN_EXE_fleet"))
        .env_clear()
        .env("HOME", fleet.folder.path())
        .env("FLEET_STATE_DIR", fleet.folder.path())
        .current_dir(fleet.folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("The console needs a terminal"), "{said}");
    assert!(said.contains("fleet send"), "{said}");
    assert!(output.stdout.is_empty());
}
