//! The binary: parse, telemetry, run, exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fleet::cli::{self, Cli, Command, GlobalArgs};
use fleet::domain::{ErrorKind, Failure};
use fleet::tui;
use tokio::runtime::{Builder, Runtime};

/// Threads of the daemon and the console, which serve many at a time. All else is I/O of one person or one agent, which one
/// thread carries: without steps between threads it answers sooner, and costs every receiver less memory.
const WORKER_THREADS: usize = 2;
/// How long a blocking call, such as a read of the terminal, may keep the process after its work is done.
const LEAVE_WITHIN: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let _telemetry = cli::start_log(&global, command.as_ref());
    let code = match runtime(command.as_ref()) {
        Ok(runtime) => {
            let code = runtime.block_on(run(&global, command));
            runtime.shutdown_timeout(LEAVE_WITHIN);
            code
        }
        Err(failure) => told(&global, &failure),
    };
    ExitCode::from(code)
}

fn runtime(command: Option<&Command>) -> Result<Runtime, Failure> {
    let mut builder = if matches!(command, None | Some(Command::Daemon(_))) {
        Builder::new_multi_thread()
    } else {
        Builder::new_current_thread()
    };
    let built = builder.worker_threads(WORKER_THREADS).enable_all().build();
    built.map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("The system gives no threads: {error}."),
            "Look at the limits of this user: ulimit -a",
        )
    })
}

async fn run(global: &GlobalArgs, command: Option<Command>) -> u8 {
    match command {
        Some(command) => cli::run(global, command).await,
        None => console(global)
            .await
            .unwrap_or_else(|failure| told(global, &failure)),
    }
}

/// `fleet` alone.
async fn console(global: &GlobalArgs) -> Result<u8, Failure> {
    tui::run(cli::target(global)?).await?;
    Ok(0)
}

fn told(global: &GlobalArgs, failure: &Failure) -> u8 {
    cli::fail(global, failure);
    failure.kind.exit_code()
}
