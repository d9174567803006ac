//! Start, turn, kill, hundreds of times: no process survives, no zombie stays, the ports are free.
//!
//! Owns: how often, in how many lanes, and fleets that are given up before their receiver is parked. One cycle is in `cycle`.
//!
//! With a command as the agent 500 cycles are run each time, and some with the real Claude Code, which takes about two
//! seconds for each; `FLEET_KILL_CYCLES=500` runs as many with it. `FLEET_TEST_SEED` repeats a run.

mod cycle;
mod process;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use cycle::{Cycle, Victim};

use crate::dice::Dice;
use crate::scene::{Cli, Scene};

const EXEC_CYCLES: u64 = 500;
const CLAUDE_CYCLES: u64 = 60;
/// Names another number for the real Claude Code.
const CYCLES: &str = "FLEET_KILL_CYCLES";
/// Fleets at a time: the machine has at least two cores, and much of a cycle is waiting.
const LANES: u64 = 3;
/// Five deaths of a receiver within a minute park it.
const DEATHS_PER_FLEET: usize = 4;
/// Cycles of one fleet, so that it ends now and then, and all that it held is looked for.
const CYCLES_PER_FLEET: usize = 25;

/// Does what the tools of an agent do at their worst: one process leaves its parent and its session and ignores what it
/// can. Told to be stubborn, the agent itself ignores it too.
const AGENT: &str = r#"#!/bin/sh
read -r first
(setsid sh -c 'trap "" TERM HUP INT; while :; do tail -f /dev/null; done' </dev/null >/dev/null 2>&1 &)
case "$first" in *stubborn*) trap '' TERM INT HUP;; esac
echo '{"type":"text","text":"so far"}'
tail -f /dev/null
"#;

/// Who is below the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agent {
    Exec,
    Claude,
}

impl Agent {
    fn scene(self) -> Scene {
        match self {
            Self::Exec => Scene::set_exec(AGENT),
            Self::Claude => Scene::set(Cli::Real, "permissions = \"full\""),
        }
    }
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn five_hundred_kills_of_an_exec_agent_leave_nothing() {
    run(Agent::Exec, EXEC_CYCLES);
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn kills_of_the_real_claude_leave_nothing() {
    let cycles = std::env::var(CYCLES).ok();
    let cycles = cycles.map(|text| text.parse().expect(CYCLES));
    run(Agent::Claude, cycles.unwrap_or(CLAUDE_CYCLES));
}

fn run(agent: Agent, cycles: u64) {
    let began = Instant::now();
    let ends: Vec<Result<Vec<Cycle>, String>> = std::thread::scope(|scope| {
        let lanes = (0..LANES).map(|lane| {
            let cycles = cycles / LANES + u64::from(lane < cycles % LANES);
            scope.spawn(move || lane_of(agent, lane, cycles))
        });
        let lanes: Vec<_> = lanes.collect();
        lanes
            .into_iter()
            .map(|lane| lane.join().expect("lane"))
            .collect()
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed = Vec::new();
    for end in ends {
        match end {
            Ok(cycles) => {
                for cycle in cycles {
                    *counts.entry(cycle.told()).or_default() += 1;
                }
            }
            Err(why) => failed.push(why),
        }
    }
    for (told, count) in &counts {
        eprintln!("{count:5} x {told}");
    }
    let total: usize = counts.values().sum();
    eprintln!(
        "{total} cycles with {agent:?} in {:.0} s",
        began.elapsed().as_secs_f32()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert_eq!(total as u64, cycles);
}

/// Runs cycles one after the other, in one fleet after the other.
fn lane_of(agent: Agent, lane: u64, cycles: u64) -> Result<Vec<Cycle>, String> {
    let mut dice = Dice::of(lane);
    let mut done = Vec::new();
    while (done.len() as u64) < cycles {
        let left = usize::try_from(cycles).unwrap_or(usize::MAX) - done.len();
        let scene = agent.scene();
        let ended = catch_unwind(AssertUnwindSafe(|| one_fleet(&scene, &mut dice, left)));
        match ended {
            Ok(cycles) => done.extend(cycles),
            Err(panic) => {
                let why = crate::matrix::said(panic.as_ref());
                let at = done.len();
                return Err(format!(
                    "lane {lane}, after {at} cycles of earlier fleets: {why}\n{}",
                    scene.story()
                ));
            }
        }
    }
    Ok(done)
}

fn one_fleet(scene: &Scene, dice: &mut Dice, left: usize) -> Vec<Cycle> {
    let mut done: Vec<Cycle> = Vec::new();
    scene.ok(&["deploy", "app"]);
    while done.len() < left.min(CYCLES_PER_FLEET) {
        let deaths = done.iter().filter(|cycle| cycle.victim == Victim::Receiver);
        if deaths.count() >= DEATHS_PER_FLEET {
            break;
        }
        done.push(cycle::run(scene, dice, done.len()));
    }
    let end = scene.end();
    assert!(
        end.is_empty(),
        "left over when the fleet had stopped: {end:?}"
    );
    done
}
