//! kill -9 at random moments: nothing is lost, nothing runs twice, nothing is left.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::dice::Dice;
use crate::fleet::{Fleet, Said, kill};

/// Moments of one run. The seed is printed with a failure, so that it can be played again.
const MOMENTS: u64 = 50;
/// The length of a whole dispatch of this agent, start of the daemon included, in milliseconds.
const SPAN_MS: u64 = 600;

/// Leaves a line with the instruction for every turn, and answers in pieces.
const AGENT: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
for n in 1 2 3 4; do
  echo "{\"type\":\"text\",\"text\":\"piece $n of $first. \"}"
  echo '{"type":"usage","input_tokens":10,"output_tokens":5}'
  sleep 0.05
done
echo '{"type":"end","state":"completed"}'
"#;

fn fleet_of(script: &str) -> Fleet {
    fleet_with(script, "")
}

fn fleet_with(script: &str, more: &str) -> Fleet {
    Fleet::of_agent(script, &format!("events = \"jsonl\"\n{more}"))
}

#[test]
fn daemon_and_sender_killed_at_random_moments() {
    let fleet = fleet_of(AGENT);
    fleet.ok(&["deploy", "work"]);
    let mut dice = Dice::new();
    let mut survivors: HashMap<String, Said> = HashMap::new();
    for moment in 0..MOMENTS {
        let name = format!("job-{moment}");
        let context = format!("context-{moment}");
        let mut sender = fleet.spawn(&["send", "work", &name, "--context-id", &context, "--json"]);
        std::thread::sleep(Duration::from_millis(dice.below(SPAN_MS)));
        let victim = dice.below(3);
        if victim != 1
            && let Some(pid) = fleet.daemon_pid()
        {
            kill(pid);
        }
        if victim == 0 {
            survivors.insert(name, Fleet::finish(sender));
        } else {
            let _ = sender.kill();
            let _ = sender.wait();
        }
    }
    for (name, said) in &survivors {
        assert_eq!(said.code, 0, "a send outlives its daemon: {name}: {said:?}");
        let reply = said.json()["reply"].as_str().expect("reply").to_owned();
        assert!(reply.contains(&format!("piece 4 of {name}.")), "{said:?}");
    }
    all_final_and_run_once(&fleet);
    fleet.shut_down();
}

fn all_final_and_run_once(fleet: &Fleet) {
    let mut runs: HashMap<String, usize> = HashMap::new();
    for dispatch in fleet.dispatches() {
        let id = dispatch["dispatch_id"].as_str().expect("id").to_owned();
        let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        let ended = said.json();
        assert_eq!(ended["state"], "completed", "{ended}");
        transcript_is_whole(fleet, &ended);
    }
    for line in fleet.lines("runs") {
        *runs.entry(line).or_default() += 1;
    }
    assert!(
        runs.values().all(|count| *count == 1),
        "a turn ran twice: {runs:?}"
    );
    let dispatches = fleet.dispatches();
    assert_eq!(runs.len(), dispatches.len(), "one turn per stored dispatch");
    ledger_holds_each_once(fleet, &dispatches);
}

/// Every dispatch was settled once with its own figures, and nothing is held any more.
fn ledger_holds_each_once(fleet: &Fleet, dispatches: &[Value]) {
    let tokens = |dispatch: &Value| {
        let usage = &dispatch["usage"];
        let figure = |name: &str| usage[name].as_u64().expect("usage");
        figure("input_tokens") + figure("cache_write_tokens") + figure("output_tokens")
    };
    let shown = fleet.ok(&["budget", "show", "--json"]).json();
    let budgets = shown["budgets"].as_array().expect("budgets").iter();
    let Some(budget) = budgets.into_iter().find(|view| view["peer"] == "work") else {
        // The file names the peer no more.
        return;
    };
    assert_eq!(budget["turns"]["spent"], dispatches.len(), "{budget}");
    let spent: u64 = dispatches.iter().map(tokens).sum();
    assert_eq!(budget["tokens"]["spent"], spent, "{budget}");
    assert_eq!(budget["tokens"]["granted"], 0, "{budget}");
    assert_eq!(budget["turns"]["granted"], 0, "{budget}");
}

