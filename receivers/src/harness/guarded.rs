//! Which files of a repo can run commands or widen what an agent may do.
//!
//! Owns: the list for each mode. Instructions such as CLAUDE.md are not on it: agents change them as part of their work, and
//! what they ask for is still held to the permissions.

use crate::Mode;

/// One place that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarded {
    /// A file.
    File(&'static str),
    /// The files of a folder whose names begin so.
    Prefix(&'static str, &'static str),
    /// Everything below a folder.
    Tree(&'static str),
    /// A file of this name in each folder of a folder.
    Each(&'static str, &'static str),
    /// A file of this name in every folder above the repo, up to the root.
    Above(&'static str),
}

/// Settings, tool servers, hooks, and the definitions whose heads name tools that need no asking. Tool servers are started
/// from above the repo too (measured with 2.1.329), where a repo may be a part of a stranger's, or of a folder for all.
const CLAUDE: [Guarded; 7] = [
    Guarded::Prefix(".claude", "settings"),
    Guarded::File(".mcp.json"),
    Guarded::Above(".mcp.json"),
    Guarded::Tree(".claude/hooks"),
    Guarded::Tree(".claude/agents"),
    Guarded::Tree(".claude/commands"),
    Guarded::Each(".claude/skills", "SKILL.md"),
];
const OPENCODE: [Guarded; 3] = [
    Guarded::Prefix(".", "opencode.json"),
    Guarded::Prefix(".opencode", "opencode.json"),
    Guarded::Tree(".opencode/plugin"),
];
const CODEX: [Guarded; 2] = [
    Guarded::File(".codex/config.toml"),
    Guarded::Tree(".codex/rules"),
];
const GEMINI: [Guarded; 2] = [
    Guarded::Prefix(".gemini", "settings"),
    Guarded::File(".agents/mcp.json"),
];
const HERMES: [Guarded; 2] = [
    Guarded::File(".hermes/config.yaml"),
    Guarded::Tree(".hermes/plugins"),
];

/// What is watched for a mode. An `exec` command may be any agent behind a script, so it is watched for all; `echo` reads
/// nothing.
pub(super) fn guarded(mode: Mode) -> Vec<Guarded> {
    match mode {
        Mode::Cc => CLAUDE.to_vec(),
        Mode::Oc => OPENCODE.to_vec(),
        Mode::Codex => CODEX.to_vec(),
        Mode::Agy => GEMINI.to_vec(),
        Mode::Hermes => HERMES.to_vec(),
        Mode::Exec => [&CLAUDE[..], &OPENCODE, &CODEX, &GEMINI, &HERMES].concat(),
        Mode::Echo => Vec::new(),
    }
}
