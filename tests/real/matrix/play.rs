//! Plays a row.
//!
//! Owns: what each step does. Does not own: what must hold after it.

use std::process::Child;
use std::time::Duration;

use serde_json::Value;

use super::rows::{Phase, Row, Sent, Step};
use super::{Played, check, table};
use crate::fleet::{Said, holds_within};
use crate::scene::{BOUND, Scene, files_below};

/// A row under way.
pub(super) struct Play {
    pub(super) scene: Scene,
    begun: Option<(Child, String)>,
    /// What every `send` said.
    pub(super) ends: Vec<Said>,
    pub(super) problems: Vec<String>,
}

/// Plays a row to its end. `story` is what was seen until then, also when this panics.
pub(super) fn play(row: &Row, story: &mut String) -> Played {
    let mut play = Play {
        scene: Scene::set(row.cli, row.peer),
        begun: None,
        ends: Vec::new(),
        problems: Vec::new(),
    };
    let telling = Telling {
        play: &mut play,
        story,
    };
    telling.play.steps(row);
    check::check(row, telling.play);
    let left = telling.play.scene.end();
    if !left.is_empty() {
        telling.play.problems.push(format!("left over: {left:?}"));
    }
    let line = table::line(row, telling.play, &left);
    let problems = std::mem::take(&mut telling.play.problems);
    let story = telling.play.scene.story();
    Played {
        line,
        problems,
        story,
    }
}

/// Tells what was seen so far when a row breaks off.
struct Telling<'a> {
    play: &'a mut Play,
    story: &'a mut String,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        *self.story = self.play.scene.story();
        if let Some((mut child, _)) = self.play.begun.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Play {
    /// The dispatch that is judged.
    pub(super) fn last(&self) -> Value {
        self.ends.last().map_or(Value::Null, Said::json)
    }

    pub(super) fn last_id(&self) -> String {
        id_of(&self.last())
    }

    fn steps(&mut self, row: &Row) {
        for step in &row.steps {
            match step {
                Step::Send(sent) => {
                    let child = self.spawn(*sent);
                    self.finish(child);
                }
                Step::Begin(sent) => self.begin(*sent),
                Step::End => {
                    let (child, _) = self.begun.take().expect("begun");
                    self.finish(child);
                }
                Step::Until(phase) => self.until(*phase),
                Step::Answer(decision) => {
                    let id = self.begun_id();
                    self.scene.ok(&["dispatches", "answer", &id, decision]);
                }
                Step::Cancel => {
                    let id = self.begun_id();
                    self.scene.ok(&["dispatches", "cancel", &id]);
                }
                Step::Restart => {
                    self.scene.ok(&["stop", "app"]);
                    self.scene.ok(&["start", "app"]);
                }
                Step::ForgetSessions => self.forget_sessions(),
                Step::Big(bytes) => {
                    let text = format!("BIG {}", "x".repeat(bytes - 4));
                    let said = self.scene.send_input(&text);
                    self.ends.push(said);
                }
                Step::TwoContexts => self.two_contexts(),
                Step::Many { turns, contexts } => self.many(*turns, *contexts),
            }
        }
    }

    fn spawn(&self, sent: Sent) -> Child {
        let mut args = vec!["send", "--json"];
        args.extend(sent.flags);
        args.extend(["app", "--", sent.text]);
        self.scene.spawn(&args)
    }

    fn finish(&mut self, child: Child) {
        let said = self.scene.finish(child);
        self.ends.push(said);
    }

    fn begin(&mut self, sent: Sent) {
        let before = self.newest();
        let child = self.spawn(sent);
        let mut id = String::new();
        let there = holds_within(BOUND, || {
            id = self.newest();
            id != before
        });
        self.begun = Some((child, id));
        assert!(there, "no dispatch was stored");
    }

    fn newest(&self) -> String {
        let args = ["dispatches", "list", "--limit", "1", "--json"];
        let output = self.scene.command(&args).output().expect("fleet runs");
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        id_of(&listed["dispatches"][0])
    }

    fn begun_id(&self) -> String {
        let (_, id) = self.begun.as_ref().expect("begun");
        id.clone()
    }

    fn until(&self, phase: Phase) {
        let id = self.begun_id();
        let scene = &self.scene;
        let told = |word: &str| {
            scene
                .transcript(&id)
                .iter()
                .any(|line| line.to_string().contains(word))
        };
        let so_far = holds_within(BOUND, || match phase {
            Phase::Asks => scene.shown(&id)["state"] == "input_required",
            Phase::Thinks => told("\"thought\""),
            Phase::Streams => scene
                .transcript(&id)
                .iter()
                .any(|line| !line["delta"].is_null()),
            Phase::InTool => !scene.tools().is_empty(),
        });
        scene.note(&format!("  {phase:?}: {so_far}"));
        assert!(so_far, "it never came so far: {phase:?}");
    }

    fn forget_sessions(&self) {
        let sessions = files_below(self.scene.fleet.path("home/.claude/projects"));
        assert!(!sessions.is_empty(), "there is a session to forget");
        for path in sessions {
            std::fs::remove_file(path).expect("session");
        }
    }

    fn two_contexts(&mut self) {
        for (first, second) in [
            ("PONG alpha one", "PONG beta one"),
            ("HISTORY alpha two", "HISTORY beta two"),
        ] {
            let flags = |context| -> &'static [&'static str] { context };
            let one = self.spawn(Sent {
                text: first,
                flags: flags(&["--context-id", "a"]),
            });
            let other = self.spawn(Sent {
                text: second,
                flags: flags(&["--context-id", "b"]),
            });
            self.finish(one);
            self.finish(other);
        }
        let alpha = self.ends[2].json()["reply"].to_string();
        let own = alpha.contains("n=2") && alpha.contains("alpha one") && !alpha.contains("beta");
        if !own {
            self.problems
                .push(format!("the first conversation is not its own: {alpha}"));
        }
    }

    /// Some turns first, so that what is kept between turns is there; what the others add to it is a leak.
    fn many(&mut self, turns: usize, contexts: usize) {
        let send = |play: &mut Self, turn: usize| {
            let context = format!("context-{}", turn % contexts);
            let args = ["send", "app", "PONG", "--context-id", &context, "--json"];
            let said = play.scene.run(&args);
            assert_eq!(said.json()["state"], "completed", "turn {turn}");
            play.ends.push(said);
        };
        (0..contexts).for_each(|turn| send(self, turn));
        let before = self.held();
        (0..turns).for_each(|turn| send(self, turn));
        let mut after = self.held();
        let settled = holds_within(Duration::from_secs(10), || {
            after = self.held();
            after.0 <= before.0 && after.1 <= before.1 && after.2 <= before.2
        });
        self.scene.note(&format!(
            "  processes, descriptors and temporary files before {before:?}, after {after:?}"
        ));
        if !settled {
            self.problems.push(format!(
                "processes, descriptors, temporary files grew from {before:?} to {after:?}"
            ));
        }
    }

    /// Processes of the fleet, descriptors of its receiver, temporary files.
    fn held(&self) -> (usize, usize, usize) {
        let pid = self.scene.receiver_pid();
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("receiver");
        (
            self.scene.fleet.processes().len(),
            descriptors.count(),
            self.scene.temporary_files().len(),
        )
    }
}

fn id_of(dispatch: &Value) -> String {
    dispatch["dispatch_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
