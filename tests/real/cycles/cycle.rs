//! One cycle: a turn, a kill, and the look for what is left.
//!
//! Owns: who is killed when and how, and what must be true soon after. All chance comes from the dice.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::process::{runs, signal, zombies_of};
use crate::dice::Dice;
use crate::fleet::holds_within;
use crate::scene::{BOUND, Scene};

/// What a dispatch has to end by itself before it is canceled.
const BY_ITSELF: Duration = Duration::from_secs(2);
/// The exit code of a request whose daemon went away before it answered.
const DAEMON_WENT: i32 = 4;
/// What processes have to be gone after the end of their dispatch; orphans of a dead receiver are swept within 2 s of the
/// start of the next.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
/// After the moment that was waited for, at most so many milliseconds more.
const JITTER_MS: u64 = 40;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Cli,
    Receiver,
    Daemon,
}

/// How far the turn is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The dispatch is stored.
    Stored,
    /// A process of the turn is there.
    Process,
    /// The command of the model runs.
    Tool,
    /// Its second process has left.
    Escaped,
}

/// One cycle and how its dispatch ended.
#[derive(Debug)]
pub(super) struct Cycle {
    moment: Moment,
    pub(super) victim: Victim,
    signal: Signal,
    end: String,
}

impl Cycle {
    /// For the counts at the end of a run.
    pub(super) fn told(&self) -> String {
        format!(
            "{:?} {:?} at {:?}: {}",
            self.victim, self.signal, self.moment, self.end
        )
    }
}

/// Runs one. Panics with what is left when something is.
pub(super) fn run(scene: &Scene, dice: &mut Dice, number: usize) -> Cycle {
    let stubborn = dice.below(2) == 0;
    let moment = [
        Moment::Stored,
        Moment::Process,
        Moment::Tool,
        Moment::Escaped,
    ][dice.below(4) as usize];
    let victim = [Victim::Cli, Victim::Receiver, Victim::Daemon][dice.below(3) as usize];
    let how = [Signal::TERM, Signal::INT, Signal::KILL][dice.below(3) as usize];
    let jitter = dice.below(JITTER_MS);
    scene.note(&format!(
        "== cycle {number}: {victim:?} {how:?} at {moment:?} + {jitter} ms, stubborn {stubborn}"
    ));
    let text = format!("DFORK {number} {}", if stubborn { "stubborn" } else { "" });
    let sent = scene
        .ok(&["send", "app", &text, "--no-wait", "--json"])
        .json();
    let id = sent["dispatch_id"].as_str().expect("id").to_owned();
    wait_for(moment, scene, &id);
    std::thread::sleep(Duration::from_millis(jitter));
    let killed = kill(scene, victim, how);
    let goes_on = match victim {
        Victim::Cli => stubborn && how != Signal::KILL,
        Victim::Receiver => how != Signal::KILL,
        Victim::Daemon => true,
    };
    let patience = if goes_on { Duration::ZERO } else { BY_ITSELF };
    let ended = end(scene, &id, patience);
    settle(scene, killed);
    let word = |name: &str| ended[name].as_str().unwrap_or("-").to_owned();
    Cycle {
        moment,
        victim,
        signal: how,
        end: format!("{} {}", word("state"), word("reason")),
    }
}

fn wait_for(moment: Moment, scene: &Scene, id: &str) {
    let so_far = holds_within(BOUND, || match moment {
        Moment::Stored => true,
        Moment::Process => cli(scene).is_some(),
        Moment::Tool => !scene.tools().is_empty(),
        Moment::Escaped => escaped(scene),
    });
    assert!(so_far, "it never came to {moment:?}: {}", scene.shown(id));
}

/// The command's own process and the one that left: two that wait on nothing.
fn escaped(scene: &Scene) -> bool {
    let waiting = scene.tools().into_iter();
    waiting.filter(|(_, line)| line.starts_with("tail")).count() >= 2
}

/// The CLI itself: Claude Code in a turn, or the command in its place.
fn cli(scene: &Scene) -> Option<i32> {
    let is_cli =
        |line: &str| line.contains("--permission-prompt-tool") || line.contains("agent.sh");
    let agents = scene.fleet.agents().into_iter();
    let mut found = agents.filter(|(_, line)| is_cli(line));
    found.next().map(|(pid, _)| pid)
}

fn receiver(scene: &Scene) -> Option<i32> {
    scene.find(" serve --receiver ")
}

fn daemon(scene: &Scene) -> Option<i32> {
    scene.find(" daemon run ")
}

/// The CLI may be there too late or too early; then nobody is killed, and the turn is canceled.
fn kill(scene: &Scene, victim: Victim, how: Signal) -> Option<(Victim, i32)> {
    let pid = match victim {
        Victim::Cli => cli(scene),
        Victim::Receiver => receiver(scene),
        Victim::Daemon => daemon(scene),
    };
    scene.note(&format!("  {how:?} to {victim:?} {pid:?}"));
    let pid = pid?;
    signal(pid, how);
    Some((victim, pid))
}

/// How the dispatch ends: by itself, or canceled because its turn goes on.
fn end(scene: &Scene, id: &str, patience: Duration) -> Value {
    let mut waiting = scene.spawn(&["dispatches", "wait", id, "--json"]);
    let mut ended = || waiting.try_wait().expect("it is waited for").is_some();
    if !holds_within(patience, &mut ended) {
        // It may end at this moment; then there is nothing to cancel. A daemon that dies under the request says so, and to
        // ask again.
        holds_within(BOUND, || {
            let asked = scene.run(&["dispatches", "cancel", id]);
            ended() || asked.code != DAEMON_WENT
        });
    }
    let over = holds_within(BOUND, ended);
    let _ = waiting.kill();
    scene.finish(waiting);
    let shown = scene.shown(id);
    scene.note(&format!("  {shown}"));
    assert!(over, "it never ended: {shown}");
    let state = shown["state"].as_str().unwrap_or_default();
    assert!(
        ["failed", "canceled", "unknown"].contains(&state),
        "a turn that never ends: {shown}"
    );
    shown
}

fn settle(scene: &Scene, killed: Option<(Victim, i32)>) {
    let victim_runs = || match killed {
        Some((Victim::Receiver | Victim::Daemon, pid)) => runs(pid),
        // A stubborn one ended with its dispatch; a warm one may wait for the next turn.
        Some((Victim::Cli, _)) | None => false,
    };
    let owners = || -> Vec<i32> { receiver(scene).into_iter().chain(daemon(scene)).collect() };
    let settled = holds_within(SETTLES_WITHIN, || {
        scene.tools().is_empty() && !victim_runs() && zombies_of(&owners()).is_empty()
    });
    assert!(
        settled,
        "left: tools {:?}, zombies {:?}, the killed one runs: {}; all: {:#?}",
        scene.tools(),
        zombies_of(&owners()),
        victim_runs(),
        scene.fleet.processes()
    );
}
