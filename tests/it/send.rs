//! One dispatch from the command line, with nothing running before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::{Fleet, Said, text};

const ECHO: &str = "[peers.echo]\nmode = \"echo\"\n";

#[test]
fn sends_with_no_daemon_and_no_receiver_running() {
    let fleet = Fleet::new(ECHO);
    let said = fleet.ok(&[
        "send",
        "echo",
        "hello",
        "--context",
        "some context",
        "--expect",
        "an echo",
        "--deadline",
        "30",
        "--json",
    ]);
    let object = said.json();
    let keys: Vec<&str> = object
        .as_object()
        .expect("object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "dispatch_id",
            "peer",
            "state",
            "reason",
            "outcome",
            "verification",
            "failed_checks",
            "reply",
            "artifacts",
            "context_id",
            "task_id",
            "usage",
            "refused",
            "late",
            "elapsed_ms",
            "error",
            "requests"
        ]
    );
    assert_eq!(object["state"], "completed");
    assert_eq!(object["outcome"], "completed");
    assert_eq!(object["verification"], "unverified");
    assert_eq!(object["reply"], "hello");
    assert_eq!(object["error"], Value::Null);
    let shown = fleet.ok(&[
        "dispatches",
        "show",
        object["dispatch_id"].as_str().expect("id"),
        "--json",
    ]);
    assert_eq!(shown.json(), object, "show prints what send printed");
    fleet.shut_down();
}

#[test]
fn a_plain_send_prints_the_reply_and_nothing_else_on_stdout() {
    let fleet = Fleet::new(ECHO);
    let said = fleet.ok(&["send", "echo", "just this"]);
    assert_eq!(said.stdout, "just this\n");
    fleet.shut_down();
}

