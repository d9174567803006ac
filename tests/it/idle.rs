//! Receivers that stop by themselves, and receivers whose configuration changes: what runs is never cut off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, kill};

const LONG: Duration = Duration::from_secs(30);
/// Answers when it is told to.
const PATIENT: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
while [ ! -e "$FLEET_TEST_DIR/go" ]; do sleep 0.02; done
echo "done with $first"
"#;

fn view(fleet: &Fleet, peer: &str) -> Value {
    let status = fleet.ok(&["status", "--json"]).json();
    let peers = status["peers"].as_array().expect("peers").clone();
    let found = peers.into_iter().find(|view| view["name"] == peer);
    found.expect("peer")
}

fn is_idle(fleet: &Fleet, peer: &str) -> bool {
    let view = view(fleet, peer);
    let reason = view["reason"].as_str().unwrap_or_default();
    view["health"] == "stopped" && reason.starts_with("idle")
}

#[test]
fn an_idle_receiver_stops_is_shown_so_and_the_next_send_starts_it() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\nidle_timeout_s = 1\n");
    fleet.ok(&["deploy", "echo"]);
    let (pid, port) = (
        fleet.receiver_pid("echo"),
        view(&fleet, "echo")["port"].clone(),
    );
    let port = port.as_u64().expect("port") as u16;
    // Probes are no activity: it is asked all the time.
    fleet.until("it stopped although it was probed", LONG, || {
        probe(port);
        is_idle(&fleet, "echo")
    });
    assert!(fleet.run(&["peers"]).stdout.contains("echo: idle"));
    kill(fleet.daemon_pid().expect("daemon"));
    assert!(is_idle(&fleet, "echo"), "the next daemon knows, too");
    let began = Instant::now();
    assert_eq!(fleet.ok(&["send", "echo", "hello"]).stdout.trim(), "hello");
    eprintln!("a send to an idle receiver took {:?}", began.elapsed());
    assert_ne!(fleet.receiver_pid("echo"), pid);
    fleet.ok(&["stop", "echo"]);
    assert_eq!(
        view(&fleet, "echo")["reason"],
        Value::Null,
        "stopped, not idle"
    );
    fleet.shut_down();
}

fn probe(port: u16) {
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let ask =
            format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(ask.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn a_turn_longer_than_the_idle_timeout_is_not_cut_off() {
    let fleet = Fleet::of_agent(PATIENT, "idle_timeout_s = 1");
    let began = Instant::now();
    let sender = fleet.spawn(&["send", "work", "long"]);
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let pid = fleet.receiver_pid("work");
    fleet.until("three idle timeouts have passed", LONG, || {
        began.elapsed() > Duration::from_secs(3)
    });
    assert_eq!(fleet.receiver_pid("work"), pid);
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = Fleet::finish(sender);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, "done with long"),
        "{said:?}"
    );
    fleet.until("then it stops", LONG, || is_idle(&fleet, "work"));
    fleet.shut_down();
}

#[test]
fn an_idle_receiver_is_stopped_at_once() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    fleet.ok(&["send", "echo", "hello"]);
    let began = Instant::now();
    fleet.ok(&["stop", "echo"]);
    let took = began.elapsed();
    eprintln!("`fleet stop` of an idle receiver took {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    fleet.shut_down();
}

fn change(fleet: &Fleet, from: &str, to: &str) {
    let path = fleet.path("fleet.toml");
    let text = std::fs::read_to_string(&path).expect("fleet.toml");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("fleet.toml");
}

fn receiver_toml(fleet: &Fleet) -> String {
    std::fs::read_to_string(fleet.path("state/receivers/work/receiver.toml")).expect("toml")
}

#[test]
fn every_option_is_kept_by_whatever_deploys() {
    let options = "permission_timeout_s = 77\nidle_timeout_s = 1234\nmax_concurrent_turns = 4\nevents = \"text\"\n\
                   budget = { tokens = 5000, turns = 9, per_dispatch_tokens = 900 }";
    let fleet = Fleet::of_agent(PATIENT, options);
    fleet.ok(&["deploy", "work"]);
    let first = receiver_toml(&fleet);
    for kept in [
        "77",
        "1234",
        "max_concurrent_turns = 4",
        "FLEET_TEST_DIR",
        "agent.sh",
    ] {
        assert!(first.contains(kept), "{kept} in {first}");
    }
    let token =
        || std::fs::read_to_string(fleet.path("state/receivers/work/token")).expect("token");
    let minted = token();
    for command in [
        ["deploy", "work"],
        ["restart", "work"],
        ["stop", "work"],
        ["start", "work"],
    ] {
        fleet.ok(&command);
        assert_eq!(receiver_toml(&fleet), first, "{command:?}");
        assert_eq!(token(), minted, "{command:?}");
    }
    kill(fleet.receiver_pid("work").expect("receiver"));
    kill(fleet.daemon_pid().expect("daemon"));
    fleet.ok(&["deploy", "work"]);
    assert_eq!(receiver_toml(&fleet), first, "also after both died");
    fleet.ok(&["restart", "work", "--new-token"]);
    assert_eq!(
        receiver_toml(&fleet),
        first,
        "a new token changes nothing else"
    );
    assert_ne!(token(), minted);
    fleet.shut_down();
}

#[test]
fn a_changed_peer_is_deployed_anew_when_it_has_no_turn() {
    let fleet = Fleet::of_agent(PATIENT, "idle_timeout_s = 1000");
    let sender = fleet.spawn(&["send", "work", "first"]);
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let pid = fleet.receiver_pid("work");
    change(&fleet, "idle_timeout_s = 1000", "idle_timeout_s = 2000");
    fleet.ok(&["deploy", "work"]);
    fleet.ok(&["status"]);
    assert_eq!(fleet.receiver_pid("work"), pid, "its turn goes on");
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = Fleet::finish(sender);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, "done with first"),
        "{said:?}"
    );
    fleet.ok(&["deploy", "work"]);
    assert_ne!(fleet.receiver_pid("work"), pid);
    assert!(receiver_toml(&fleet).contains("idle_timeout_s = 2000"));
    fleet.shut_down();
}
