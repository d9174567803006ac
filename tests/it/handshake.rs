//! The handshake and the settings of the repo: what is reported, and that nothing runs on what nobody accepted.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fleet::{Fleet, kill, text};

const LONG: Duration = Duration::from_secs(30);
/// Leaves the folder it ran in.
const WHERE: &str = "#!/bin/sh\npwd >> \"$FLEET_TEST_DIR/runs\"\necho done\n";

fn exec_peer(fleet: &Fleet, script: &str, repo: &str) -> String {
    let path = fleet.script("agent.sh", script);
    format!(
        "[peers.work]\nmode = \"exec\"\nrepo = \"{repo}\"\ncommand = [\"{}\"]\nenv = [\"FLEET_TEST_DIR\"]\n",
        path.display()
    )
}

fn fleet(script: &str) -> Fleet {
    let fleet = Fleet::new("");
    let peers = exec_peer(&fleet, script, "repo");
    fleet.write_config(&peers);
    fleet
}

fn settings(fleet: &Fleet, said: &str) {
    fs::create_dir_all(fleet.path("repo/.claude")).unwrap();
    fs::write(fleet.path("repo/.claude/settings.json"), said).unwrap();
}

fn peer(fleet: &Fleet) -> Value {
    fleet.ok(&["status", "--json"]).json()["peers"][0].clone()
}

fn send(fleet: &Fleet, what: &str) -> crate::fleet::Said {
    fleet.run(&["send", "work", what, "--json"])
}

#[test]
fn a_change_is_refused_until_a_person_accepts_it() {
    let fleet = fleet(WHERE);
    settings(&fleet, "{}");
    fleet.ok(&["deploy", "work"]);
    assert_eq!(send(&fleet, "one").code, 0, "the first deploy accepts");
    settings(&fleet, "{\"hooks\": {\"PreToolUse\": []}}");

    // The receiver refuses it, then the daemon does before it sends, also after both were killed.
    for what in ["two", "three"] {
        let refused = send(&fleet, what);
        assert_eq!(refused.code, 2, "{refused:?}");
        let error = refused.json()["error"].clone();
        assert_eq!(error["kind"], "untrusted", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(".claude/settings.json was changed"),
            "{message}"
        );
        assert_eq!(error["remedy"], "fleet trust work");
    }
    let (daemon, receiver) = (
        fleet.daemon_pid().unwrap(),
        fleet.receiver_pid("work").unwrap(),
    );
    kill(daemon);
    kill(receiver);
    assert_eq!(send(&fleet, "four").code, 2);
    // Nor does deploying accept anything.
    let deployed = fleet.run(&["deploy", "work"]);
    assert_eq!(deployed.code, 2, "{deployed:?}");
    assert_eq!(send(&fleet, "five").code, 2);
    fleet.until("the peer shows degraded", LONG, || {
        peer(&fleet)["health"] == "degraded"
    });
    assert_eq!(peer(&fleet)["handshake"]["settings_accepted"], false);
    assert_eq!(fleet.lines("runs").len(), 1, "one turn ran");

    let shown = fleet.run(&["trust", "work"]);
    assert_eq!(shown.code, 2, "nobody answered: {shown:?}");
    assert!(
        shown.stdout.contains("| {\"hooks\": {\"PreToolUse\": []}}"),
        "{shown:?}"
    );
    let accepted = fleet.ok(&["trust", "work", "--yes", "--json"]).json();
    assert_eq!(accepted["accepted"], true);
    assert_eq!(send(&fleet, "six").code, 0);
    assert_eq!(peer(&fleet)["handshake"]["settings_accepted"], true);
    let mode = fs::metadata(fleet.path("state/receivers/work/accepted.json")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o600
    );
    fleet.shut_down();
}

#[test]
fn an_agent_that_changes_its_own_settings_gets_no_further_turn() {
    let fleet = fleet(
        "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\nmkdir -p .claude\necho '{}' > .claude/settings.local.json\necho done\n",
    );
    assert_eq!(send(&fleet, "one").code, 0);
    let refused = send(&fleet, "two");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(refused.json()["reason"], "untrusted");
    // One that refused before it began costs nothing.
    let budget = fleet.ok(&["budget", "show", "work", "--json"]).json();
    assert!(budget.to_string().contains("\"spent\":1"), "{budget}");
    assert_eq!(fleet.lines("runs").len(), 1);
    fleet.ok(&["trust", "work", "--yes"]);
    assert_eq!(send(&fleet, "three").code, 0);
    fleet.shut_down();
}

