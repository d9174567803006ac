//! One check and the report of them all.
//!
//! Owns: the words and the JSON of the report. What a check says may hold a repo's or a peer's text; it is made safe here.

use std::path::Path;

use serde::Serialize;

use crate::domain::{Failure, SafeText};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// All is well.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// It does not work.
    Bad,
    /// It could not be checked.
    Unchecked,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What it is about: the file, the daemon, one peer.
    pub(super) about: String,
    /// Its name, for programs.
    pub(super) check: &'static str,
    /// How it came out.
    pub(super) outcome: Outcome,
    /// What was found, as a sentence.
    pub(super) text: String,
    /// The command, or the step, that mends it.
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn ok(about: &str, check: &'static str, text: impl Into<String>) -> Self {
        Self::with(Outcome::Ok, (about, check), text)
    }

    pub(super) fn unchecked(about: &str, check: &'static str, text: impl Into<String>) -> Self {
        Self::with(Outcome::Unchecked, (about, check), text)
    }

    pub(super) fn warning(about: &str, check: &'static str, text: impl Into<String>) -> Self {
        Self::with(Outcome::Warning, (about, check), text)
    }

    pub(super) fn bad(about: &str, check: &'static str, text: impl Into<String>) -> Self {
        Self::with(Outcome::Bad, (about, check), text)
    }

    /// What somebody else found out.
    pub(super) fn of_failure(about: &str, check: &'static str, failure: &Failure) -> Self {
        let bad = Self::bad(about, check, failure.message.clone());
        match failure.remedy.as_str() {
            "" => bad,
            remedy => bad.fix(remedy),
        }
    }

    pub(super) fn fix(self, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into());
        Self { fix, ..self }
    }

    fn with(
        outcome: Outcome,
        (about, check): (&str, &'static str),
        text: impl Into<String>,
    ) -> Self {
        Self {
            about: about.to_owned(),
            check,
            outcome,
            text: text.into(),
            fix: None,
        }
    }
}

/// All checks.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether nothing is wrong.
    pub(super) ok: bool,
    /// In the order they were made.
    pub(super) checks: Vec<Check>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let ok = checks.iter().all(|check| check.outcome != Outcome::Bad);
        Self { ok, checks }
    }

    /// For people: a heading for each thing, a line for each check, and below it what mends it.
    pub(super) fn words(&self) -> SafeText {
        let mut out = String::new();
        let mut about = "";
        for check in &self.checks {
            if check.about != about {
                about = &check.about;
                out.push_str(&format!("{}\n", SafeText::line_of(about)));
            }
            let text = check.text.trim_end().replace('\n', "\n    ");
            out.push_str(&format!(
                "  {} {}\n",
                sign(check.outcome),
                SafeText::of(&text)
            ));
            if let Some(fix) = &check.fix {
                out.push_str(&format!("      try: {}\n", SafeText::line_of(fix)));
            }
        }
        out.push_str(&self.sum());
        SafeText::of(&out)
    }

    fn sum(&self) -> String {
        let count = |outcome| self.checks.iter().filter(|c| c.outcome == outcome).count();
        let some = |n: usize, word: &str| match n {
            0 => None,
            1 => Some(format!("1 {word}")),
            n => Some(format!("{n} {word}s")),
        };
        let counted = [
            some(count(Outcome::Bad), "problem"),
            some(count(Outcome::Warning), "warning"),
        ];
        let counted: Vec<String> = counted.into_iter().flatten().collect();
        match counted.as_slice() {
            [] => "All is well.".to_owned(),
            counted => format!("{}.", counted.join(", ")),
        }
    }
}

/// The signs of the console: told apart without colour.
fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "✓",
        Outcome::Warning => "!",
        Outcome::Bad => "✗",
        Outcome::Unchecked => "–",
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+~@:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_mends_each_thing() {
        let report = Report::new(vec![
            Check::ok("fleet.toml", "config", "/src/fleet.toml is valid: 2 peers."),
            Check::unchecked("daemon", "daemon", "No daemon runs."),
            Check::warning("app", "git", "/src/app is no git checkout.")
                .fix("git -C /src/app init"),
            Check::bad("app", "cli", "claude is \u{1b}[2Jmissing.\nTwice.").fix("npm i"),
        ]);
        assert!(!report.ok);
        insta::assert_snapshot!(report.words(), @r"
        fleet.toml
          ✓ /src/fleet.toml is valid: 2 peers.
        daemon
          – No daemon runs.
        app
          ! /src/app is no git checkout.
              try: git -C /src/app init
          ✗ claude is ␛[2Jmissing.
            Twice.
              try: npm i
        1 problem, 1 warning.
        ");
        assert!(
            Report::new(Vec::new())
                .words()
                .as_str()
                .contains("All is well.")
        );
    }

    #[test]
    fn a_fix_can_be_pasted_into_a_shell() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/a b/$(x)")), "'/a b/$(x)'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
