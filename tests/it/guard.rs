//! Many at once: the duplicate guard and the budget.

use std::collections::HashSet;
use std::process::Child;
use std::time::Duration;

use crate::fleet::Fleet;

/// An agent that leaves a line for every turn and takes a moment.
const COUNTING: &str = "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\nsleep 3\necho done\n";

/// An agent that leaves a line for every turn and goes on until it is let go.
const HELD: &str = "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\n\
    while [ ! -e \"$FLEET_TEST_DIR/go\" ]; do sleep 0.05; done\necho done\n";
/// Fifty processes on a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(50);

#[test]
fn fifty_sends_on_one_context_run_one_turn() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(HELD, "");
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    let mut children: Vec<_> = (0..50)
        .map(|n| {
            fleet.spawn(&[
                "send",
                "work",
                &format!("task {n}"),
                "--context-id",
                "one",
                "--json",
            ])
        })
        .collect();
    let waits = |child: &mut Child| usize::from(child.try_wait().expect("a child").is_none());
    fleet.until("only one send waits", LONG, || {
        children.iter_mut().map(waits).sum::<usize>() <= 1
    });
    std::fs::write(fleet.path("go"), "").expect("go");
    let said: Vec<_> = children.into_iter().map(Fleet::finish).collect();
    let winners: Vec<_> = said.iter().filter(|said| said.code == 0).collect();
    assert_eq!(winners.len(), 1, "{said:?}");
    let id = winners[0].json()["dispatch_id"].clone();
    for loser in said.iter().filter(|said| said.code != 0) {
        assert_eq!(loser.code, 3, "{loser:?}");
        assert_eq!(
            loser.json()["error"]["dispatch_id"],
            id,
            "a refusal names the open dispatch: {loser:?}"
        );
    }
    assert_eq!(fleet.lines("runs").len(), 1, "one turn ran");
    fleet.shut_down();
}

#[test]
fn a_hundred_sends_against_ten_turns_run_ten() {
    let fleet = Fleet::new("");
    let quick = "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\necho done\n";
    let peers = fleet.exec_peer(quick, "budget = { turns = 10, window = \"total\" }");
    fleet.write_config(&peers);
    fleet.ok(&["deploy", "work"]);
    let children: Vec<_> = (0..100)
        .map(|n| {
            let context = format!("context-{n}");
            fleet.spawn(&["send", "work", "go", "--context-id", &context, "--json"])
        })
        .collect();
    let said: Vec<_> = children.into_iter().map(Fleet::finish).collect();
    let codes: Vec<i32> = said.iter().map(|said| said.code).collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        10,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 3).count(),
        90,
        "{codes:?}"
    );
    assert_eq!(fleet.lines("runs").len(), 10, "ten turns ran");
    let budget = fleet.ok(&["budget", "show", "work", "--json"]).json();
    assert!(budget.to_string().contains("\"spent\":10"), "{budget}");
    let kinds: HashSet<String> = said
        .iter()
        .filter(|said| said.code == 3)
        .map(|said| said.json()["error"]["kind"].to_string())
        .collect();
    assert_eq!(kinds, HashSet::from(["\"budget\"".to_owned()]));
    fleet.shut_down();
}

#[test]
fn the_same_content_twice_is_refused_while_the_first_is_open_unless_meant() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer(COUNTING, "");
    fleet.write_config(&peers);
    let first = fleet
        .ok(&["send", "work", "same", "--no-wait", "--json"])
        .json();
    let again = fleet.run(&["send", "work", "same", "--json"]);
    assert_eq!(again.code, 3, "{again:?}");
    assert_eq!(again.json()["error"]["dispatch_id"], first["dispatch_id"]);
    fleet.ok(&["send", "work", "same", "--again"]);
    fleet.ok(&[
        "dispatches",
        "wait",
        first["dispatch_id"].as_str().expect("id"),
    ]);
    assert_eq!(fleet.lines("runs").len(), 2);
    fleet.shut_down();
}
