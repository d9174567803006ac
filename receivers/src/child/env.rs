//! Which environment variables an agent gets.
//!
//! Owns: the allow-list, the prefixes of each mode, the usual tool directories. Does not own: where the variables come from
//! (the client that deploys) or where they are kept (`receivers/<peer>/env`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::MARKER;
use crate::Mode;

/// Passed on to every agent.
const NAMES: [&str; 6] = ["HOME", "PATH", "USER", "SHELL", "LANG", "TMPDIR"];
/// Passed on to every agent.
const PREFIXES: [&str; 2] = ["LC_", "XDG_"];
/// A Claude Code that runs `fleet` as a tool sets these for its own children; to another Claude Code they are lies.
const OF_A_RUNNING_CLAUDE: [&str; 4] = [
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
];
/// Where agents and their tools are usually installed, below the home directory.
const HOME_TOOLS: [&str; 7] = [
    ".local/bin",
    ".claude/local",
    ".opencode/bin",
    ".bun/bin",
    ".npm-global/bin",
    ".cargo/bin",
    "go/bin",
];
/// Where they are usually installed on the machine.
const TOOLS: [&str; 7] = [
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
];

/// The environment of an agent: names to values. Its `Debug` form shows names only, because values are secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChildEnv(BTreeMap<String, String>);

impl ChildEnv {
    /// Picks what an agent of `mode` may have out of `source`: the allow-list, the mode's own prefixes and the names in
    /// `extra`. PATH gets the usual tool directories appended, and loses the relative ones: an agent runs in the repo, so a
    /// `.` in it would have each tool that is searched by name, `node` and `git` among them, taken from there first. The
    /// marker of a turn is never picked.
    pub fn pick(
        mode: Mode,
        extra: &[String],
        source: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut picked: BTreeMap<String, String> = source
            .into_iter()
            .filter(|(name, _)| wanted(mode, extra, name))
            .collect();
        let path = with_tool_dirs(
            picked.get("PATH").map_or("", String::as_str),
            picked.get("HOME").map(String::as_str),
        );
        picked.insert("PATH".to_owned(), path);
        Self(picked)
    }

    /// Picks out of this process's own environment; what is not UTF-8 is left out.
    #[must_use]
    pub fn pick_own(mode: Mode, extra: &[String]) -> Self {
        let own = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::pick(mode, extra, own)
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a variable, replacing what was there.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Sets a variable unless it is there already.
    pub fn set_default(&mut self, name: &str, value: &str) {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for ChildEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn wanted(mode: Mode, extra: &[String], name: &str) -> bool {
    if name == MARKER {
        return false;
    }
    if extra.iter().any(|one| one == name) {
        return true;
    }
    if OF_A_RUNNING_CLAUDE.contains(&name) {
        return false;
    }
    let (names, prefixes) = of_mode(mode);
    NAMES.contains(&name)
        || names.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The names and prefixes that belong to a mode's own CLI.
fn of_mode(mode: Mode) -> (&'static [&'static str], &'static [&'static str]) {
    match mode {
        Mode::Cc => (&["IS_SANDBOX"], &["ANTHROPIC_", "CLAUDE_", "DISABLE_"]),
        Mode::Oc => (&[], &["OPENCODE_"]),
        Mode::Codex => (&[], &["CODEX_", "OPENAI_"]),
        Mode::Agy => (&[], &["ANTIGRAVITY_", "AGY_", "GEMINI_"]),
        Mode::Hermes => (&[], &["HERMES_"]),
        Mode::Exec | Mode::Echo => (&[], &[]),
    }
}

fn with_tool_dirs(path: &str, home: Option<&str>) -> String {
    let home_tools = home
        .filter(|home| home.starts_with('/'))
        .into_iter()
        .flat_map(|home| HOME_TOOLS.map(|dir| format!("{}/{dir}", home.trim_end_matches('/'))));
    let mut dirs: Vec<String> = Vec::new();
    let all = path
        .split(':')
        .filter(|dir| dir.starts_with('/'))
        .map(str::to_owned)
        .chain(home_tools)
        .chain(TOOLS.map(str::to_owned));
    for dir in all {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Vec<(String, String)> {
        [
            ("HOME", "/home/a"),
            ("PATH", "/x:/usr/bin"),
            ("LC_ALL", "C"),
            ("XDG_RUNTIME_DIR", "/run"),
            ("ANTHROPIC_API_KEY", "secret"),
            ("CLAUDE_CODE_SSE_PORT", "1"),
            ("IS_SANDBOX", "1"),
            ("OPENAI_API_KEY", "other"),
            ("AWS_PROFILE", "p"),
            ("FLEET_TURN", "r/t"),
            ("LD_PRELOAD", "/evil.so"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn names(env: &ChildEnv) -> Vec<&str> {
        env.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_mode_gets_the_list_its_own_prefixes_and_what_was_named() {
        let extra = ["AWS_PROFILE".to_owned(), "FLEET_TURN".to_owned()];
        let env = ChildEnv::pick(Mode::Cc, &extra, source());
        assert_eq!(
            names(&env),
            [
                "ANTHROPIC_API_KEY",
                "AWS_PROFILE",
                "HOME",
                "IS_SANDBOX",
                "LC_ALL",
                "PATH",
                "XDG_RUNTIME_DIR"
            ]
        );
        let env = ChildEnv::pick(Mode::Exec, &[], source());
        assert_eq!(names(&env), ["HOME", "LC_ALL", "PATH", "XDG_RUNTIME_DIR"]);
    }

    #[test]
    fn path_keeps_its_order_and_gets_the_tool_directories_once() {
        let env = ChildEnv::pick(Mode::Exec, &[], source());
        let path = env.get("PATH").unwrap();
        assert!(
            path.starts_with("/x:/usr/bin:/home/a/.local/bin:"),
            "{path}"
        );
        assert_eq!(path.split(':').filter(|dir| *dir == "/usr/bin").count(), 1);
        let path = |path: &str| {
            let source = [("PATH".to_owned(), path.to_owned())];
            let env = ChildEnv::pick(Mode::Exec, &["PATH".to_owned()], source);
            env.get("PATH").unwrap().to_owned()
        };
        assert_eq!(path(".:node_modules/.bin::/x:bin:"), path("/x"), "relative");
        let without = ChildEnv::pick(Mode::Exec, &[], []);
        assert!(without.get("PATH").unwrap().contains("/usr/local/bin"));
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", ChildEnv::pick(Mode::Cc, &[], source()));
        assert!(
            shown.contains("ANTHROPIC_API_KEY") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
