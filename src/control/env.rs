//! The environment that a client lends to receivers it starts.
//!
//! Owns: the choice of names. The receiver chooses again, for its own mode alone.

/// Names that any agent needs.
const NAMES: [&str; 7] = ["HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"];
/// Beginnings of names: locale, desktop directories, and what the modes' own programs read.
const PREFIXES: [&str; 14] = [
    "LC_",
    "XDG_",
    "ANTHROPIC_",
    "CLAUDE_",
    "OPENCODE_",
    "OPENAI_",
    "CODEX_",
    "AGY_",
    "ANTIGRAVITY_",
    "GEMINI_",
    "GOOGLE_",
    "HERMES_",
    "AWS_",
    "OPENROUTER_",
];

/// What of an environment goes along with a command: the allow-list and the names that fleet.toml adds.
pub(super) fn pick(
    vars: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    named: &[String],
) -> Vec<(String, String)> {
    vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| {
            NAMES.contains(&name.as_str())
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || named.contains(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn only_listed_and_named_variables_go_along() {
        let vars = [
            ("HOME", "/h"),
            ("LC_ALL", "C"),
            ("ANTHROPIC_API_KEY", "k"),
            ("FLEET_TURN", "a/b"),
            ("SECRET_OF_OTHERS", "s"),
            ("MINE", "m"),
        ];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        let picked = pick(vars.into_iter(), &["MINE".to_owned()]);
        let names: Vec<&str> = picked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HOME", "LC_ALL", "ANTHROPIC_API_KEY", "MINE"]);
    }
}
