//! What the command line says before any daemon is asked: help, usage errors, and refusals of what cannot be read.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

/// Every command, with the words that lead to it.
const COMMANDS: &[&str] = &[
    "",
    "init",
    "peers",
    "peers list",
    "peers add",
    "peers set",
    "peers remove",
    "status",
    "deploy",
    "start",
    "restart",
    "stop",
    "send",
    "dispatches",
    "dispatches list",
    "dispatches show",
    "dispatches wait",
    "dispatches cancel",
    "dispatches answer",
    "dispatches resolve",
    "budget",
    "budget show",
    "budget top-up",
    "budget reset",
    "audit",
    "transcripts",
    "transcripts list",
    "transcripts show",
    "logs",
    "trust",
    "doctor",
    "daemon",
    "daemon run",
    "daemon start",
    "daemon stop",
    "daemon status",
    "serve",
    "service",
    "service install",
    "service uninstall",
    "config",
    "config check",
    "completions",
];

fn fleet(home: &Path, words: &[&str]) -> Output {
    let mut command = Command::cargo_bin("fleet").unwrap();
    command
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .args(words);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_of_every_command() {
    let home = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let output = fleet(home.path(), &words);
        assert!(output.status.success(), "{command}");
        assert_eq!(text(&output.stderr), "", "{command}");
        let help = text(&output.stdout);
        all.push_str(&format!("$ fleet {command}\n{}\n", without_shared(&help)));
    }
    insta::assert_snapshot!(all);
}

/// The options that every command takes are the same everywhere; they are shown once, with `fleet --help`.
fn without_shared(help: &str) -> &str {
    let is_top = help.contains("\nCommands:\n  init");
    match help.split_once("\nFor every command:") {
        Some((own, _shared)) if !is_top => own,
        Some(_) | None => help,
    }
}

#[test]
fn every_listed_command_has_its_help_here() {
    let home = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let help = text(&fleet(home.path(), &words).stdout);
        let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let listed = listed.split("\n\n").next().unwrap();
        for line in listed.lines() {
            let name = line.split_whitespace().next().unwrap();
            let path = format!("{command} {name}");
            assert!(COMMANDS.contains(&path.trim()), "{path} is missing");
        }
    }
}

#[test]
fn bad_usage_exits_two_with_one_message() {
    let home = tempfile::tempdir().unwrap();
    let bad: [&[&str]; 8] = [
        &["nope"],
        &["send"],
        &["deploy"],
        &["deploy", "app", "--all"],
        &["dispatches", "resolve", "x", "working"],
        &["dispatches", "list", "--limit", "0"],
        &["serve"],
        &["serve", "--receiver", "d", "--mode", "echo"],
    ];
    for words in bad {
        let output = fleet(home.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(text(&output.stdout), "", "{words:?}");
        let said = text(&output.stderr);
        assert_eq!(said.matches("error:").count(), 1, "{words:?}: {said}");
    }
}

#[test]
fn without_a_fleet_it_says_how_to_make_one() {
    let home = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 8] = [
        &[],
        &["status"],
        &["peers", "add", "app", "--mode", "echo"],
        &["service", "install"],
        &["send", "echo", "hello"],
        &["config", "check"],
        &["peers"],
        &["trust"],
    ];
    for words in commands {
        let output = fleet(home.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = text(&output.stderr);
        assert!(said.contains("fleet.toml"), "{words:?}: {said}");
        assert!(said.contains("fleet init"), "{words:?}: {said}");
        assert!(said.contains("\n  try: "), "{words:?}: {said}");
    }
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_contract_that_cannot_be_read_is_refused_before_any_daemon_starts() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(home.path().join(name), bytes).unwrap();
    write("fleet.toml", b"[peers.echo]\nmode = \"echo\"\n");
    write("bad.json", b"{");
    write("list.json", b"[]");
    write("plan.json", br#"{"instruction": "a", "deadline_s": 5}"#);
    write("big.txt", &vec![b'a'; 256 * 1024 + 1]);
    write("bytes.bin", b"\xff\xfe");
    let bad: [(&[&str], &str); 9] = [
        (&[], "There is no instruction"),
        (&["x", "--context", "@none.md"], "no such file"),
        (&["x", "--context", "@."], "is a folder"),
        (&["x", "--context", "@big.txt"], "more than 256 KiB"),
        (&["x", "--context", "@bytes.bin"], "no UTF-8"),
        (&["x", "--schema", "bad.json"], "no JSON"),
        (&["--contract", "list.json"], "no JSON object"),
        (
            &["b", "--contract", "plan.json"],
            "TEXT and the contract file plan.json",
        ),
        (
            &["--contract", "plan.json", "--deadline", "6"],
            "about deadline_s",
        ),
    ];
    for (words, message) in bad {
        let words = [&["send", "echo", "--json"], words].concat();
        let output = fleet(home.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["peer"], "echo");
        assert_eq!(object["dispatch_id"], Value::Null);
        let said = object["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{words:?}: {said}");
        assert!(text(&output.stderr).contains(message), "{words:?}");
    }
    assert!(!home.path().join(".local").exists(), "a daemon was started");
}

#[test]
fn an_instruction_on_standard_input_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join("fleet.toml"),
        "[peers.echo]\nmode = \"echo\"\n",
    )
    .unwrap();
    let output = Command::cargo_bin("fleet")
        .unwrap()
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .args(["send", "echo", "-"])
        .write_stdin(vec![b'a'; 1024 * 1024 + 1])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("more than 1024 KiB"));
}

#[test]
fn mistakes_of_flags_are_told_with_what_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let said = |words: &[&str]| {
        let output = fleet(home.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        text(&output.stderr)
    };
    let neither = said(&["peers", "add", "app"]);
    assert!(neither.contains("<--mode <MODE>|--url <URL>>"), "{neither}");
    for wrong in ["-5", "abc"] {
        let amount = said(&["budget", "top-up", "app", "--tokens", wrong]);
        let sentence = format!("invalid value '{wrong}' for '--tokens <N>': it takes a whole");
        assert!(amount.contains(&sentence), "{amount}");
    }
}
