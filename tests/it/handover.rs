//! A newer build takes a fleet over while it works: nothing is interrupted, nothing runs twice, nothing is lost.
//!
//! "Another build" is a copy of the binary in which the version, which stands behind a mark, is changed to another of the same
//! length; everything else is the same.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, Said};

const LONG: Duration = Duration::from_secs(60);
/// Receivers, and turns of each at a time.
const RECEIVERS: usize = 4;
const TURNS: usize = 5;
/// Of all dispatches, those whose command waits.
const WAITING: usize = 4;

/// Answers when it is told to.
const PATIENT: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
while [ ! -e "$FLEET_TEST_DIR/go" ]; do sleep 0.05; done
echo "done with $first"
"#;

/// A build of another version.
struct Build {
    program: PathBuf,
    version: String,
}

impl Build {
    /// With each digit of the version turned into this one.
    fn with_digits(fleet: &Fleet, digit: char) -> Self {
        let ours = fleet_receivers::version();
        let version: String = ours
            .chars()
            .map(|c| if c.is_ascii_digit() { digit } else { c })
            .collect();
        let mut bytes = std::fs::read(env!("CARGO_BIN_EXE_fleet")).expect("binary");
        let from = format!("fleet-version={ours}");
        let to = format!("fleet-version={version}");
        let places = places(&bytes, from.as_bytes());
        assert_eq!(places.len(), 1, "the mark stands in the binary once");
        bytes[places[0]..places[0] + to.len()].copy_from_slice(to.as_bytes());
        let program = fleet.path(&format!("fleet-{version}"));
        std::fs::write(&program, bytes).expect("copy");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("mode");
        Self { program, version }
    }

