//! kill -9 at random moments: nothing is lost, nothing runs twice, nothing is left.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

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
    let fleet = Fleet::new("");
    let path = fleet.script("agent.sh", script);
    fleet.write_config(&format!(
        "[peers.work]\nmode = \"exec\"\nrepo = \"repo\"\nevents = \"jsonl\"\ncommand = [\"{}\"]\nenv = [\"FLEET_TEST_DIR\"]\n",
        path.display()
    ));
    fleet
}

/// A small generator, so that moments differ from run to run and a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = std::env::var("FLEET_TEST_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 2_654_435_761 + 1);
        eprintln!("FLEET_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
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
        if victim != 1 {
            if let Some(pid) = fleet.daemon_pid() {
                kill(pid);
            }
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
    assert_eq!(
        runs.len(),
        fleet.dispatches().len(),
        "one turn per stored dispatch"
    );
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

#[test]
fn a_receiver_killed_at_random_moments_never_runs_a_turn_twice() {
    let mut dice = Dice::new();
    // Five deaths in a minute park a receiver, so each fleet sees four.
    for _ in 0..4 {
        four_deaths(&mut dice);
    }
}

fn four_deaths(dice: &mut Dice) {
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
        if let Some(pid) = fleet.receiver_pid("work") {
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
