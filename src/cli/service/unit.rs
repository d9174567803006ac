//! The text of a systemd unit.
//!
//! Owns: what it says, and how systemd wants words quoted. Does not own: where it is written.

use std::path::Path;

use crate::control::Target;
use crate::domain::{ErrorKind, Failure};

/// The first line of every unit that fleet writes; one without it is somebody else's.
pub(super) const MARK: &str =
    "# Written by `fleet service install`; `fleet service uninstall` removes it.";

/// The unit of a fleet's daemon. It names the state folder too, because the environment of the service is not the person's.
///
/// # Errors
/// [`Failure`] of kind `usage` for a path that systemd cannot be told.
pub(super) fn text(target: &Target) -> Result<String, Failure> {
    let program = executable(plain(&target.program)?)?;
    let config = plain(&target.config)?;
    let state = plain(&target.state_dir)?;
    Ok(format!(
        "\
{MARK}
[Unit]
Description=fleet daemon ({about})
# Five starts within two minutes that fail are a fault that no further start mends.
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart={program} --config {config} --state-dir {state} daemon run
# Receivers and their turns outlive the daemon.
KillMode=process
# It ends with 0 when it has nothing to do, when it is stopped, and when another daemon of this fleet runs already.
Restart=on-failure
RestartSec=5
# A fleet.toml that is wrong does not mend by itself.
RestartPreventExitStatus=2
TimeoutStopSec=10
UMask=0077

[Install]
WantedBy=default.target
",
        about = specifiers(config),
        program = program_word(program),
        config = word(config),
        state = word(state),
    ))
}

/// A path that can stand in a unit: systemd takes UTF-8 without control characters.
fn plain(path: &Path) -> Result<&str, Failure> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(char::is_control));
    text.ok_or_else(|| {
        Failure::new(
            ErrorKind::Usage,
            format!(
                "systemd cannot be told of {}: it takes paths in UTF-8 without control characters.",
                path.display()
            ),
            "Give that folder another name.",
        )
    })
}

/// Of the program itself systemd takes no quotes and no backslash, however they are written (measured with systemd 252).
fn executable(path: &str) -> Result<&str, Failure> {
    if !path.contains(['"', '\'', '\\']) {
        return Ok(path);
    }
    Err(Failure::new(
        ErrorKind::Usage,
        format!("systemd starts no program whose path has quotes or a backslash, as {path} has."),
        "Install fleet somewhere else: cargo install --path .",
    ))
}

/// `%` begins a specifier, wherever it stands.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word in quotes, as systemd.syntax(7) has it.
fn quoted(text: &str) -> String {
    let text = specifiers(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// An argument: `$` begins a variable there.
fn word(text: &str) -> String {
    quoted(&text.replace('$', "$$"))
}

/// The program itself, in which systemd looks for no variables.
fn program_word(text: &str) -> String {
    quoted(text)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn target(program: &str, config: &str) -> Target {
        Target {
            config: PathBuf::from(config),
            explicit: true,
            state_dir: PathBuf::from("/home/ada/.local/state/fleet/main-0a1b2c3d"),
            program: PathBuf::from(program),
            env_names: Vec::new(),
        }
    }

    #[test]
    fn the_unit() {
        let target = target(
            "/opt/my tools/fleet",
            "/home/ada/100% \"it\"/$HOME/fleet.toml",
        );
        insta::assert_snapshot!(text(&target).unwrap());
        let refused = text(&Target {
            config: PathBuf::from("/a\nExecStart=/bin/evil/fleet.toml"),
            ..target.clone()
        });
        assert_eq!(refused.unwrap_err().kind.exit_code(), 2);
        let refused = text(&Target {
            program: PathBuf::from("/opt/\"it\"/fleet"),
            ..target
        });
        let refused = refused.unwrap_err().message;
        assert!(refused.contains("quotes or a backslash"), "{refused}");
    }

    /// Reads a command line as systemd does: words with quotes and escapes, then specifiers, then variables, which the
    /// program's own path has none of.
    fn as_systemd(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut chars = line.chars().peekable();
        while chars.peek().is_some() {
            let mut word = String::new();
            let mut quote = None;
            while let Some(c) = chars.next() {
                match c {
                    '\\' => word.push(unescaped(chars.next().unwrap())),
                    '"' | '\'' if quote == Some(c) => quote = None,
                    '"' | '\'' if quote.is_none() => quote = Some(c),
                    ' ' if quote.is_none() => break,
                    c => word.push(c),
                }
            }
            assert_eq!(quote, None, "{line}");
            words.push(word);
        }
        let program = words.remove(0);
        let words = words
            .iter()
            .map(|word| without_signs(&without_signs(word, '%'), '$'));
        std::iter::once(without_signs(&program, '%'))
            .chain(words)
            .collect()
    }

    fn unescaped(c: char) -> char {
        match c {
            '\\' | '"' | '\'' => c,
            other => panic!("an escape that was not meant: {other:?}"),
        }
    }

    /// Doubled signs are one; a single one would begin something.
    fn without_signs(text: &str, sign: char) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == sign {
                assert_eq!(chars.next(), Some(sign), "{text:?}");
            }
            out.push(c);
        }
        out
    }

    proptest! {
        #[test]
        fn systemd_reads_the_paths_that_were_meant(
            program in "/([^\\pC\"'\\\\]|[ %$;#@:+!|-]){1,30}",
            config in "/(\\PC|[ %$\"'\\\\;#{}-]){1,30}",
        ) {
            let unit = text(&target(&program, &config)).unwrap();
            let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
            let state = "/home/ada/.local/state/fleet/main-0a1b2c3d";
            let expected = [&program, "--config", &config, "--state-dir", state, "daemon", "run"];
            prop_assert_eq!(as_systemd(line), expected);
            // A line that ends so would go on in the next.
            prop_assert!(unit.lines().all(|line| !line.ends_with('\\')), "{unit}");
        }
    }
}