#[test]
fn a_wrong_contract_is_refused_before_anything_is_stored() {
    let fleet = Fleet::new(ECHO);
    let brief = fleet.path("brief.txt");
    std::fs::write(&brief, "x".repeat(256 * 1024 + 1)).expect("brief");
    let schema = fleet.path("schema.json");
    std::fs::write(&schema, r#"{"type": "no such type"}"#).expect("schema");
    let regex = fleet.path("regex.json");
    let bad = json!({"instruction": "x", "expected_output": {"checks": [{"matches": "("}]}});
    std::fs::write(&regex, bad.to_string()).expect("contract");
    let at_brief = format!("@{}", text(&brief));
    let cases: [(&[&str], &str); 10] = [
        (&["send", "echo", "  "], "instruction"),
        (&["send", "echo", "x", "--deadline", "0"], "deadline"),
        (&["send", "echo", "x", "--deadline", "1e9"], "deadline"),
        (&["send", "echo", "x", "--deadline", "soon"], "deadline"),
        (&["send", "echo", "x", "--reply-to", "nobody"], "reply"),
        (
            &[
                "send",
                "echo",
                "x",
                "--reply-to",
                "http://evil.example/hook",
            ],
            "reply",
        ),
        (&["send", "echo", "x", "--schema", text(&schema)], "schema"),
        (
            &["send", "echo", "--contract", text(&regex)],
            "regular expression",
        ),
        (&["send", "echo", "x", "--context", &at_brief], "context"),
        (&["send", "nobody", "x"], "nobody"),
    ];
    for (args, named) in cases {
        let said = fleet.run(args);
        assert_eq!(said.code, 2, "{args:?}: {said:?}");
        assert!(
            said.stderr.contains(named),
            "{args:?} names {named:?}: {}",
            said.stderr
        );
        assert_eq!(
            said.stderr.matches("error:").count(),
            1,
            "{args:?}: one message: {}",
            said.stderr
        );
        assert_eq!(said.stdout, "", "{args:?}");
        let mut with_json = args.to_vec();
        with_json.push("--json");
        let said = fleet.run(&with_json);
        assert_eq!(said.code, 2, "{args:?}");
        assert!(!said.json()["error"].is_null(), "{args:?}: {said:?}");
    }
    assert_eq!(fleet.dispatches(), Vec::<Value>::new(), "nothing stored");
    assert_eq!(
        fleet.receiver_pid("echo"),
        None,
        "nothing started, so nothing sent"
    );
    fleet.shut_down();
}

#[test]
fn a_reply_to_another_is_validated_and_then_refused() {
    let fleet = Fleet::new(&format!("{ECHO}\n[peers.other]\nmode = \"echo\"\n"));
    let said = fleet.run(&["send", "echo", "x", "--reply-to", "other"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("not"), "{said:?}");
    assert_eq!(fleet.dispatches(), Vec::<Value>::new());
    fleet.shut_down();
}

#[test]
fn a_schema_decides_whether_the_reply_is_accepted() {
    let fleet = Fleet::new(ECHO);
    let schema = fleet.path("schema.json");
    std::fs::write(
        &schema,
        r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#,
    )
    .expect("schema");
    for (reply, code, verification) in [
        ("not JSON", 1, "rejected"),
        (r#"{"n": "one"}"#, 1, "rejected"),
        (r#"{"n": 1}"#, 0, "verified"),
    ] {
        let said = fleet.run(&["send", "echo", reply, "--schema", text(&schema), "--json"]);
        assert_eq!(said.code, code, "{said:?}");
        let object = said.json();
        assert_eq!(
            object["state"], "completed",
            "the agent did finish: {object}"
        );
        assert_eq!(object["verification"], verification, "{object}");
        let failed = object["failed_checks"].as_array().expect("list").len();
        assert_eq!(failed > 0, verification == "rejected", "{object}");
    }
    fleet.shut_down();
}

#[test]
fn a_daemon_that_is_killed_between_commands_is_replaced() {
    let fleet = Fleet::new(ECHO);
    fleet.ok(&["send", "echo", "one"]);
    crate::fleet::kill(fleet.daemon_pid().expect("daemon"));
    fleet.until("the daemon is gone", Duration::from_secs(5), || {
        fleet.daemon_pid().is_none()
    });
    fleet.ok(&["send", "echo", "two"]);
    assert_eq!(fleet.dispatches().len(), 2);
    fleet.shut_down();
}

#[test]
fn twenty_commands_that_find_no_daemon_start_one() {
    let fleet = Fleet::new(ECHO);
    let children: Vec<_> = (0..20)
        .map(|_| fleet.spawn(&["status", "--json"]))
        .collect();
    let pids: Vec<Value> = children
        .into_iter()
        .map(|child| {
            let said = Fleet::finish(child);
            assert_eq!(said.code, 0, "{said:?}");
            said.json()["daemon"]["pid"].clone()
        })
        .collect();
    assert!(pids[0].is_number(), "{pids:?}");
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    fleet.until(
        "those that lost the race are gone",
        Duration::from_secs(5),
        || {
            let daemon = |(_, line): &&(i32, String)| line.contains(" daemon run ");
            fleet.processes().iter().filter(daemon).count() == 1
        },
    );
    fleet.shut_down();
}

/// What trying again does not mend is told at once, not when the time for trying again is over (30 s).
#[test]
fn an_agent_that_is_not_installed_is_told_at_once() {
    let fleet = Fleet::new("[peers.app]\nmode = \"cc\"\nrepo = \".\"\n");
    let began = Instant::now();
    let said = Said::of(
        &fleet
            .command(&["send", "app", "x", "--json"])
            .env("PATH", fleet.path("no-bin"))
            .output()
            .expect("send"),
    );
    let took = began.elapsed();
    assert_eq!(said.code, 4, "{said:?}");
    let object = said.json();
    assert_eq!(object["reason"], "unreachable", "{object}");
    assert_eq!(object["error"]["kind"], "no_agent", "{object}");
    let remedy = object["error"]["remedy"].as_str().expect("remedy");
    assert!(remedy.contains("claude"), "{remedy}");
    assert!(took < Duration::from_secs(15), "it took {took:?}");
}
