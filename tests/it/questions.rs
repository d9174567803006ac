//! Questions of the real Claude Code, answered on the command line and in the console.
//!
//! Where Claude Code is not installed these tests say `skipped: claude not installed`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::claude::{Setup, id_of, setup, transcript};
use crate::fleet::kill;

/// For the agent to come to its question; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

impl Setup {
    /// Sends and waits until it asks; gives the dispatch.
    fn ask(&self, text: &str) -> String {
        let args = ["send", "app", text, "--again", "--no-wait", "--json"];
        let id = id_of(&self.fleet.ok(&args).json());
        self.fleet.until("it asks", PATIENCE, || {
            self.shown(&id)["state"] == "input_required"
        });
        id
    }

    fn shown(&self, id: &str) -> Value {
        self.fleet.run(&["dispatches", "show", id, "--json"]).json()
    }
}

/// The daemon that delivers the answer knows the questions only from what was stored, and dies when it has taken it.
#[test]
fn two_questions_are_answered_on_the_command_line_and_the_model_gets_it_once() {
    let Some(setup) = setup("") else { return };
    setup.deploy();
    let fleet = &setup.fleet;
    let id = setup.ask("ASKTWO of me");
    let request = setup.shown(&id)["requests"][0].clone();
    assert_eq!(request["questions"][1]["multi_select"], true, "{request}");
    assert!(
        !request["choices"].to_string().contains("always"),
        "{request}"
    );

    for (args, told) in [
        (&["allow"][..], "--choose"),
        (&["--choose", "1"], "2 questions wait"),
        (&["--choose", "9", "--choose", "1"], "1 Red, 2 Blue"),
        (
            &["deny", "--choose", "1", "--choose", "1"],
            "without a decision",
        ),
    ] {
        let args: Vec<&str> = ["dispatches", "answer", &id]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let refused = fleet.run(&args);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    let always = fleet.run(&["dispatches", "answer", &id, "always"]);
    assert_eq!(always.code, 1, "it is not offered: {always:?}");

    kill(fleet.daemon_pid().expect("daemon"));
    fleet.ok(&[
        "dispatches",
        "answer",
        &id,
        "--choose",
        "blue",
        "--choose",
        "1,2",
    ]);
    kill(fleet.daemon_pid().expect("daemon"));
    let ended = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let reply = ended.json()["reply"].as_str().expect("reply").to_owned();
    assert!(
        reply.contains("Your questions have been answered"),
        "{reply}"
    );
    assert!(
        reply.contains("\"Blue\"") && reply.contains("S, \"M, wide\""),
        "{reply}"
    );
    assert_eq!(ended.json()["refused"], serde_json::json!([]));
    let lines = transcript(fleet, &id);
    let answered = lines
        .iter()
        .filter(|line| line.to_string().contains("permission_answered"));
    assert_eq!(answered.count(), 1, "answered once");
    let read = fleet.ok(&["transcripts", "show", &id]).stdout;
    assert!(
        read.contains("Colour: Which colour should it be?"),
        "{read}"
    );
    assert!(read.contains("Blue; S, M, wide"), "{read}");
    setup.close();
}

#[test]
fn a_question_that_is_denied_goes_back_with_the_reason() {
    let Some(setup) = setup("") else { return };
    setup.deploy();
    let fleet = &setup.fleet;
    let id = setup.ask("ASK me");
    fleet.ok(&[
        "dispatches",
        "answer",
        &id,
        "deny",
        "--reason",
        "ask the manual",
    ]);
    let ended = fleet.run(&["dispatches", "wait", &id, "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = ended.json();
    assert!(
        ended["reply"].to_string().contains("ask the manual"),
        "{ended}"
    );
    assert_eq!(ended["refused"][0]["tool"], "AskUserQuestion", "{ended}");
    setup.close();
}

#[test]
fn a_question_that_nobody_answers_lets_the_turn_go_on() {
    let Some(setup) = setup("permission_timeout_s = 1") else {
        return;
    };
    setup.deploy();
    let silent = setup.fleet.run(&["send", "app", "ASK me", "--json"]);
    assert_eq!(silent.code, 0, "{silent:?}");
    let ended = silent.json();
    assert!(
        ended["reply"].to_string().contains("choose yourself"),
        "{ended}"
    );
    assert_eq!(ended["refused"][0]["tool"], "AskUserQuestion", "{ended}");
    setup.close();
}

#[test]
fn who_waits_in_send_is_told_the_question_and_what_answers_it() {
    let Some(setup) = setup("permissions = \"read-only\"") else {
        return;
    };
    setup.deploy();
    let mut command = setup.fleet.command(&["send", "app", "ASK me"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let waiting = command.spawn().expect("send");
    let mut id = String::new();
    setup.fleet.until("it asks", PATIENCE, || {
        let all = setup.fleet.run(&["dispatches", "list", "--json"]).json();
        let one = all["dispatches"][0].clone();
        id = one["dispatch_id"].as_str().unwrap_or_default().to_owned();
        one["state"] == "input_required"
    });
    let words = "a warm one, please";
    setup
        .fleet
        .ok(&["dispatches", "answer", &id, "--choose", words]);
    let output = waiting.wait_with_output().expect("send ends");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stdout.contains(words), "{stdout} {stderr}");
    for line in [
        "Which colour should it be?",
        "1 Red: like a rose",
        "--choose N|TEXT",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    setup.close();
}

#[test]
fn a_question_is_answered_in_the_console() {
    let Some(setup) = setup("") else { return };
    setup.deploy();
    let mut console = setup.fleet.console((110, 30));
    console.wait_for("app");
    console.press("n");
    console.wait_for("new dispatch");
    console.press("ASK me\x13");
    console.wait_for("asks you");
    console.wait_for("2 Blue: like the sky");
    console.press("a");
    console.wait_for("your own words");
    console.press("2");
    console.wait_for("completed");
    console.press("\x03");
    assert!(console.end().restored);
    let all = setup.fleet.run(&["dispatches", "list", "--json"]).json();
    let id = id_of(&all["dispatches"][0]);
    let reply = setup.shown(&id)["reply"].to_string();
    assert!(reply.contains("Blue"), "{reply}");
    setup.close();
}
