//! The command line: one file per subcommand.
//!
//! Owns: arguments, printing and exit codes. Does not own: the work, which the daemon does; a command says what is wanted
//! over the control socket and shows the answer. Two doors lead further: `daemon` runs the daemon, `serve` a receiver.

pub mod args;
mod daemon;
mod json;
mod output;
#[cfg(test)]
mod samples;
mod serve;

pub use args::{Cli, Command, GlobalArgs};

use crate::domain::Failure;

/// The exit code of a command that did what it was asked, or what kept it from doing so.
pub type CommandResult = Result<u8, Failure>;

/// Runs one command and returns the exit code; failures have been told to the person by then.
pub async fn run(global: GlobalArgs, command: Command) -> u8 {
    let outcome = match command {
        Command::Daemon(args) => daemon::execute(&global, args).await,
        Command::Serve(args) => serve::execute(&global, args).await,
        _ => Ok(2),
    };
    outcome.unwrap_or_else(|failure| {
        output::failure(&failure);
        failure.kind.exit_code()
    })
}
