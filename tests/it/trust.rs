//! The console in a folder with a fleet.toml that nobody has accepted, on a real pseudo-terminal with a real daemon.

use serde_json::Value;

use crate::fleet::Fleet;

const ASKS: &str = "Accept this fleet.toml?";

/// A fleet whose file runs a command that leaves this word behind.
fn hostile(word: &str) -> String {
    format!(
        "[peers.sh]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"sh\", \"-c\", \"touch {word}; echo \\u001b[2J\"]\n\
         [peers.echo]\nmode = \"echo\"\n"
    )
}

fn accepted(fleet: &Fleet) -> Value {
    // One object, also where it is not accepted: the failure is a field of it.
    let said = fleet.run_implicit(&["trust", "--json"]);
    let view = said.json();
    assert_eq!(view["error"].is_null(), said.code == 0, "{said:?}");
    view["accepted"].clone()
}

#[test]
fn what_was_read_and_accepted_may_run() {
    let fleet = Fleet::new(&hostile("ran"));
    let mut console = fleet.console((80, 24));
    console.wait_for(ASKS);
    console.wait_for("touch ran; echo \\u{1b}[2J");
    assert_eq!(accepted(&fleet), false, "reading accepts nothing");
    console.press_until("y", "Accepted: its peers may be used now");
    assert_eq!(accepted(&fleet), true);
    assert_eq!(fleet.run_implicit(&["send", "sh", "x"]).code, 0);
    assert!(fleet.path("repo/ran").exists());
    console.press("\x03");
    let end = console.end();
    assert!(end.restored, "{}", end.text);
    let audit = fleet.run_implicit(&["audit", "--json"]).json();
    let entries = audit["audit"].as_array().expect("audit").clone();
    let trusts = |entry: &&Value| {
        entry["command"]
            .as_str()
            .is_some_and(|it| it.starts_with("trust "))
    };
    let trust: Vec<_> = entries.iter().filter(trusts).collect();
    assert_eq!(trust.len(), 1, "{audit}");
    assert_eq!(
        (&trust[0]["client"], &trust[0]["outcome"]),
        (&"console".into(), &"done".into())
    );
    fleet.shut_down();
}

#[test]
fn a_refusal_leaves_echo_and_a_key_that_asks_again() {
    let fleet = Fleet::new(&hostile("ran"));
    let mut console = fleet.console((80, 24));
    console.wait_for(ASKS);
    console.press("\r");
    console.wait_for("Press t to read what it would run");
    assert_eq!(accepted(&fleet), false);
    assert_eq!(fleet.run_implicit(&["send", "sh", "x"]).code, 2);
    console.press("jn");
    console.wait_for("new dispatch ──");
    console.press("hello\x13");
    console.wait_for("✓ completed");
    console.press("t");
    console.wait_for(ASKS);
    console.press("n");
    console.wait_for("t asks again");
    console.press("\x03");
    assert!(console.end().restored);
    assert!(!fleet.path("repo/ran").exists());
    fleet.shut_down();
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let fleet = Fleet::new(&hostile("first"));
    let mut console = fleet.console((80, 24));
    console.wait_for("touch first");
    fleet.write_config(&hostile("second"));
    console.press_until("y", "touch second");
    assert_eq!(accepted(&fleet), false, "not what was shown");
    console.press_until("y", "Accepted: its peers may be used now");
    assert_eq!(accepted(&fleet), true);
    console.press("\x03");
    assert!(console.end().restored);
    fleet.shut_down();
}
