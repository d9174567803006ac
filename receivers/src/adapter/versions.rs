//! Which versions of a mode's CLI an adapter is made for.
//!
//! Owns: the form, finding one in what a CLI says, and the comparison. Does not own: the figures (each adapter measures its own), nor asking a CLI for its version.

use std::cmp::Ordering;

use super::cc;
use crate::Mode;

/// Longest version that is believed to be one.
const MAX_VERSION: usize = 40;

/// The versions of a CLI that matter to people: the oldest that an adapter can drive, and the one that its tests drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CliVersions {
    /// Anything older is refused, with the command that mends it.
    pub oldest: &'static str,
    /// What newer ones do is not known, and likely the same.
    pub tested: &'static str,
    /// What brings a newer one.
    pub update: &'static str,
}

/// How a version compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is the tested one.
    Tested,
    /// Between the oldest supported and the tested one.
    Older,
    /// Newer than the tested one.
    Newer,
    /// Older than what is supported.
    TooOld,
    /// It has no form that can be compared.
    Unclear,
}

impl CliVersions {
    /// Compares a version, number by number; what follows the numbers does not count.
    #[must_use]
    pub fn fit(&self, version: &str) -> Fit {
        let (Some(given), Some(tested), Some(oldest)) =
            (numbers(version), numbers(self.tested), numbers(self.oldest))
        else {
            return Fit::Unclear;
        };
        match (given.cmp(&tested), given.cmp(&oldest)) {
            (Ordering::Equal, _) => Fit::Tested,
            (Ordering::Greater, _) => Fit::Newer,
            (Ordering::Less, Ordering::Less) => Fit::TooOld,
            (Ordering::Less, Ordering::Equal | Ordering::Greater) => Fit::Older,
        }
    }

    /// A version and how it compares, in words.
    #[must_use]
    pub fn words(&self, version: &str) -> String {
        let Self {
            tested,
            oldest,
            update,
        } = self;
        match self.fit(version) {
            Fit::Tested => format!("{version}, the tested one"),
            Fit::Older => format!("{version}, older than the tested {tested}"),
            Fit::Newer => format!("{version}, newer than the tested {tested}"),
            Fit::Unclear => format!("{version}; tested with {tested}"),
            Fit::TooOld => format!(
                "{version}, too old: fleet drives {oldest} and newer, tested with {tested}; update it: {update}"
            ),
        }
    }
}

/// Those of a mode; `None` where there is no CLI whose version matters.
#[must_use]
pub fn versions(mode: Mode) -> Option<CliVersions> {
    match mode {
        Mode::Cc => Some(cc::VERSIONS),
        Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes | Mode::Exec | Mode::Echo => None,
    }
}

/// Whether `version` comes before `oldest`. One that is not written in numbers is taken for new enough: whoever builds such a
/// one knows why.
pub(super) fn is_older(version: &str, oldest: &str) -> bool {
    match (numbers(version), numbers(oldest)) {
        (Some(version), Some(oldest)) => version < oldest,
        (None, _) | (_, None) => false,
    }
}

/// The version in what a CLI says of itself, the first word that looks like one: `2.1.329 (Claude Code)`, `codex-cli 0.169.0`, `v1.2`.
#[must_use]
pub fn version_in(said: &str) -> Option<String> {
    let words = said.split_whitespace();
    let word = words
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
    (word.len() <= MAX_VERSION && word.chars().all(plain)).then(|| word.to_owned())
}

/// `2.1.329` or `2.1.329-beta.1`: what follows the third number does not count.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let mut parts = core.split('.').map(str::parse::<u64>);
    let numbers = [
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    ];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLI: CliVersions = CliVersions {
        tested: "2.1.329",
        oldest: "2.0.10",
        update: "",
    };

    #[test]
    fn a_version_fits_by_its_numbers() {
        assert_eq!(CLI.fit("2.1.329"), Fit::Tested);
        assert_eq!(CLI.fit("2.1.1000"), Fit::Newer);
        assert_eq!(CLI.fit("2.1.33"), Fit::Older);
        assert_eq!(CLI.fit("2.0.9"), Fit::TooOld);
        assert_eq!(CLI.fit("2.0.10-beta"), Fit::Older);
        assert_eq!(CLI.fit("newest"), Fit::Unclear);
        assert_eq!(CLI.fit("2"), Fit::Unclear);
    }

    #[test]
    fn too_old_says_what_to_do() {
        let cli = CliVersions {
            update: "run x",
            ..CLI
        };
        let words = cli.words("1.9.0");
        assert_eq!(
            words,
            "1.9.0, too old: fleet drives 2.0.10 and newer, tested with 2.1.329; update it: run x"
        );
        assert_eq!(cli.words("2.1.329"), "2.1.329, the tested one");
    }

    #[test]
    fn a_version_is_found_in_what_each_says() {
        let cases = [
            ("2.1.329 (Claude Code)\n", Some("2.1.329")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("Hermes Agent v0.19.0 (2026.10.1)\n", Some("0.19.0")),
            ("1.18.33", Some("1.18.33")),
            ("error 5: no", None),
            ("1.\u{1b}[2J", None),
            ("", None),
        ];
        for (said, version) in cases {
            assert_eq!(version_in(said).as_deref(), version, "{said:?}");
        }
        assert_eq!(version_in(&format!("1.{}", "0".repeat(40))), None);
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,40}") {
            let _ = CLI.fit(&text);
        }

        #[test]
        fn a_larger_number_is_never_older(a in 0_u64..5000, b in 0_u64..5000) {
            let of = |n: u64| format!("1.0.{n}");
            prop_assert!(!is_older(&of(a.max(b)), &of(a.min(b))));
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, older) in [
            ("2.1.99", true),
            ("1.9.999", true),
            ("2.1.142", false),
            ("2.1.142-beta.1", false),
            ("2.2.0", false),
            ("10.0.0", false),
            ("nightly", false),
            ("2.1", false),
            ("2.1.1.1", false),
            ("99999999999999999999999.0.0", false),
        ] {
            assert_eq!(is_older(version, "2.1.142"), older, "{version}");
        }
    }

    #[test]
    fn the_tested_version_is_never_too_old() {
        let modes = [
            Mode::Cc,
            Mode::Oc,
            Mode::Codex,
            Mode::Agy,
            Mode::Hermes,
            Mode::Exec,
            Mode::Echo,
        ];
        for versions in modes.into_iter().filter_map(versions) {
            assert!(!is_older(versions.tested, versions.oldest), "{versions:?}");
        }
        assert!(versions(Mode::Cc).is_some() && versions(Mode::Echo).is_none());
    }
}