#[test]
fn a_hostile_repo_is_only_data() {
    let fleet = fleet(WHERE);
    let secret = fleet.path("secret");
    fs::write(&secret, "hunter2-outside").unwrap();
    fs::create_dir_all(fleet.path("repo/.claude/skills/s")).unwrap();
    for name in [
        "CLAUDE.md",
        ".claude/settings.json",
        ".claude/agents",
        ".claude/skills/s/SKILL.md",
    ] {
        symlink(&secret, fleet.path("repo").join(name)).unwrap();
    }
    for name in [".mcp.json", "AGENTS.md", ".claude/settings.local.json"] {
        let path = fleet.path("repo").join(name);
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
    }
    let deployed = fleet.run(&["deploy", "work"]);
    assert_eq!(deployed.code, 2, "{deployed:?}");
    assert!(
        deployed.stderr.contains("cannot be watched"),
        "{deployed:?}"
    );
    let refused = send(&fleet, "one");
    assert_eq!(refused.code, 2, "{refused:?}");
    let shown = fleet.run(&["trust", "work"]);
    assert!(shown.stdout.contains("is a link to"), "{shown:?}");
    let accepted = fleet.ok(&["trust", "work", "--yes"]);
    assert_eq!(send(&fleet, "two").code, 0);
    let status = fleet.ok(&["status", "--json"]);
    for said in [&deployed, &refused, &shown, &accepted, &status] {
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
    fleet.shut_down();
}

#[test]
fn the_handshake_reports_the_harness() {
    let fleet = fleet(WHERE);
    settings(&fleet, "{}");
    fs::write(fleet.path("repo/CLAUDE.md"), "Be brief.").unwrap();
    fs::write(
        fleet.path("repo/.mcp.json"),
        "{\"mcpServers\":{\"db\":{\"env\":{\"KEY\":\"hunter2\"}}}}",
    )
    .unwrap();
    let deployed = fleet.ok(&["deploy", "work", "--json"]);
    let told = deployed.json()["peers"][0]["handshake"].clone();
    assert_eq!(told["login"], "ready", "{told}");
    assert_eq!(told["settings_accepted"], true);
    assert_eq!(told["harness"]["instructions"]["names"][0], "CLAUDE.md");
    assert_eq!(told["harness"]["mcp_servers"]["names"][0], "db");
    assert!(
        !deployed.stdout.contains("hunter2"),
        "names and no contents"
    );
    // Without the token nobody learns of it.
    let url = deployed.json()["peers"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(get(&url, "/harness").0.starts_with("HTTP/1.1 401"));
    assert!(get(&url, "/health").0.starts_with("HTTP/1.1 200"));
    fleet.shut_down();
}

#[test]
fn a_receiver_that_was_started_on_another_repo_gets_nothing() {
    let fleet = fleet(WHERE);
    fs::create_dir(fleet.path("other")).unwrap();
    fleet.ok(&["deploy", "work"]);
    fleet.ok(&["stop", "work"]);
    let folder = fleet.path("state/receivers/work");
    let config = folder.join("receiver.toml");
    let said = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        said.replace(text(&fleet.path("repo")), text(&fleet.path("other"))),
    )
    .unwrap();
    let mut stranger = Command::new(env!("CARGO_BIN_EXE_fleet"))
        .args(["serve", "--receiver", text(&folder)])
        .env_clear()
        .envs(fleet.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fleet.until("it serves", LONG, || folder.join("identity.json").exists());
    assert_eq!(
        send(&fleet, "one").code,
        0,
        "it is ended, and the right one started"
    );
    assert_eq!(
        fleet.lines("runs"),
        [text(&fleet.path("repo").canonicalize().unwrap())]
    );
    assert!(stranger.wait().unwrap().success());
    fleet.shut_down();
}

#[test]
fn while_a_turn_runs_elsewhere_new_work_is_refused() {
    let fleet = fleet(
        "#!/bin/sh\npwd >> \"$FLEET_TEST_DIR/runs\"\nwhile [ ! -e \"$FLEET_TEST_DIR/go\" ]; do sleep 0.05; done\necho done\n",
    );
    fs::create_dir(fleet.path("other")).unwrap();
    let first = fleet.spawn(&["send", "work", "one", "--json"]);
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let config = fs::read_to_string(fleet.path("fleet.toml")).unwrap();
    let moved = config.replace("repo = \"repo\"", "repo = \"other\"");
    fs::write(fleet.path("fleet.toml"), moved).unwrap();
    let refused = fleet.run(&["send", "work", "two", "--json", "--deadline", "3"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    let message = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("nothing is sent to it"), "{message}");
    fs::write(fleet.path("go"), "").unwrap();
    assert_eq!(Fleet::finish(first).code, 0);
    assert_eq!(send(&fleet, "three").code, 0);
    let ran: Vec<bool> = fleet
        .lines("runs")
        .iter()
        .map(|line| line.ends_with("/other"))
        .collect();
    assert_eq!(ran, [false, true], "the second was never sent");
    fleet.shut_down();
}

/// On a machine that was suspended or is overloaded, say.
#[test]
fn a_receiver_that_does_not_answer_is_not_taken_for_one_without_turns() {
    let fleet = fleet(
        "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\nwhile [ ! -e \"$FLEET_TEST_DIR/go\" ]; do sleep 0.05; done\necho done\n",
    );
    let first = fleet.spawn(&["send", "work", "one", "--json"]);
    fleet.until("the turn runs", LONG, || fleet.lines("runs").len() == 1);
    let receiver = fleet.receiver_pid("work").unwrap();
    let signal = |signal| {
        let pid = rustix::process::Pid::from_raw(receiver).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    signal(rustix::process::Signal::STOP);
    fleet.ok(&["peers", "set", "work", "permission_timeout_s", "100"]);
    fleet.until("it is noticed", LONG, || {
        peer(&fleet)["health"] == "unreachable"
    });
    // It is asked once more whether it has turns.
    std::thread::sleep(Duration::from_secs(3));
    signal(rustix::process::Signal::CONT);
    fleet.until("it answers again", LONG, || {
        peer(&fleet)["health"] == "ready"
    });
    assert_eq!(fleet.receiver_pid("work"), Some(receiver));
    fs::write(fleet.path("go"), "").unwrap();
    let said = Fleet::finish(first);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(fleet.lines("runs").len(), 1);
    fleet.shut_down();
}

#[test]
fn a_receiver_by_hand_enforces_it_too() {
    let fleet = fleet(WHERE);
    settings(&fleet, "{}");
    let repo = fleet.path("repo");
    let start = |more: &[&str]| {
        let before = served(&fleet).map(|served| served["instance"].clone());
        let agent = fleet.path("agent.sh");
        let mut args = vec!["serve", "--mode", "exec", "--repo", text(&repo)];
        args.extend(more);
        args.extend(["--", text(&agent)]);
        let child = fleet.spawn(&args);
        fleet.until("it serves", LONG, || {
            served(&fleet).is_some_and(|now| Some(&now["instance"]) != before.as_ref())
        });
        let url = served(&fleet).unwrap()["url"].as_str().unwrap().to_owned();
        (child, health(&url))
    };
    let (mut child, first) = start(&[]);
    assert_eq!(first["readiness"], "ready", "{first}");
    child.kill().unwrap();
    child.wait().unwrap();
    settings(&fleet, "{\"a\": 1}");
    let (mut child, second) = start(&[]);
    assert_eq!(second["readiness"], "untrusted", "{second}");
    assert!(second["remedy"].as_str().unwrap().contains("--trust"));
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, third) = start(&["--trust"]);
    assert_eq!(third["readiness"], "ready", "{third}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The identity of the receiver by hand.
fn served(fleet: &Fleet) -> Option<Value> {
    let folder = fs::read_dir(fleet.path("state/serve")).ok()?.next()?.ok()?;
    let identity = fs::read_to_string(folder.path().join("identity.json")).ok()?;
    serde_json::from_str(&identity).ok()
}

fn health(url: &str) -> Value {
    serde_json::from_str(&get(url, "/health").1).unwrap()
}

/// The head and the body of an answer, over a plain connection without a token.
fn get(url: &str, path: &str) -> (String, String) {
    use std::io::{Read, Write};
    let addr = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
