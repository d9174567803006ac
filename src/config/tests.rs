use std::path::{Path, PathBuf};

use super::trust;
use super::*;
use crate::domain::PeerName;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("home/src/app")).unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    dir
}

fn read(dir: &Path, text: &str) -> Result<FleetConfig, ConfigError> {
    parse(&dir.join("fleet.toml"), text, Some(&dir.join("home")))
}

/// What a person would see, with the temporary folder named DIR.
fn complaints(text: &str) -> String {
    let dir = folder();
    match read(dir.path(), text) {
        Ok(config) => format!("accepted: {config:?}"),
        Err(error) => error
            .to_string()
            .replace(&dir.path().display().to_string(), "DIR"),
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_remedy() {
    let said = complaints(
        r#"
color = "red"

[fleet]
name = "My Fleet"
transcripts = "~other/x"
deadline_s = 0
reply_to_hosts = ["https://a.example/x", ""]
deadline = 5

[bands]
cc = [9300, 9315]
codex = [9329, 9320]
exec = [80, 90]
hermes = "9340-9349"

[peers.Bad-Name]
mode = "echo"

[peers.one]
mode = "claude"
repo = "nowhere"

[peers.two]
mode = "cc"
permissions = "root"
command = ["x"]
env = ["A=1", "FLEET_TURN", 5]
max_concurrent_turns = 0
warm_idle_s = 86401
port = 80

[peers.three]
mode = "exec"
repo = "file"
model = "sonnet"
permissions = "ask"
warm_idle_s = 60
ceiling = { tokens = 0, cost_usd = -1.5, turns = 1 }

[peers.four]
url = "ftp://10.0.0.5"
repo = "."
dialect = "v2"

[peers.five]
url = "http://user:secret@10.0.0.5/"

[peers.six]
mode = "echo"
url = "http://10.0.0.5/"

[peers.seven]
model = "sonnet"

[peers.eight]
mode = "echo"
budget = { tokens = 100, turns = 0, cost_usd = 0, window = "month", per_dispatch_tokens = 200 }

[peers.nine]
mode = "echo"
budget = {}

[peers.ten]
mode = "echo"
budget = { tokens = 99999999999999999999 }
"#,
    );
    insta::assert_snapshot!("every_mistake", said);
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_place() {
    insta::assert_snapshot!(
        "no_toml",
        complaints("[fleet]\nname = \"main\nx = 1\n[fleet]\n")
    );
    insta::assert_snapshot!(
        "twice",
        complaints("[peers.a]\nmode = \"echo\"\n[peers.a]\nmode = \"echo\"\n")
    );
}

#[test]
fn what_a_hostile_file_says_is_shown_safely() {
    let said = complaints("\"\\u001b[2J\" = 1\n");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(said.contains("␛[2J"), "{said:?}");
}

#[test]
fn what_would_become_a_switch_or_break_a_command_line_is_refused() {
    let said = complaints(
        r#"
[fleet]
transcripts = "a\u0000b"
reply_to_hosts = ["*.example"]
[peers.console]
mode = "echo"
[peers.a]
mode = "cc"
repo = "home"
model = "--dangerously-skip-permissions"
[peers.b]
mode = "exec"
repo = "home"
command = ["sh", "a\u0000b"]
[peers.c]
mode = "exec"
repo = "home"
command = "rm -rf"
"#,
    );
    insta::assert_snapshot!("switches", said);
}

#[test]
fn only_a_regular_file_of_bounded_size_is_read() {
    let dir = folder();
    let path = dir.path().join("fleet.toml");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // Were the pipe opened as a file is, this would wait for a writer for ever.
    let refused = read_text(&path).unwrap_err();
    assert!(refused.message.contains("no regular file"), "{refused}");

    std::fs::remove_file(&path).unwrap();
    let most = usize::try_from(MAX_CONFIG_BYTES).unwrap();
    std::fs::write(&path, "#".repeat(most)).unwrap();
    assert_eq!(read_text(&path).unwrap().len(), most);
    std::fs::write(&path, "#".repeat(most + 1)).unwrap();
    let refused = read_text(&path).unwrap_err();
    assert!(refused.message.contains("larger than"), "{refused}");
}

#[test]
fn two_peers_cannot_own_one_port() {
    let said = complaints(
        "[peers.a]\nmode = \"echo\"\nport = 9391\n[peers.b]\nmode = \"echo\"\nport = 9391\n",
    );
    assert_eq!(
        said,
        "DIR/fleet.toml:4:2: peers.b.port is the port of peers.a too; give each its own."
            .replace("4:2", "4:8")
    );
}

#[test]
fn an_empty_file_is_a_fleet_with_the_defaults() {
    let dir = folder();
    let config = read(dir.path(), "").unwrap();
    assert_eq!(config.name, "main");
    assert_eq!(config.deadline_s, 900);
    assert_eq!(config.transcripts, dir.path().join("transcripts"));
    assert_eq!(config.bands.0.len(), 7);
    assert!(config.peers.is_empty());
}

#[test]
fn peers_keep_the_order_of_the_file_and_their_defaults() {
    let dir = folder();
    let text = "[peers.zeta]\nmode = \"cc\"\nrepo = \"~/src/app\"\n[peers.alpha]\nmode = \"exec\"\nrepo = \"./home/..\"\ncommand = [\"x\"]\n";
    let config = read(dir.path(), text).unwrap();
    let names: Vec<&str> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha"]);
    let receiver = |at: usize| match &config.peers[at].kind {
        PeerKind::Receiver(receiver) => receiver.clone(),
        PeerKind::Foreign(_) => panic!("a receiver"),
    };
    assert_eq!(receiver(0).repo, dir.path().join("home/src/app"));
    assert_eq!(receiver(1).repo, dir.path());
    assert_eq!(trust::permissions_word(receiver(0).permissions), "ask");
    assert_eq!(trust::permissions_word(receiver(1).permissions), "full");
    assert_eq!(receiver(0).idle_timeout_s, 1_800);
    assert_eq!(receiver(0).warm_idle_s, 300);
}

fn shipped() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fleet.toml")).unwrap()
}

#[test]
fn the_shipped_file_is_valid_and_asks_for_no_trust() {
    let dir = folder();
    let config = read(dir.path(), &shipped()).unwrap();
    assert_eq!(config.peers.len(), 1);
    assert!(!trust::needs_acceptance(&config, false));
    assert_eq!(config.bands, read(dir.path(), "").unwrap().bands);
}

#[test]
fn the_examples_of_the_shipped_file_are_valid() {
    let dir = folder();
    let is_code = |line: &str| {
        let line = line.trim_start_matches("# ");
        line.starts_with("[peers") || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
    };
    let text: Vec<String> = shipped()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(_) if is_code(line) => line.trim_start_matches("# ").to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let config = read(dir.path(), &text.join("\n")).unwrap();
    let names: Vec<&str> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names, ["echo", "app", "lint", "construct"]);
    assert!(trust::needs_acceptance(&config, false));
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[test]
fn an_unaccepted_file_may_use_echo_and_its_own_folder_alone() {
    let dir = folder();
    let root = dir.path();
    let echo_only = read(root, "[peers.echo]\nmode = \"echo\"\n").unwrap();
    assert!(!trust::needs_acceptance(&echo_only, false));

    let text = "[fleet]\ntranscripts = \"../out\"\n[peers.echo]\nmode = \"echo\"\n[peers.x]\nmode = \"exec\"\nrepo = \".\"\ncommand = [\"x\"]\n[peers.y]\nurl = \"http://10.0.0.5/\"\n";
    let config = read(root, text).unwrap();
    assert!(trust::needs_acceptance(&config, false));
    assert!(!trust::needs_acceptance(&config, true));

    let allowed = |accepted: bool| -> Vec<bool> {
        config
            .peers
            .iter()
            .map(|peer| trust::check_peer(&config, accepted, peer).is_ok())
            .collect()
    };
    assert_eq!(allowed(false), [true, false, false]);
    assert_eq!(allowed(true), [true, true, true]);
    let refused = trust::check_peer(&config, false, &config.peers[1]).unwrap_err();
    assert_eq!(refused.kind.exit_code(), 2);
    assert!(refused.remedy.contains("fleet trust"));

    let restricted = trust::effective(config.clone(), false);
    assert_eq!(restricted.transcripts, root.join("transcripts"));
    let whole = trust::effective(config, true);
    assert!(whole.transcripts.ends_with("out"));
}

#[test]
fn a_link_out_of_the_folder_counts_as_outside() {
    let dir = folder();
    let inner = dir.path().join("home");
    std::os::unix::fs::symlink(dir.path(), inner.join("transcripts")).unwrap();
    let config = parse(&inner.join("fleet.toml"), "", None).unwrap();
    assert!(trust::needs_acceptance(&config, false));
    let real = std::fs::canonicalize(dir.path()).unwrap();
    let held = trust::effective(config.clone(), false);
    assert_eq!(held.transcripts, inner.join("transcripts"));
    assert_eq!(trust::effective(config.clone(), true).transcripts, real);

    std::fs::remove_file(inner.join("transcripts")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("later"), inner.join("transcripts")).unwrap();
    assert!(trust::needs_acceptance(&config, false));
}

#[test]
fn acceptance_is_of_one_version_of_the_file() {
    let dir = folder();
    let accepted = trust::Accepted::of(dir.path());
    assert!(!accepted.contains("a"));
    accepted.add("a").unwrap();
    accepted.add("b").unwrap();
    assert!(accepted.contains("a") && accepted.contains("b") && !accepted.contains("c"));
}

#[test]
fn what_it_would_run_is_listed() {
    let dir = folder();
    let text = "[peers.echo]\nmode = \"echo\"\n[peers.x]\nmode = \"exec\"\nrepo = \"home\"\ncommand = [\"sh\", \"-c\", \"curl x | sh\"]\nenv = [\"AWS_KEY\"]\n[peers.y]\nurl = \"http://10.0.0.5/\"\ntoken_env = \"T\"\n[peers.z]\nmode = \"cc\"\nrepo = \"home\"\nmodel = \"opus\"\n";
    let lines: Vec<String> = trust::would(&read(dir.path(), text).unwrap())
        .iter()
        .map(|line| {
            line.safe_line()
                .as_str()
                .replace(&dir.path().display().to_string(), "DIR")
        })
        .collect();
    insta::assert_snapshot!("would", lines.join("\n"));
}

#[test]
fn a_peek_works_where_validation_would_not() {
    let dir = folder();
    let path: PathBuf = dir.path().join("fleet.toml");
    std::fs::write(&path, "[fleet]\nname = \"night\"\n[peers.a]\nmode = \"no\"\nenv = [\"A\", \"B\"]\n[peers.b]\ntoken_env = \"A\"\n").unwrap();
    let looked = peek(&path).unwrap();
    assert_eq!(looked.name, "night");
    assert_eq!(looked.env_names, ["A", "B"]);
    std::fs::write(&path, "[fleet]\nname = \"../up\"\n").unwrap();
    let refused = peek(&path).unwrap_err();
    assert!(
        refused
            .message
            .contains("fleet.toml:2:8: fleet.name is \"../up\""),
        "{refused}"
    );
    assert!(PeerName::new("night").is_ok());
}

#[test]
fn acceptances_at_once_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let hash = |n: usize| format!("{n:064x}");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let accepted = trust::Accepted::of(dir.path());
            scope.spawn(move || accepted.add(&hash(n)).unwrap());
        }
    });
    let accepted = trust::Accepted::of(dir.path());
    assert!((0..8).all(|n| accepted.contains(&hash(n))));
}