fn transcript_is_whole(fleet: &Fleet, dispatch: &Value) {
    let context = dispatch["context_id"].as_str().expect("context");
    let listed = fleet.ok(&["transcripts", "list", "--json"]).json();
    let entry = listed["transcripts"]
        .as_array()
        .expect("transcripts")
        .iter()
        .find(|entry| entry["context_id"] == context)
        .unwrap_or_else(|| panic!("no transcript of {context}"))
        .clone();
    let lines = read_lines(Path::new(entry["path"].as_str().expect("path")));
    let mut events = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(
            line["seq"].as_u64(),
            Some(at as u64 + 1),
            "seq counts: {line}"
        );
        events.extend(line["event"].as_u64());
    }
    let mut ordered = events.clone();
    ordered.sort_unstable();
    assert_eq!(events, ordered, "events in order");
    let deltas: String = lines
        .iter()
        .filter_map(|line| line["delta"].as_str())
        .collect();
    let reply = dispatch["reply"].as_str().expect("reply");
    assert_eq!(
        deltas, reply,
        "the pieces make up the reply, none twice, none missing"
    );
    let whole = lines
        .iter()
        .find(|line| line["kind"] == "reply")
        .expect("a reply line");
    assert_eq!(whole["parts"][0]["text"], reply);
}

fn read_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("transcript");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON line"))
        .collect()
}

/// Takes long enough that the receiver is killed in the middle of it.
const LONG: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
setsid sh -c 'trap "" TERM; sleep 600; sleep 600' &
echo '{"type":"text","text":"so far"}'
sleep 600
"#;

#[test]
fn a_receiver_killed_in_a_turn_ends_it_as_interrupted_and_leaves_no_orphan() {
    let fleet = fleet_of(LONG);
    let sent = fleet
        .ok(&["send", "work", "long", "--no-wait", "--json"])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(10), || {
        let shown = fleet.ok(&["transcripts", "show", &id]).stdout;
        fleet.agents().len() >= 3 && shown.contains("so far")
    });
    kill(fleet.receiver_pid("work").expect("receiver"));
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    let ended = said.json();
    assert_eq!(
        (said.code, &ended["state"]),
        (1, &Value::from("failed")),
        "{ended}"
    );
    assert_eq!(ended["reason"], "interrupted", "{ended}");
    assert_eq!(ended["reply"], "so far", "the text so far is kept");
    fleet.until("the orphans are swept", Duration::from_secs(2), || {
        fleet.agents().is_empty()
    });
    assert_eq!(fleet.lines("runs").len(), 1, "nothing runs twice");
    fleet.shut_down();
}

/// The first task blocks its receiver's only place; whatever else comes is done at once.
const BLOCKING: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
if [ "$first" = first ]; then sleep 600; fi
echo "{\"type\":\"text\",\"text\":\"done with $first\"}"
echo '{"type":"end","state":"completed"}'
"#;

/// A fleet whose receiver runs one task and holds an accepted one that has not started, and the ids of both dispatches.
fn one_runs_and_one_waits() -> (Fleet, String, String) {
    let fleet = fleet_with(BLOCKING, "max_concurrent_turns = 1");
    let send = |text: &str| {
        let sent = fleet
            .ok(&["send", "work", text, "--no-wait", "--json"])
            .json();
        sent["dispatch_id"].as_str().expect("id").to_owned()
    };
    let first = send("first");
    fleet.until("the first runs", Duration::from_secs(10), || {
        fleet.lines("runs") == ["first"]
    });
    let second = send("second");
    fleet.until("the second is accepted", Duration::from_secs(10), || {
        let shown = fleet.ok(&["dispatches", "show", &second, "--json"]).json();
        shown["task_id"].is_string()
    });
    (fleet, first, second)
}

