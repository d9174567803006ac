//! `fleet restart`: with a new token or the old, while work comes in all the time.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::fleet::{Fleet, kill};

const LONG: Duration = Duration::from_secs(30);
/// Rotations in a row, as fast as they come.
const ROTATIONS: usize = 10;
/// Commands that send at the same time.
const SENDERS: usize = 3;

/// Takes long enough to be in the middle of it, short enough to end in the grace period.
const AGENT: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
sleep 0.1
echo "done with $first"
"#;

fn token(fleet: &Fleet) -> String {
    let path = fleet.path("state/receivers/work/token");
    let mode = std::fs::metadata(&path)
        .expect("token")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "for the owner alone");
    std::fs::read_to_string(path).expect("token")
}

#[test]
fn no_send_fails_while_the_token_is_rotated_and_each_runs_once() {
    let fleet = Fleet::of_agent(AGENT, "");
    fleet.ok(&["deploy", "work"]);
    let rotating = AtomicBool::new(true);
    let sent = AtomicUsize::new(0);
    let mut tokens = BTreeSet::from([token(&fleet)]);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (fleet, rotating, sent) = (&fleet, &rotating, &sent);
            scope.spawn(move || {
                let mut n = 0;
                while rotating.load(Ordering::SeqCst) {
                    let text = format!("job-{sender}-{n}");
                    let said = fleet.run(&["send", "work", &text]);
                    assert_eq!(said.code, 0, "{text}: {said:?}");
                    assert_eq!(said.stdout.trim(), format!("done with {text}"));
                    n += 1;
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..ROTATIONS {
            let said = fleet.run(&["restart", "work", "--new-token"]);
            tokens.insert(token(&fleet));
            if said.code != 0 {
                rotating.store(false, Ordering::SeqCst);
            }
            assert_eq!(said.code, 0, "{said:?}");
        }
        rotating.store(false, Ordering::SeqCst);
    });
    let sent = sent.load(Ordering::SeqCst);
    eprintln!("{sent} sends over {ROTATIONS} rotations");
    assert!(
        sent >= ROTATIONS,
        "{sent} sends are too few to prove anything"
    );
    assert_eq!(tokens.len(), ROTATIONS + 1, "each time another");
    let runs = fleet.lines("runs");
    let once: BTreeSet<&String> = runs.iter().collect();
    assert_eq!(
        (runs.len(), once.len()),
        (sent, sent),
        "each ran exactly once"
    );
    for dispatch in fleet.dispatches() {
        assert_eq!(dispatch["state"], "completed", "{dispatch}");
    }
    let last = token(&fleet);
    fleet.ok(&["deploy", "work"]);
    assert_eq!(token(&fleet), last, "kept by later deploys");
    nowhere_but_in_its_file(&fleet, &tokens);
    fleet.shut_down();
}

/// Neither logs, transcripts nor the database hold a token.
fn nowhere_but_in_its_file(fleet: &Fleet, tokens: &BTreeSet<String>) {
    let mut folders = vec![fleet.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && !path.ends_with("receivers/work/token") {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                let held = tokens.iter().any(|token| text.contains(token.as_str()));
                assert!(!held, "{} holds a token", path.display());
            }
        }
    }
}

/// Ends when it is told to, or not at all.
const PATIENT: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
while [ ! -e "$FLEET_TEST_DIR/go" ]; do sleep 0.02; done
echo "done with $first"
"#;

#[test]
fn a_turn_gets_its_grace_and_what_waits_runs_after_the_restart() {
    let fleet = Fleet::of_agent(PATIENT, "max_concurrent_turns = 1");
    let first = fleet.spawn(&["send", "work", "first"]);
    fleet.until("the first runs", LONG, || fleet.lines("runs") == ["first"]);
    let pid = fleet.receiver_pid("work");
    let second = fleet.spawn(&["send", "work", "second"]);
    fleet.until("the second is accepted", LONG, || {
        let all = fleet.dispatches();
        all.len() == 2 && all.iter().all(|one| one["task_id"].is_string())
    });
    let restart = fleet.spawn(&["restart", "work", "--new-token"]);
    fleet.until("it drains", LONG, || {
        let status = fleet.ok(&["status", "--json"]).json();
        status["peers"][0]["reason"] == "it drains"
    });
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = Fleet::finish(restart);
    assert_eq!(said.code, 0, "{said:?}");
    for (sender, name) in [(first, "first"), (second, "second")] {
        let said = Fleet::finish(sender);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.stdout.trim(), format!("done with {name}"));
    }
    assert_eq!(fleet.lines("runs"), ["first", "second"], "each once");
    assert_ne!(fleet.receiver_pid("work"), pid);
    fleet.shut_down();
}

