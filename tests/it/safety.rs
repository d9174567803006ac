//! What a peer says never reaches the terminal raw.

use std::time::Duration;

use crate::fleet::Fleet;

/// Escape sequences, C1, bidi and zero-width characters, a title, a clipboard write.
const HOSTILE: &str =
    "a\u{1b}[2J\u{1b}]0;owned\u{7}b\u{9b}31mc\u{202e}d\u{200b}e\u{1b}]52;c;aGk=\u{7}f\rg";

fn is_raw(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n' && c != '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || c == '\u{200b}'
    })
}

#[test]
fn a_hostile_reply_is_shown_safely_and_stored_as_it_was() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let plain = fleet.ok(&["send", "echo", HOSTILE, "--context-id", "hostile"]);
    assert!(!is_raw(&plain.stdout), "{plain:?}");
    assert!(!is_raw(&plain.stderr), "{plain:?}");
    let json = fleet.ok(&["send", "echo", HOSTILE, "--json"]);
    assert!(!is_raw(&json.stdout), "{json:?}");
    assert_eq!(json.json()["reply"], HOSTILE, "JSON keeps the text");
    let listed = fleet.ok(&["dispatches", "list"]);
    assert!(!is_raw(&listed.stdout), "{listed:?}");
    let id = fleet.dispatches()[0]["dispatch_id"]
        .as_str()
        .expect("id")
        .to_owned();
    let shown = fleet.ok(&["transcripts", "show", &id]);
    assert!(!is_raw(&shown.stdout), "{shown:?}");
    let listed = fleet.ok(&["transcripts", "list", "--json"]).json();
    let entries = listed["transcripts"].as_array().expect("list");
    let entry = entries
        .iter()
        .find(|entry| entry["context_id"] == "hostile")
        .expect("entry");
    let stored = std::fs::read_to_string(entry["path"].as_str().expect("path")).expect("file");
    let kept = stored.lines().any(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("line");
        line["kind"] == "reply" && line["parts"][0]["text"] == HOSTILE
    });
    assert!(kept, "the transcript holds the text unchanged");
    fleet.shut_down();
}

