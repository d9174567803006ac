//! Budgets by the real binary: told, topped up, reset, over a daemon that is killed; and the audit of it all.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use fleet::control::{Answer, Command};
use serde_json::{Value, json};

use crate::fake_daemon::{FakeDaemon, Reply};
use crate::fleet::{Fleet, kill};

fn limited(budget: &str) -> Fleet {
    let fleet = Fleet::new("");
    let script = fleet.script("agent.sh", "#!/bin/sh\necho done\n");
    fleet.write_config(&format!(
        "[peers.work]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"{}\"]\nbudget = {budget}\n",
        script.display()
    ));
    fleet
}

fn turns(fleet: &Fleet) -> Value {
    let shown = fleet.ok(&["budget", "show", "work", "--json"]).json();
    shown["budgets"][0]["turns"].clone()
}

#[test]
fn a_spent_budget_is_told_topped_up_and_reset_also_over_a_daemon_that_is_killed() {
    let fleet = limited("{ turns = 1, window = \"total\" }");
    let send = ["send", "work", "go", "--context-id", "one"];
    let first = fleet.ok(&send);
    assert!(
        first.stderr.contains(
            "work: 1 of 1 turns (100 %) are spent, and further dispatches are refused; the total never resets by \
             itself. More with: fleet budget top-up work --turns N\n"
        ),
        "{first:?}"
    );
    assert_eq!(first.stdout, "done\n");
    let refused = fleet.run(&send);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("fleet budget top-up work --turns N"),
        "{refused:?}"
    );

    let topped_up = fleet
        .ok(&["budget", "top-up", "work", "--turns", "2", "--json"])
        .json();
    let expected = json!({"limit": 1, "topped_up": 2, "granted": 0, "spent": 1, "remaining": 2});
    assert_eq!(topped_up["budgets"][0]["turns"], expected);
    kill(fleet.daemon_pid().expect("a daemon"));
    assert_eq!(turns(&fleet), expected, "it was stored before it was told");
    let again = fleet.ok(&send);
    assert!(
        !again.stderr.contains("are spent"),
        "2 of 3 is no 80 %: {again:?}"
    );

    let reset = fleet.ok(&["budget", "reset", "work"]);
    assert!(reset.stdout.contains("REMAINING"), "{reset:?}");
    let expected = json!({"limit": 1, "topped_up": 2, "granted": 0, "spent": 0, "remaining": 3});
    assert_eq!(turns(&fleet), expected);

    let bad = fleet.run(&["budget", "top-up", "work", "--tokens", "5"]);
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("does not limit tokens"), "{bad:?}");
    audit_says(&fleet);
    fleet.shut_down();
}

fn audit_says(fleet: &Fleet) {
    let of = |limit: &str| {
        let audit = fleet.ok(&["audit", "--peer", "work", "--limit", limit, "--json"]);
        assert!(
            !audit.stdout.contains("go\""),
            "no contract's content: {audit:?}"
        );
        audit.json()["audit"].as_array().expect("audit").clone()
    };
    let all = of("50");
    let said: Vec<(String, String)> = all
        .iter()
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap_or("").to_owned();
            let command = word("command");
            let verb: Vec<&str> = command.split(' ').take(2).collect();
            (verb.join(" "), word("outcome"))
        })
        .collect();
    let submit = all.iter().filter(|entry| {
        let command = entry["command"].as_str().unwrap_or("");
        command.starts_with("submit ") && command.ends_with(" bytes, on context one")
    });
    assert_eq!(submit.count(), 3, "{all:?}");
    let ends: Vec<&str> = said.iter().map(|(_, outcome)| outcome.as_str()).collect();
    assert_eq!(
        ends,
        [
            "failed: usage",
            "done",
            "done",
            "done",
            "failed: budget",
            "done"
        ],
        "newest first: {all:?}"
    );
    assert_eq!((&*said[0].0, &*said[1].0), ("top up", "reset the"));
    assert!(
        all[0]["pid"].is_u64() && all[0]["client"] == "cli",
        "{all:?}"
    );
    assert_eq!(of("1").len(), 1);
    let shown = fleet.ok(&["audit"]).stdout;
    assert!(
        shown.contains("top up the budget of work by 2 turns"),
        "{shown}"
    );
}

#[test]
fn a_notice_is_told_when_a_console_is_open_and_stays_over_a_restart() {
    let fleet = limited("{ turns = 1, window = \"total\" }");
    fleet.ok(&["deploy", "work"]);
    let mut console = fleet.console((120, 40));
    console.wait_for("● connected");
    fleet.ok(&["send", "work", "go"]);
    console.wait_for("work: 1 of 1 turns (100 %) are spent");
    kill(fleet.daemon_pid().expect("a daemon"));
    console.wait_for("Connected to the daemon again");
    console.press("4");
    console.wait_for("work: 1 of 1 turns (100 %) are spent");
    console.press("\x03");
    assert!(console.end().restored);
    fleet.until("a daemon runs", Duration::from_secs(20), || {
        fleet.daemon_pid().is_some()
    });
    fleet.shut_down();
}

#[test]
fn a_top_up_that_lost_its_daemon_is_asked_for_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let own = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder.path(), own).unwrap();
    std::fs::write(
        folder.path().join("fleet.toml"),
        "[peers.echo]\nmode = \"echo\"\n",
    )
    .unwrap();
    let mut tries = 0;
    let daemon = FakeDaemon::start(folder.path(), move |_| {
        tries += 1;
        if tries < 3 {
            Reply::HangUp
        } else {
            Reply::Say(vec![Answer::Budgets(Vec::new())])
        }
    });
    let output = Process::new(env!("CARGO_BIN_EXE_fleet"))
        .env_clear()
        .env("HOME", folder.path())
        .env("FLEET_STATE_DIR", folder.path())
        .current_dir(folder.path())
        .args(["budget", "top-up", "echo", "--tokens", "5", "--cost", "2.5"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = daemon.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|command| *command == seen[0]), "{seen:?}");
    let Command::TopUp { amounts, .. } = &seen[0] else {
        panic!("{seen:?}")
    };
    assert_eq!(amounts.cost.map(|cost| cost.0), Some(2_500_000));
}
