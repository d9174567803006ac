//! What an agent may do, from the file to the real Claude Code.

use std::time::Duration;

use crate::claude::{id_of, setup};

/// The receiver with its warm processes is deployed anew only when its turns have ended; until then what it may do is what the
/// file said before.
#[test]
fn permissions_that_were_taken_back_hold_for_the_next_dispatch_also_while_a_turn_is_open() {
    let Some(setup) = setup("permissions = \"edit\"") else {
        return;
    };
    setup.deploy();
    let fleet = &setup.fleet;
    let open = id_of(
        &fleet
            .ok(&["send", "app", "HANG", "--no-wait", "--json"])
            .json(),
    );
    let limit = Duration::from_secs(30);
    fleet.until("it works", limit, || {
        fleet.run(&["dispatches", "show", &open, "--json"]).json()["state"] == "working"
    });
    fleet.ok(&["peers", "set", "app", "permissions", "read-only"]);
    let refused = fleet.run(&["send", "app", "WRITE it", "--json", "--deadline", "3"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("works with permissions edit"), "{message}");
    assert!(!fleet.path("repo/hello.txt").exists(), "it was written");
    fleet.ok(&["dispatches", "cancel", &open]);
    let mut send = fleet.command(&["send", "app", "WRITE it", "--json"]);
    let sent = send.envs(setup.environment()).output().expect("send");
    assert!(sent.status.success(), "{sent:?}");
    assert!(!fleet.path("repo/hello.txt").exists(), "it was written");
    setup.close();
}