fn the_first_was_interrupted_and_the_second_ran_once(fleet: &Fleet, first: &str, second: &str) {
    let said = fleet.run(&["dispatches", "wait", first, "--json"]);
    let ended = said.json();
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(ended["reason"], "interrupted", "{ended}");
    let said = fleet.run(&["dispatches", "wait", second, "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["reply"], "done with second", "{said:?}");
    assert_eq!(fleet.lines("runs"), ["first", "second"], "each ran once");
    assert_eq!(fleet.agents(), vec![], "no orphan");
    transcript_is_whole(fleet, &said.json());
}

#[test]
fn a_task_that_was_accepted_and_not_started_runs_once_after_its_receiver_died() {
    let (fleet, first, second) = one_runs_and_one_waits();
    kill(fleet.receiver_pid("work").expect("receiver"));
    the_first_was_interrupted_and_the_second_ran_once(&fleet, &first, &second);
    fleet.shut_down();
}

#[test]
fn daemon_and_receiver_killed_together_lose_nothing() {
    let (fleet, first, second) = one_runs_and_one_waits();
    let receiver = fleet.receiver_pid("work").expect("receiver");
    kill(fleet.daemon_pid().expect("daemon"));
    kill(receiver);
    the_first_was_interrupted_and_the_second_ran_once(&fleet, &first, &second);
    fleet.shut_down();
}

#[test]
fn a_daemon_killed_while_it_deploys_leaves_one_receiver_and_every_send_its_reply() {
    let mut dice = Dice::new();
    for round in 0..8 {
        let fleet = fleet_of(AGENT);
        let name = format!("job-{round}");
        let sender = fleet.spawn(&["send", "work", &name, "--json"]);
        std::thread::sleep(Duration::from_millis(dice.below(200)));
        if let Some(pid) = fleet.daemon_pid() {
            kill(pid);
        }
        let said = Fleet::finish(sender);
        assert_eq!(said.code, 0, "{said:?}");
        let receivers = |(_, line): &(i32, String)| line.contains(" serve --receiver ");
        let receivers: Vec<_> = fleet.processes().into_iter().filter(receivers).collect();
        assert_eq!(receivers.len(), 1, "{receivers:?}");
        all_final_and_run_once(&fleet);
        fleet.shut_down();
    }
}

/// An agent that gives work to another fleet, whose daemon it starts by that, and waits for it. It ignores SIGTERM, so that
/// the daemon still hangs on it when its processes are killed.
const DELEGATING: &str = r#"#!/bin/sh
trap '' TERM
"$FLEET_BINARY" --config "$OTHER/fleet.toml" --state-dir "$OTHER/state" send work inner --json
"#;

#[test]
fn an_agent_that_is_stopped_takes_no_fleet_with_it_that_it_used() {
    let inner = fleet_of(AGENT_THAT_TAKES_ITS_TIME);
    let script = DELEGATING
        .replace("$FLEET_BINARY", env!("CARGO_BIN_EXE_fleet"))
        .replace("$OTHER", crate::fleet::text(&inner.path("")));
    // The inner agent finds its folder by this, as if the delegating one had set it.
    let script = script.replace(
        "#!/bin/sh\n",
        &format!(
            "#!/bin/sh\nexport FLEET_TEST_DIR='{}'\n",
            inner.path("").display()
        ),
    );
    let outer = fleet_with(&script, "");
    let sent = outer
        .ok(&["send", "work", "outer", "--no-wait", "--json"])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    outer.until("the inner turn runs", Duration::from_secs(10), || {
        inner.lines("runs") == ["inner"]
    });
    let daemon = inner.daemon_pid();
    let receiver = inner.receiver_pid("work");
    assert!(daemon.is_some() && receiver.is_some());
    outer.ok(&["dispatches", "cancel", &id]);
    let said = outer.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.json()["state"], "canceled", "{said:?}");
    assert_eq!(outer.agents(), vec![], "nothing of the outer turn is left");
    assert_eq!(inner.daemon_pid(), daemon, "the other fleet's daemon lives");
    assert_eq!(inner.receiver_pid("work"), receiver, "and its receiver");
    std::fs::write(inner.path("go"), "").expect("go");
    all_final_and_run_once(&inner);
    outer.shut_down();
    inner.shut_down();
}

#[test]
fn what_ended_in_time_counts_also_when_the_daemon_comes_back_after_the_deadline() {
    let fleet = fleet_of(AGENT_THAT_TAKES_ITS_TIME);
    let deadline = Duration::from_secs(3);
    let began = std::time::Instant::now();
    let sent = fleet
        .ok(&[
            "send",
            "work",
            "job",
            "--deadline",
            "3",
            "--no-wait",
            "--json",
        ])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    fleet.until("the turn runs", Duration::from_secs(10), || {
        fleet.lines("runs") == ["job"]
    });
    kill(fleet.daemon_pid().expect("daemon"));
    std::fs::write(fleet.path("go"), "").expect("go");
    fleet.until("the deadline has passed", 2 * deadline, || {
        began.elapsed() > deadline + Duration::from_millis(500)
    });
    let said = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["reply"], "done", "{said:?}");
    all_final_and_run_once(&fleet);
    fleet.shut_down();
}

