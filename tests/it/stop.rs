//! Turns that must be stopped: by budget, by deadline, by a person. Nothing of them is left.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, kill};

/// Reports 1,000 tokens every 50 ms for ever.
const RUNAWAY: &str = r#"#!/bin/sh
while :; do
  echo '{"type":"usage","input_tokens":0,"output_tokens":1000}'
  echo "$(date +%s%N)" >> "$FLEET_TEST_DIR/ticks"
  sleep 0.05
done
"#;

/// Sleeps long, leaves a daemonised child, and ignores SIGTERM.
const STUBBORN: &str = r#"#!/bin/sh
trap '' TERM INT HUP
setsid sh -c 'trap "" TERM INT HUP; (sleep 600; sleep 600) & sleep 600' &
sleep 600
sleep 600
"#;

fn runaway() -> Fleet {
    let fleet = Fleet::new("");
    let budget = "events = \"jsonl\"\nbudget = { tokens = 100_000, window = \"total\", per_dispatch_tokens = 10_000 }";
    let peers = fleet.exec_peer(RUNAWAY, budget);
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    fleet
}

fn stopped_in_time(fleet: &Fleet) {
    // Ten reports reach the grant, the eleventh passes it; one second holds twenty more.
    let ticks = fleet.lines("ticks").len();
    assert!(
        ticks <= 11 + 20,
        "{ticks} reports: it ran on for more than a second past its grant"
    );
    assert_eq!(fleet.agents(), vec![], "no process of the turn is left");
}

fn ledger_is_true(fleet: &Fleet, dispatch: &Value) {
    let spent = dispatch["usage"]["output_tokens"].as_u64().expect("usage");
    assert!(spent > 10_000, "past its grant, and told so: {dispatch}");
    let budget = fleet.ok(&["budget", "show", "work", "--json"]).json();
    assert!(
        budget.to_string().contains(&format!("\"spent\":{spent}")),
        "{budget} holds {spent}"
    );
}

#[test]
fn a_runaway_is_stopped_at_its_grant() {
    let fleet = runaway();
    let said = fleet.run(&["send", "work", "run", "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    let dispatch = said.json();
    assert_eq!(dispatch["state"], "canceled", "{dispatch}");
    assert_eq!(dispatch["reason"], "budget", "{dispatch}");
    stopped_in_time(&fleet);
    ledger_is_true(&fleet, &dispatch);
    fleet.shut_down();
}

#[test]
fn a_runaway_nobody_waits_for_is_stopped_at_its_grant() {
    let fleet = runaway();
    let id = fleet
        .ok(&["send", "work", "run", "--no-wait", "--json"])
        .json();
    let id = id["dispatch_id"].as_str().expect("id").to_owned();
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    stopped_in_time(&fleet);
    ledger_is_true(&fleet, &said.json());
    fleet.shut_down();
}

#[test]
fn a_runaway_is_stopped_at_its_grant_with_the_daemon_killed() {
    let fleet = runaway();
    let id = fleet
        .ok(&["send", "work", "run", "--no-wait", "--json"])
        .json();
    let id = id["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(10), || {
        !fleet.lines("ticks").is_empty()
    });
    kill(fleet.daemon_pid().expect("daemon"));
    fleet.until("the turn was stopped", Duration::from_secs(10), || {
        fleet.agents().is_empty()
    });
    stopped_in_time(&fleet);
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    ledger_is_true(&fleet, &said.json());
    fleet.shut_down();
}

#[test]
fn a_deadline_ends_even_a_turn_that_ignores_signals() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(STUBBORN, "");
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    let began = Instant::now();
    let said = fleet.run(&["send", "work", "sleep", "--deadline", "2", "--json"]);
    let took = began.elapsed();
    assert_eq!(said.code, 5, "{said:?}");
    assert_eq!(said.json()["state"], "expired");
    assert!(took < Duration::from_secs(4), "expired after {took:?}");
    assert_eq!(fleet.agents(), vec![], "no process of the turn is left");
    fleet.shut_down();
}

#[test]
fn a_cancel_ends_a_stubborn_turn() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(STUBBORN, "");
    fleet.write_config(&peers);
    let sent = fleet
        .ok(&["send", "work", "sleep", "--no-wait", "--json"])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(10), || {
        fleet.agents().len() >= 2
    });
    fleet.ok(&["dispatches", "cancel", &id]);
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.json()["state"], "canceled");
    assert_eq!(fleet.agents(), vec![]);
    fleet.shut_down();
}

#[test]
fn a_cancel_outlives_the_daemon_that_took_it() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(STUBBORN, "");
    fleet.write_config(&peers);
    let sent = fleet
        .ok(&["send", "work", "sleep", "--no-wait", "--json"])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(10), || {
        fleet.agents().len() >= 2
    });
    let daemon = fleet.daemon_pid().expect("daemon");
    fleet.ok(&["dispatches", "cancel", &id]);
    kill(daemon);
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.json()["state"], "canceled", "{said:?}");
    assert_eq!(fleet.agents(), vec![]);
    fleet.shut_down();
}

#[test]
fn a_deadline_is_kept_with_the_daemon_killed() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(STUBBORN, "");
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    let sent = fleet
        .ok(&[
            "send",
            "work",
            "sleep",
            "--deadline",
            "2",
            "--no-wait",
            "--json",
        ])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(2), || {
        fleet.agents().len() >= 2
    });
    kill(fleet.daemon_pid().expect("daemon"));
    fleet.until("the deadline ended it", Duration::from_secs(4), || {
        fleet.agents().is_empty()
    });
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert_eq!(said.json()["state"], "expired");
    fleet.shut_down();
}

#[test]
fn ctrl_c_cancels_the_dispatch() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(STUBBORN, "");
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    let child = fleet.spawn(&["send", "work", "sleep", "--json"]);
    fleet.until("the turn runs", Duration::from_secs(10), || {
        fleet.agents().len() >= 2
    });
    let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signal");
    let said = Fleet::finish(child);
    assert_eq!(said.code, 130, "{said:?}");
    fleet.until(
        "nothing of the turn is left",
        Duration::from_secs(3),
        || fleet.agents().is_empty(),
    );
    assert_eq!(fleet.dispatches()[0]["state"], "canceled");
    fleet.shut_down();
}
