//! `fleet doctor` on real fleets: it finds what is wrong, changes nothing, and its fixes mend.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::fleet::{Fleet, kill};

const LONG: Duration = Duration::from_secs(30);

/// The checks of that name.
fn found<'a>(report: &'a Value, check: &str) -> Vec<&'a Value> {
    let all = report["checks"].as_array().expect("checks");
    all.iter().filter(|one| one["check"] == check).collect()
}

#[test]
fn a_fleet_that_is_well_is_left_alone() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let said = fleet.run(&["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    let none = "None runs; it starts when a command needs it.";
    assert!(said.stdout.contains(none), "{said:?}");
    assert_eq!(fleet.daemon_pid(), None, "it starts no daemon");
    assert!(!fleet.path("state").exists(), "it makes nothing");
    fleet.ok(&["send", "echo", "hello"]);
    let report = fleet.ok(&["doctor", "--json"]).json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(found(&report, "health")[0]["outcome"], "ok");
    fleet.shut_down();
}

#[test]
fn what_is_wrong_is_told_with_what_mends_it() {
    let fleet = Fleet::new("");
    let peers = fleet.exec_peer("#!/bin/sh\necho done\n", "");
    let gone = "[peers.gone]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"no-such-agent\"]\n";
    fleet.write_config(&format!("{peers}\n{gone}"));
    fleet.ok(&["send", "work", "one"]);
    fs::write(fleet.path("repo/.mcp.json"), "{}").expect("settings");
    for daemon_runs in [true, false] {
        if !daemon_runs {
            fleet.ok(&["stop", "--all"]);
            fleet.ok(&["daemon", "stop"]);
        }
        let said = fleet.run(&["doctor", "--json"]);
        assert_eq!(said.code, 1, "{said:?}");
        let report = said.json();
        let settings = found(&report, "settings");
        assert_eq!(settings[0]["fix"], "fleet trust work", "{report}");
        assert_eq!(settings[1]["outcome"], "ok", "never deployed: {report}");
        let agents = found(&report, "agent");
        let missing = agents.iter().find(|check| check["outcome"] == "bad");
        assert_eq!(missing.expect("no-such-agent")["about"], "gone");
        let repo = found(&report, "repo");
        assert_eq!(repo[0]["outcome"], "warning", "no checkout: {report}");
    }
    fleet.ok(&["trust", "work", "--yes"]);
    let report = fleet.run(&["doctor", "--json"]).json();
    assert_eq!(found(&report, "settings")[0]["outcome"], "ok", "{report}");
    fleet.shut_down();
}

#[test]
fn what_outlived_its_receiver_is_found_and_its_fix_ends_it() {
    let fleet = Fleet::new("");
    let script = "#!/bin/sh\necho run >> \"$FLEET_TEST_DIR/runs\"\nsetsid sleep 300\n";
    let peers = fleet.exec_peer(script, "");
    fleet.write_config(&peers);
    fleet.ok(&["send", "work", "one", "--no-wait"]);
    fleet.until("the turn runs", LONG, || {
        fleet.lines("runs").len() == 1 && fleet.agents().len() > 1
    });
    let receiver = fleet.receiver_pid("work").expect("it runs");
    kill(fleet.daemon_pid().expect("it runs"));
    kill(receiver);
    fleet.until("both are gone", LONG, || {
        let ours = [" serve ", " daemon run"];
        let is_ours = |line: &str| ours.iter().any(|word| line.contains(word));
        !fleet.processes().iter().any(|(_, line)| is_ours(line))
    });
    let report = fleet.run(&["doctor", "--json"]).json();
    let left = found(&report, "leftovers");
    assert_eq!(left[0]["outcome"], "bad", "{report}");
    let fix = left[0]["fix"].as_str().expect("a fix").to_owned();
    let words: Vec<&str> = fix.split(' ').skip(1).collect();
    assert_eq!(words, ["start", "work"], "{report}");
    fleet.ok(&words);
    let report = fleet.run(&["doctor", "--json"]).json();
    assert_eq!(found(&report, "leftovers")[0]["outcome"], "ok", "{report}");
    assert!(fleet.agents().is_empty());
    fleet.shut_down();
}

#[test]
fn without_a_valid_file_it_says_so_and_goes_on() {
    let fleet = Fleet::new("");
    let path = fleet.path("fleet.toml");
    fs::write(&path, "[peers.app]\nmode = \"what\"\n").expect("file");
    let said = fleet.run(&["doctor", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let report = said.json();
    assert_eq!(found(&report, "config")[0]["outcome"], "bad", "{report}");
    assert_eq!(found(&report, "clock").len(), 1);
    fs::remove_file(&path).expect("remove");
    let said = fleet.run(&["doctor"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("try: "), "{said:?}");
}