/// Goes on when it is told to.
const AGENT_THAT_TAKES_ITS_TIME: &str = r#"#!/bin/sh
read -r first
echo "$first" >> "$FLEET_TEST_DIR/runs"
while [ ! -e "$FLEET_TEST_DIR/go" ]; do sleep 0.02; done
echo '{"type":"text","text":"done"}'
echo '{"type":"end","state":"completed"}'
"#;

#[test]
fn a_send_outlives_its_daemon_also_when_the_file_no_longer_names_its_peer() {
    let fleet = fleet_of(AGENT_THAT_TAKES_ITS_TIME);
    let sender = fleet.spawn(&["send", "work", "job", "--json"]);
    fleet.until("the turn runs", Duration::from_secs(10), || {
        fleet.lines("runs") == ["job"]
    });
    fleet.write_config("[peers.other]\nmode = \"echo\"\n");
    let old = fleet.daemon_pid().expect("daemon");
    kill(old);
    fleet.until(
        "the sender started another daemon",
        Duration::from_secs(10),
        || fleet.daemon_pid().is_some_and(|pid| pid != old),
    );
    std::fs::write(fleet.path("go"), "").expect("go");
    let said = Fleet::finish(sender);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["reply"], "done");
    all_final_and_run_once(&fleet);
    // Stopping all stops this receiver, too, although the file does not name it.
    fleet.shut_down();
}

#[test]
fn a_receiver_killed_at_random_moments_never_runs_a_turn_twice() {
    let mut dice = Dice::new();
    // Five deaths in a minute park a receiver, so each fleet sees four.
    for round in 0..4 {
        let victims = if round % 2 == 0 {
            Victims::Receiver
        } else {
            Victims::DaemonAndReceiver
        };
        four_deaths(&mut dice, victims);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Victims {
    Receiver,
    DaemonAndReceiver,
}

fn four_deaths(dice: &mut Dice, victims: Victims) {
    let fleet = fleet_of(AGENT);
    fleet.ok(&["deploy", "work"]);
    for moment in 0..4 {
        let sent = fleet
            .ok(&[
                "send",
                "work",
                &format!("job-{moment}"),
                "--no-wait",
                "--json",
            ])
            .json();
        let id = sent["dispatch_id"].as_str().expect("id").to_owned();
        std::thread::sleep(Duration::from_millis(dice.below(300)));
        let daemon = (victims == Victims::DaemonAndReceiver).then(|| fleet.daemon_pid());
        if let Some(pid) = fleet.receiver_pid("work") {
            kill(pid);
        }
        if let Some(pid) = daemon.flatten() {
            kill(pid);
        }
        let ended = fleet.run(&["dispatches", "wait", &id, "--json"]).json();
        let state = ended["state"].as_str().expect("state");
        assert!(
            ["completed", "failed", "unknown"].contains(&state),
            "{ended}"
        );
        fleet.until("no orphan", Duration::from_secs(3), || {
            fleet.agents().is_empty()
        });
    }
    let mut runs = fleet.lines("runs");
    let all = runs.len();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), all, "a turn ran twice");
    fleet.shut_down();
}
