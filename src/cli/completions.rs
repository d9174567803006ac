//! `fleet completions`: a script that completes `fleet` in a shell.
//!
//! Owns: which generator serves which shell. Does not own: what can be typed, which is read off the definitions of the command
//! line. Needs no fleet.toml.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use super::args::{Cli, CompletionsArgs, GlobalArgs, ShellArg};
use super::{CommandResult, exit, output};
use crate::domain::SafeText;

/// Does `fleet completions`.
pub(crate) fn execute(global: &GlobalArgs, args: &CompletionsArgs) -> CommandResult {
    let script = script(args.shell);
    if global.json {
        output::json(&json!({ "script": script }))?;
    } else {
        output::text(&SafeText::of(&script))?;
    }
    Ok(exit::DONE)
}

fn script(shell: ShellArg) -> String {
    let shell = match shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Zsh => Shell::Zsh,
        ShellArg::Fish => Shell::Fish,
        ShellArg::Elvish => Shell::Elvish,
        ShellArg::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fleet", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_of_every_command_and_nothing_is_changed_by_making_it_safe() {
        for shell in ShellArg::value_variants() {
            let script = script(*shell);
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell:?} {command}");
            }
            assert_eq!(SafeText::of(&script).as_str(), script, "{shell:?}");
        }
    }
}
