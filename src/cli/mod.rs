//! The command line: one file per subcommand.
//!
//! Owns: arguments, printing and exit codes. Does not own: the work, which the daemon does; a command says what is wanted
//! over the control socket and shows the answer. Two doors lead further: `daemon` runs the daemon, `serve` a receiver.

pub mod args;
mod audit;
mod budget;
mod completions;
mod config;
mod daemon;
mod deploy;
mod dispatches;
mod doctor;
mod exit;
mod init;
mod input;
mod json;
mod log;
mod logs;
mod output;
mod peers;
mod question;
mod restart;
#[cfg(test)]
mod samples;
mod send;
mod serve;
mod service;
mod session;
mod start;
mod status;
mod stop;
mod table;
mod text;
mod transcripts;
mod trust;

pub use args::{Cli, Command, GlobalArgs};
pub use log::start_log;
pub use session::target;

use crate::domain::Failure;

/// The exit code of a command that did what it was asked, or what kept it from doing so.
pub type CommandResult = Result<u8, Failure>;

/// Runs one command and returns the exit code; failures have been told to the person by then.
pub async fn run(global: &GlobalArgs, command: Command) -> u8 {
    let outcome = match command {
        Command::Init => init::execute(global).await,
        Command::Peers(args) => peers::execute(global, args).await,
        Command::Status => status::execute(global).await,
        Command::Deploy(args) => deploy::execute(global, &args).await,
        Command::Start(args) => start::execute(global, &args).await,
        Command::Restart(args) => restart::execute(global, &args).await,
        Command::Stop(args) => stop::execute(global, &args).await,
        Command::Send(args) => send::execute(global, &args).await,
        Command::Dispatches(args) => dispatches::execute(global, args).await,
        Command::Budget(args) => budget::execute(global, &args).await,
        Command::Audit(args) => audit::execute(global, &args).await,
        Command::Transcripts(args) => transcripts::execute(global, args).await,
        Command::Logs(args) => logs::execute(global, &args).await,
        Command::Trust(args) => trust::execute(global, &args).await,
        Command::Daemon(args) => daemon::execute(global, args).await,
        Command::Serve(args) => serve::execute(global, args).await,
        Command::Service(args) => service::execute(global, args).await,
        Command::Doctor => doctor::execute(global).await,
        Command::Config(args) => config::execute(global, &args),
        Command::Completions(args) => completions::execute(global, &args),
    };
    outcome.unwrap_or_else(|failure| {
        fail(global, &failure);
        failure.kind.exit_code()
    })
}

/// Tells a failure: in words on standard error, and with `--json` as `{"error": ...}` on standard output too.
pub fn fail(global: &GlobalArgs, failure: &Failure) {
    if global.json {
        // Where standard output is what failed, standard error still tells.
        let _told = output::json(&serde_json::json!({ "error": failure }));
    }
    output::failure(failure);
}