    fn command(&self, fleet: &Fleet, args: &[&str]) -> Child {
        let mut command = fleet.command_of(&self.program, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("spawn")
    }

    fn run(&self, fleet: &Fleet, args: &[&str]) -> Said {
        Fleet::finish(self.command(fleet, args))
    }

    fn ok(&self, fleet: &Fleet, args: &[&str]) -> Value {
        let said = self.run(fleet, args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.json()
    }
}

fn places(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let all = bytes.windows(wanted.len()).enumerate();
    all.filter(|(_, window)| *window == wanted)
        .map(|(at, _)| at)
        .collect()
}

fn working_fleet() -> Fleet {
    let fleet = Fleet::new("");
    let agent = fleet.script("agent.sh", PATIENT);
    let peer = |n| {
        format!(
            "[peers.work{n}]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"{}\"]\nenv = [\"FLEET_TEST_DIR\"]\nmax_concurrent_turns = {TURNS}\n",
            agent.display()
        )
    };
    let peers: Vec<String> = (0..RECEIVERS).map(peer).collect();
    fleet.write_config(&peers.join("\n"));
    fleet
}

/// Every place of every receiver busy; some commands wait. Gives the ids of all and the commands.
fn fill(fleet: &Fleet) -> (Vec<String>, Vec<(String, Child)>) {
    fleet.ok(&["deploy", "--all"]);
    let mut waiting = Vec::new();
    for n in 0..RECEIVERS * TURNS {
        let (peer, text) = (format!("work{}", n % RECEIVERS), format!("job-{n}"));
        if n < WAITING {
            let child = fleet.spawn(&["send", &peer, &text, "--json"]);
            waiting.push((text, child));
        } else {
            fleet.ok(&["send", &peer, &text, "--no-wait"]);
        }
    }
    fleet.until("every turn runs", LONG, || {
        fleet.lines("runs").len() == RECEIVERS * TURNS
    });
    let working = |one: &Value| one["state"] == "working";
    fleet.until("every dispatch is known to work", LONG, || {
        fleet.dispatches().iter().all(working)
    });
    let id = |one: &Value| one["dispatch_id"].as_str().expect("id").to_owned();
    (fleet.dispatches().iter().map(id).collect(), waiting)
}

/// The processes of the turns themselves, without what they start and end all the time.
fn scripts(fleet: &Fleet) -> BTreeSet<i32> {
    let agents = fleet.agents().into_iter();
    let scripts = agents.filter(|(_, line)| line.contains("agent.sh"));
    scripts.map(|(pid, _)| pid).collect()
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
fn a_newer_build_takes_over_twenty_running_turns() {
    let fleet = working_fleet();
    let newer = Build::with_digits(&fleet, '9');
    let (ids, waiting) = fill(&fleet);
    let mut console = fleet.console((100, 30));
    console.wait_for("● connected");
    let old = fleet.daemon_pid().expect("daemon");
    let agents = scripts(&fleet);

    let began = Instant::now();
    let asked = newer.command(&fleet, &["status", "--json"]);
    fleet.until("the older daemon has ended", LONG, || !lives(old));
    let ended = began.elapsed();
    eprintln!("the older daemon ended {ended:?} after the newer command began");
    let status = Fleet::finish(asked);
    assert_eq!(status.code, 0, "{status:?}");
    let daemon = status.json()["daemon"].clone();
    assert_eq!(daemon["version"], newer.version.as_str(), "{daemon}");
    eprintln!(
        "the newer command had its answer after {:?}",
        began.elapsed()
    );
    assert!(ended < Duration::from_secs(5), "{ended:?}");
    assert_eq!(scripts(&fleet), agents, "no turn was touched");

    older_looks_and_begins_nothing(&fleet, &newer.version);
    std::fs::write(fleet.path("go"), "").expect("go");
    all_complete_once(&fleet, &newer, &ids);
    for (text, child) in waiting {
        let said = Fleet::finish(child);
        assert_eq!(
            said.code, 0,
            "a waiting send found the newer daemon: {said:?}"
        );
        assert_eq!(
            said.json()["reply"].as_str().map(str::trim),
            Some(format!("done with {text}").as_str())
        );
    }
    console.press("2");
    console.wait_for("completed");
    console.press("\x03");
    assert_eq!(console.end().code, 0);
    receivers_follow(&fleet, &newer);
    fleet.shut_down();
}

/// What the older build may do beside the newer daemon.
fn older_looks_and_begins_nothing(fleet: &Fleet, newer: &str) {
    assert_eq!(fleet.dispatches().len(), RECEIVERS * TURNS);
    let shown = fleet.ok(&["daemon", "status", "--json"]).json();
    assert_eq!(shown["version"], newer, "{shown}");
    for args in [["send", "work0", "more"], ["deploy", "work0", "--json"]] {
        let said = fleet.run(&args);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(
            said.stderr.contains(&format!("Use fleet {newer}")),
            "{said:?}"
        );
    }
    assert_eq!(
        fleet.dispatches().len(),
        RECEIVERS * TURNS,
        "nothing was begun"
    );
}

fn all_complete_once(fleet: &Fleet, newer: &Build, ids: &[String]) {
    for id in ids {
        let ended = newer.ok(fleet, &["dispatches", "wait", id, "--json"]);
        assert_eq!(ended["state"], "completed", "{ended}");
        let reply = ended["reply"].as_str().expect("reply");
        assert!(reply.starts_with("done with job-"), "{ended}");
    }
    let runs = fleet.lines("runs");
    let once: BTreeSet<&String> = runs.iter().collect();
    assert_eq!((runs.len(), once.len()), (ids.len(), ids.len()), "{runs:?}");
}

/// A receiver of the older build is deployed anew when it has no turn.
fn receivers_follow(fleet: &Fleet, newer: &Build) {
    let version = |n: usize| {
        let path = fleet.path(&format!("state/receivers/work{n}/identity.json"));
        let text = std::fs::read(path).unwrap_or_default();
        let identity: Value = serde_json::from_slice(&text).unwrap_or_default();
        identity["version"].as_str().map(str::to_owned)
    };
    newer.ok(fleet, &["deploy", "--all", "--json"]);
    for n in 0..RECEIVERS {
        assert_eq!(version(n).as_deref(), Some(newer.version.as_str()), "{n}");
    }
    newer.ok(fleet, &["send", "work0", "after", "--json"]);
}

#[test]
fn an_older_build_takes_nothing_over_and_may_be_gone_back_to() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let older = Build::with_digits(&fleet, '0');
    fleet.ok(&["send", "echo", "hello"]);
    let pid = fleet.daemon_pid();
    let receiver = fleet.receiver_pid("echo");
    let said = older.run(&fleet, &["send", "echo", "hello again"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("fleet daemon stop"), "{said:?}");
    assert_eq!(fleet.daemon_pid(), pid);

    let stopped = older.run(&fleet, &["daemon", "stop"]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    let sent = older.ok(&fleet, &["send", "echo", "hello again", "--json"]);
    assert_eq!(sent["reply"], "hello again");
    let shown = older.ok(&fleet, &["status", "--json"]);
    assert_eq!(shown["daemon"]["version"], older.version.as_str());
    assert_eq!(
        shown["peers"][0]["pid"].as_i64().map(|pid| pid as i32),
        receiver,
        "the receiver went on"
    );

    // And forward again, without a word.
    fleet.ok(&["send", "echo", "forward"]);
    let shown = fleet.ok(&["status", "--json"]).json();
    assert_eq!(shown["daemon"]["version"], fleet_receivers::version());
    fleet.shut_down();
}

#[test]
fn many_newer_commands_at_once_get_one_daemon() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let newer = Build::with_digits(&fleet, '9');
    fleet.ok(&["send", "echo", "hello"]);
    let old = fleet.daemon_pid().expect("daemon");
    let shown = newer.ok(&fleet, &["daemon", "status", "--json"]);
    assert_eq!(
        shown["version"],
        fleet_receivers::version(),
        "looking takes nothing over"
    );
    assert_eq!(shown["pid"], old);
    let send = |n: usize| newer.command(&fleet, &["send", "echo", &format!("job-{n}"), "--json"]);
    let all: Vec<Child> = (0..8).map(send).collect();
    for child in all {
        let said = Fleet::finish(child);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let daemons = |(_, line): &(i32, String)| line.contains(" daemon run ");
    fleet.until("one daemon is left", LONG, || {
        fleet.processes().into_iter().filter(daemons).count() == 1
    });
    assert!(
        !leftover(&fleet.path("state")),
        "the word of the handover is gone"
    );
    fleet.shut_down();
}

fn leftover(state: &Path) -> bool {
    state.join("handover").exists()
}
