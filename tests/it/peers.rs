//! `fleet peers add`, `set` and `remove`: fleet.toml by command.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use crate::fleet::{Fleet, Said};

const ECHO: &str = "# mine\r\n[peers.echo]\r\nmode = \"echo\" # built in\r\n# the end";

fn fleet_with(bytes: &str) -> Fleet {
    let fleet = Fleet::new("");
    fs::write(fleet.path("fleet.toml"), bytes).unwrap();
    fleet
}

fn file(fleet: &Fleet) -> String {
    fs::read_to_string(fleet.path("fleet.toml")).unwrap()
}

fn accepted(fleet: &Fleet) -> bool {
    fleet.run_implicit(&["trust", "--json"]).json()["accepted"] == true
}

fn ok(said: Said) -> Said {
    assert_eq!(said.code, 0, "{said:?}");
    said
}

#[test]
fn a_peer_is_added_changed_used_and_removed() {
    let fleet = fleet_with(ECHO);
    fs::set_permissions(fleet.path("fleet.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    let add = [
        "peers",
        "add",
        "work",
        "--mode",
        "exec",
        "--repo",
        "repo",
        "command=[\"cat\"]",
        "budget.turns=5",
    ];
    let said = ok(fleet.run_implicit(&add));
    let folder = fs::canonicalize(fleet.path("")).unwrap();
    insta::assert_snapshot!(said.stdout.replace(folder.to_str().unwrap(), "DIR"), @r#"
    Added work in DIR/fleet.toml.
    Next: fleet send work "...", or n in the console.
    "#);
    let block = "\r\n\r\n[peers.work]\r\nmode = \"exec\"\r\nrepo = \"repo\"\r\ncommand = [\"cat\"]\r\nbudget.turns = 5";
    assert_eq!(file(&fleet), format!("{ECHO}{block}"));
    assert!(
        accepted(&fleet),
        "what was harmless and what the person added"
    );
    let sent = ok(fleet.run_implicit(&["send", "work", "hello"]));
    assert_eq!(sent.stdout, "hello\n");
    let pid = fleet.receiver_pid("work").expect("it runs");

    let plain = |said: Said| said.stdout.replace(folder.to_str().unwrap(), "DIR");
    let set = ["peers", "set", "work", "budget.turns", "7"];
    insta::assert_snapshot!(plain(ok(fleet.run_implicit(&set))), @r"
    Changed work in DIR/fleet.toml.
    A receiver that runs takes it over as soon as it has no turn; its budget counts at once.
    ");
    insta::assert_snapshot!(plain(ok(fleet.run_implicit(&set))), @"DIR/fleet.toml says so already; nothing was written.");
    ok(fleet.run_implicit(&[
        "peers",
        "set",
        "work",
        "events=jsonl",
        "budget.tokens=200_000",
    ]));
    let changed = block.replace(
        "turns = 5",
        "turns = 7\r\nbudget.tokens = 200_000\r\nevents = \"jsonl\"",
    );
    assert!(accepted(&fleet));
    for line in changed.lines() {
        assert!(
            file(&fleet).contains(line),
            "{line:?} of {:?}",
            file(&fleet)
        );
    }
    let same = ok(fleet.run_implicit(&["peers", "set", "work", "budget.turns=7", "--json"]));
    assert_eq!(same.json()["written"], false);

    let removed = ok(fleet.run_implicit(&["peers", "remove", "work"]));
    insta::assert_snapshot!(plain(removed), @r"
    Removed work in DIR/fleet.toml.
    Its transcripts stay.
    ");
    assert_eq!(file(&fleet), ECHO);
    let mode = fs::metadata(fleet.path("fleet.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    fleet.until("its receiver is gone", Duration::from_secs(10), || {
        fleet.processes().iter().all(|(other, _)| *other != pid)
    });
    fleet.shut_down();
}

#[test]
fn what_would_be_wrong_is_refused_in_the_words_of_config_check() {
    let fleet = fleet_with("[peers.echo]\nmode = \"echo\"\n");
    let before = file(&fleet);
    let refused: [(&[&str], &str); 8] = [
        (
            &["set", "echo", "colour", "red"],
            "peers.echo.colour is no key that [peers.echo] knows",
        ),
        (
            &["set", "echo", "budget.tokens", "lots"],
            "peers.echo.budget.tokens is a text; it takes a whole number",
        ),
        (
            &["set", "echo", "port", "80"],
            "peers.echo.port is 80; it takes 1024 to 65535",
        ),
        (
            &["set", "echo", "mode", "claude"],
            "peers.echo.mode is \"claude\"; it takes one of",
        ),
        (&["set", "none", "port", "9391"], "names no peer none"),
        (
            &["add", "echo", "--mode", "echo"],
            "names the peer echo already",
        ),
        (
            &["add", "app", "--mode", "cc", "--repo", "nowhere"],
            "The repo nowhere cannot be used",
        ),
        (&["remove", "none"], "names no peer none"),
    ];
    for (words, why) in refused {
        let said = fleet.run(&[&["peers"], words].concat());
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        assert!(said.stderr.contains(why), "{words:?}: {said:?}");
        assert_eq!(file(&fleet), before, "{words:?}");
    }
    // The same sentence, of a file that holds the same.
    let said = fleet.run(&["peers", "set", "echo", "colour", "red"]).stderr;
    fs::write(
        fleet.path("fleet.toml"),
        format!("{before}colour = \"red\"\n"),
    )
    .unwrap();
    let checked = fleet.run(&["config", "check"]).stderr;
    assert_eq!(said.lines().next(), checked.lines().next());
    // What was broken by hand, a command can mend.
    fs::write(
        fleet.path("fleet.toml"),
        before.replace("echo\"\n", "ech\"\n"),
    )
    .unwrap();
    assert_eq!(fleet.run(&["config", "check"]).code, 2);
    ok(fleet.run(&["peers", "set", "echo", "mode", "echo"]));
    assert_eq!(file(&fleet), before);
    fleet.run(&["daemon", "stop"]);
}

#[test]
fn twenty_changes_at_once_are_all_kept() {
    let fleet = fleet_with("[peers.echo]\nmode = \"echo\"\n");
    let started: Vec<_> = (0..20)
        .map(|n| fleet.spawn(&["peers", "add", &format!("p{n}"), "--mode", "echo"]))
        .collect();
    for one in started {
        ok(Fleet::finish(one));
    }
    let listed = ok(fleet.run(&["config", "check", "--json"])).json();
    let mut peers: Vec<&str> = listed["peers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|peer| peer.as_str())
        .collect();
    peers.sort_unstable();
    let mut expected: Vec<String> = (0..20)
        .map(|n| format!("p{n}"))
        .chain(["echo".to_owned()])
        .collect();
    expected.sort_unstable();
    assert_eq!(peers, expected);
    let left = fs::read_dir(fleet.path("")).unwrap().flatten();
    let left: Vec<_> = left
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_change_accepts_nothing_that_nobody_accepted() {
    let fleet = fleet_with("[peers.work]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"cat\"]\n");
    assert!(!accepted(&fleet));
    let said = ok(fleet.run_implicit(&["peers", "add", "e", "--mode", "echo"]));
    assert!(said.stdout.contains("not accepted yet"), "{said:?}");
    assert!(!accepted(&fleet), "the stranger's peer came along");
    ok(fleet.run_implicit(&["trust", "--yes"]));
    ok(fleet.run_implicit(&["peers", "set", "work", "port", "21999"]));
    assert!(accepted(&fleet));
    fs::write(fleet.path("fleet.toml"), file(&fleet).replace("cat", "tac")).unwrap();
    assert!(!accepted(&fleet));
    fleet.run(&["daemon", "stop"]);
}

#[test]
fn a_peer_at_work_stays_and_one_at_rest_leaves_nothing() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let script = fleet.script(
        "agent.sh",
        "#!/bin/sh\ncat\nwhile [ ! -e done ]; do sleep 0.05; done\n",
    );
    let command = format!("command=[\"{}\"]", script.display());
    ok(fleet.run(&[
        "peers",
        "add",
        "slow",
        "--mode",
        "exec",
        "--repo",
        "repo",
        &command,
        "env=[\"FLEET_TEST_DIR\"]",
    ]));
    let before = file(&fleet);
    ok(fleet.run(&["send", "slow", "x", "--no-wait"]));
    let refused = fleet.run(&["peers", "remove", "slow"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("slow stays: it has a dispatch that has not ended"),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains("fleet dispatches cancel"),
        "{refused:?}"
    );
    assert_eq!(file(&fleet), before);
    fs::write(fleet.path("repo/done"), "").unwrap();
    fleet.until("it has ended", Duration::from_secs(30), || {
        fleet
            .dispatches()
            .iter()
            .all(|one| one["outcome"] != serde_json::Value::Null)
    });
    // Receivers outlive the daemon; one is started to stop them.
    ok(fleet.run(&["daemon", "stop"]));
    ok(fleet.run(&["peers", "remove", "slow"]));
    assert!(!file(&fleet).contains("slow"));
    fleet.until("no receiver is left", Duration::from_secs(10), || {
        fleet
            .processes()
            .iter()
            .all(|(_, line)| !line.contains("serve"))
    });
    fleet.shut_down();
}

/// Somebody else's turn keeps the receiver from stopping at once, and meanwhile a dispatch of ours comes.
#[test]
fn a_dispatch_that_comes_while_its_receiver_drains_keeps_the_peer() {
    let fleet = Fleet::new("");
    let script = fleet.script(
        "agent.sh",
        "#!/bin/sh\ncat\necho run >> \"$FLEET_TEST_DIR/runs\"\nwhile [ ! -e \"$FLEET_TEST_DIR/go\" ]; do sleep 0.05; done\n",
    );
    fleet.write_config(&format!(
        "[peers.slow]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [{script:?}]\nenv = [\"FLEET_TEST_DIR\"]\n"
    ));
    let before = file(&fleet);
    let deployed = ok(fleet.run(&["deploy", "slow", "--json"])).json();
    let url = deployed["peers"][0]["url"].as_str().unwrap().to_owned();
    let token = fs::read_to_string(fleet.path("state/receivers/slow/token")).unwrap();
    let _theirs = post_message(&url, token.trim());
    let limit = Duration::from_secs(30);
    fleet.until("their turn runs", limit, || fleet.lines("runs").len() == 1);

    let removing = fleet.spawn(&["peers", "remove", "slow"]);
    fleet.until("it drains", limit, || {
        let status = fleet.run(&["status", "--json"]).json();
        status["peers"][0]["reason"] == "it drains"
    });
    ok(fleet.run(&["send", "slow", "ours", "--no-wait"]));
    fs::write(fleet.path("go"), "").unwrap();
    let said = Fleet::finish(removing);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("slow stays"), "{said:?}");
    assert_eq!(file(&fleet), before);
    fleet.until("ours has ended", limit, || {
        fleet
            .dispatches()
            .iter()
            .all(|one| one["outcome"] == "completed")
    });
    fleet.shut_down();
}

/// A message over A2A, from somebody with the token; the answer is not waited for.
fn post_message(url: &str, token: &str) -> std::net::TcpStream {
    use std::io::Write;
    let message = serde_json::json!({ "messageId": "theirs", "role": "ROLE_USER", "parts": [{ "text": "theirs" }] });
    let call = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": { "message": message } });
    let body = call.to_string();
    let addr = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    write!(
        stream,
        "POST /jsonrpc HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nA2A-Version: 1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

#[test]
fn a_link_leads_to_the_real_file_and_stays_a_link() {
    let fleet = Fleet::new("");
    let real = fleet.path("home/real.toml");
    fs::write(&real, "[peers.echo]\nmode = \"echo\"\n").unwrap();
    fs::remove_file(fleet.path("fleet.toml")).unwrap();
    symlink(&real, fleet.path("fleet.toml")).unwrap();
    ok(fleet.run_implicit(&["peers", "add", "e", "--mode", "echo"]));
    assert!(fleet.path("fleet.toml").is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("[peers.e]"));
    // Neither a leftover nor a trap beside the file is followed.
    let trap = fleet.path("home/trap");
    let ino = fs::metadata(&real).unwrap().ino();
    for pid in 1..50 {
        let _ = symlink(&trap, fleet.path(&format!("home/.real.toml.{pid}.new")));
    }
    ok(fleet.run(&["peers", "set", "e", "port", "21998"]));
    assert!(!trap.exists());
    assert_ne!(fs::metadata(&real).unwrap().ino(), ino);
    fleet.run(&["daemon", "stop"]);
}

#[test]
fn somebody_elses_agent_and_a_file_with_a_byte_order_mark() {
    let fleet = fleet_with("\u{feff}[peers]\necho.mode = \"echo\"\n");
    ok(fleet.run(&[
        "peers",
        "add",
        "far",
        "--url",
        "http://10.0.0.5:9220",
        "token_env=FAR_TOKEN",
    ]));
    let expected = "\u{feff}[peers]\necho.mode = \"echo\"\n\n[peers.far]\nurl = \"http://10.0.0.5:9220\"\ntoken_env = \"FAR_TOKEN\"\n";
    assert_eq!(file(&fleet), expected);
    ok(fleet.run(&["peers", "remove", "far"]));
    assert_eq!(file(&fleet), "\u{feff}[peers]\necho.mode = \"echo\"\n");
    let both = fleet.run(&[
        "peers",
        "add",
        "x",
        "--mode",
        "echo",
        "--url",
        "http://10.0.0.5/",
    ]);
    assert_eq!(both.code, 2);
    fleet.run(&["daemon", "stop"]);
}

#[test]
fn a_change_that_is_killed_leaves_the_old_file_or_the_new_one() {
    let fleet = fleet_with("[peers.echo]\nmode = \"echo\"\n");
    let mut told = 0;
    for n in 0..24_u64 {
        let before = file(&fleet);
        let peer = format!("p{n}");
        let mut child = fleet.spawn(&["peers", "add", &peer, "--mode", "echo"]);
        // Somewhere on its way: it takes a few milliseconds.
        std::thread::sleep(Duration::from_micros(n * 700));
        let _ = child.kill();
        let said = Fleet::finish(child);
        let after = file(&fleet);
        let block = format!("\n[peers.{peer}]\nmode = \"echo\"\n");
        assert!(
            after == before || after == format!("{before}{block}"),
            "{after:?}"
        );
        if said.code == 0 || said.stdout.contains("Added") {
            told += 1;
            assert_ne!(after, before, "it said so");
        }
    }
    // Whoever was killed held nobody up.
    ok(fleet.run(&["peers", "add", "last", "--mode", "echo"]));
    ok(fleet.run(&["config", "check"]));
    assert!(told < 24, "none was killed on its way");
}