#[test]
fn a_hostile_error_is_shown_safely() {
    let boom = "#!/bin/sh\nprintf '\\033[2Jboom\\233' >&2\nexit 7\n";
    let fleet = Fleet::of_agent(boom, "");
    let said = fleet.run(&["send", "work", "x"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("boom") && said.stderr.contains('7'),
        "{said:?}"
    );
    assert!(!is_raw(&said.stderr), "{said:?}");
    let json = fleet.run(&["send", "work", "x", "--json"]);
    assert!(!is_raw(&json.stdout), "{json:?}");
    fleet.until("no agent is left", Duration::from_secs(2), || {
        fleet.agents().is_empty()
    });
    fleet.shut_down();
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    fleet.ok(&["send", "echo", "x"]);
    let mut folders = vec![fleet.path("state"), fleet.path("transcripts")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder").flatten() {
            let meta = entry.metadata().expect("metadata");
            let mode = meta.permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} is {mode:o}", entry.path().display());
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let token = std::fs::read_to_string(fleet.path("state/receivers/echo/token")).expect("token");
    for (pid, line) in fleet.processes() {
        assert!(
            !line.contains(token.trim()),
            "the token is on the command line of {pid}"
        );
    }
    fleet.shut_down();
}

#[test]
fn a_file_that_came_with_a_repo_runs_contacts_and_writes_nothing_until_it_is_accepted() {
    let fleet = Fleet::new("");
    let outside = tempfile::tempdir().expect("outside");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listener");
    listener.set_nonblocking(true).expect("nonblocking");
    let far = listener.local_addr().expect("address");
    fleet.write_config(&format!(
        "[peers.sh]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"sh\", \"-c\", \"touch ran; echo \\u001b[2J\"]\n\
         env = [\"FLEET_TEST_DIR\"]\n[peers.far]\nurl = \"http://{far}/\"\n[peers.echo]\nmode = \"echo\"\n"
    ));
    let file = fleet.path("fleet.toml");
    let text = std::fs::read_to_string(&file).expect("file");
    let text = text.replace(
        "transcripts = \"transcripts\"",
        &format!("transcripts = \"{}\"", outside.path().display()),
    );
    std::fs::write(&file, &text).expect("write");
    let is_empty = || {
        std::fs::read_dir(outside.path())
            .expect("outside")
            .next()
            .is_none()
    };

    for args in [
        &["send", "sh", "x"][..],
        &["send", "far", "x"],
        &["deploy", "--all"],
        &["start", "sh"],
    ] {
        let refused = fleet.run_implicit(args);
        assert_eq!(refused.code, 2, "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("fleet trust"), "{refused:?}");
    }
    assert_eq!(fleet.run_implicit(&["send", "echo", "x"]).code, 0);
    assert!(
        fleet.path("transcripts").is_dir() && is_empty(),
        "transcripts stay inside"
    );
    assert!(!fleet.path("repo/ran").exists(), "nothing ran");
    assert!(listener.accept().is_err(), "nobody was contacted");

    // What a person accepts is what the file says, not what it was held to so far.
    let shown = fleet.run_implicit(&["trust"]);
    assert_eq!(shown.code, 2, "{shown:?}");
    assert!(shown.stdout.contains("OUTSIDE its folder"), "{shown:?}");
    assert!(
        shown.stdout.contains(&outside.path().display().to_string()),
        "{shown:?}"
    );
    assert!(!is_raw(&shown.stdout), "{shown:?}");
    assert_eq!(fleet.run_implicit(&["trust", "--yes"]).code, 0);
    assert_eq!(fleet.run_implicit(&["send", "sh", "x"]).code, 0);
    assert!(fleet.path("repo/ran").exists() && !is_empty());

    std::fs::write(&file, text + "# changed\n").expect("write");
    assert_eq!(
        fleet.run_implicit(&["send", "sh", "y"]).code,
        2,
        "a changed file is untrusted again"
    );
    fleet.shut_down();
}

#[test]
fn a_log_level_that_means_nothing_is_told_safely() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let mut command = fleet.command(&["daemon", "status"]);
    let output = command
        .env("FLEET_LOG", "\u{1b}[2J")
        .output()
        .expect("fleet runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.contains("FLEET_LOG"),
        "{stderr:?}"
    );
    assert!(!is_raw(&stderr), "{stderr:?}");
}

#[test]
fn a_transcripts_folder_that_leads_out_of_the_repo_is_not_followed() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let outside = tempfile::tempdir().expect("outside");
    std::os::unix::fs::symlink(outside.path(), fleet.path("transcripts")).expect("link");
    let said = fleet.run_implicit(&["send", "echo", "x"]);
    assert!(
        std::fs::read_dir(outside.path())
            .expect("outside")
            .next()
            .is_none(),
        "{said:?}"
    );
    assert_eq!(
        said.code, 1,
        "a dispatch without its record is not silently done: {said:?}"
    );
    assert!(said.stderr.contains("never follow links"), "{said:?}");
    // Whoever names the file means what it says.
    fleet.ok(&["send", "echo", "x"]);
    let written = std::fs::read_dir(outside.path()).expect("outside").next();
    assert!(written.is_some(), "an accepted link is followed");
    fleet.shut_down();
}

#[test]
fn a_state_folder_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let state = fleet.path("state");
    std::fs::create_dir(&state).expect("state");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&state, open).expect("mode");
    let refused = fleet.run(&["send", "echo", "x"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.stderr.contains("written to by others (mode 777)"),
        "{refused:?}"
    );
    assert!(
        std::fs::read_dir(&state).expect("state").next().is_none(),
        "nothing was put there"
    );
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&state, closed).expect("mode");
    fleet.ok(&["send", "echo", "x"]);
    fleet.shut_down();
}