#[test]
fn a_token_that_was_changed_in_its_file_counts() {
    let fleet = Fleet::of_agent(AGENT, "");
    fleet.ok(&["send", "work", "one"]);
    let write = |token: &str| {
        let path = fleet.path("state/receivers/work/token");
        std::fs::write(path, token).expect("token");
    };
    write(&"ab".repeat(32));
    fleet.ok(&["restart", "work"]);
    assert_eq!(token(&fleet), "ab".repeat(32), "it is kept");
    fleet.ok(&["send", "work", "two"]);
    // Once more while it runs; then nobody but the file says so, and the daemon that comes next believes it.
    write(&"cd".repeat(32));
    kill(fleet.daemon_pid().expect("daemon"));
    fleet.ok(&["send", "work", "three"]);
    assert_eq!(token(&fleet), "cd".repeat(32));
    assert_eq!(fleet.lines("runs"), ["one", "two", "three"]);
    fleet.shut_down();
}

#[test]
fn a_restart_whose_daemon_is_killed_is_finished_by_the_next() {
    let fleet = Fleet::of_agent(PATIENT, "");
    let sender = fleet.spawn(&["send", "work", "first"]);
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let pid = fleet.receiver_pid("work");
    let mut restart = fleet.spawn(&["restart", "work"]);
    let drains = |fleet: &Fleet| {
        let status = fleet.ok(&["status", "--json"]).json();
        status["peers"][0]["reason"] == "it drains"
    };
    fleet.until("it drains", LONG, || drains(&fleet));
    let _ = restart.kill();
    let _ = restart.wait();
    kill(fleet.daemon_pid().expect("daemon"));
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = Fleet::finish(sender);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, "done with first"),
        "{said:?}"
    );
    fleet.until("it runs again", LONG, || {
        let now = fleet.receiver_pid("work");
        now.is_some() && now != pid
    });
    fleet.shut_down();
}

#[test]
fn a_stop_whose_daemon_is_killed_is_finished_by_the_next() {
    let fleet = Fleet::of_agent(PATIENT, "");
    let sent = fleet.ok(&["send", "work", "first", "--no-wait", "--json"]);
    let id = sent.json()["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let mut stop = fleet.spawn(&["stop", "work"]);
    fleet.until("it drains", LONG, || {
        let status = fleet.ok(&["status", "--json"]).json();
        status["peers"][0]["reason"] == "it drains"
    });
    let _ = stop.kill();
    let _ = stop.wait();
    kill(fleet.daemon_pid().expect("daemon"));
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.json()["state"], Value::from("completed"), "{said:?}");
    assert_eq!(fleet.lines("runs"), ["first"]);
    fleet.shut_down();
}

#[test]
fn a_daemon_killed_at_any_moment_of_a_rotation_leaves_one_receiver_that_works() {
    let fleet = Fleet::of_agent(AGENT, "");
    fleet.ok(&["deploy", "work"]);
    for round in 0..12_u64 {
        let mut restart = fleet.spawn(&["restart", "work", "--new-token"]);
        // From before it is asked to after it is done: the moments themselves are what is tried.
        std::thread::sleep(Duration::from_millis(15 * round));
        if let Some(pid) = fleet.daemon_pid() {
            kill(pid);
        }
        let _ = restart.kill();
        let _ = restart.wait();
        let text = format!("job-{round}");
        let said = fleet.ok(&["send", "work", &text]);
        assert_eq!(said.stdout.trim(), format!("done with {text}"));
        let receivers = |(_, line): &(i32, String)| line.contains(" serve --receiver ");
        let receivers: Vec<_> = fleet.processes().into_iter().filter(receivers).collect();
        assert_eq!(receivers.len(), 1, "round {round}: {receivers:?}");
        assert_eq!(token(&fleet).len(), 64, "whole");
    }
    assert_eq!(fleet.lines("runs").len(), 12, "each once");
    fleet.shut_down();
}
