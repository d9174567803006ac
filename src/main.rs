//! The binary: parse, telemetry, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use fleet::cli::{self, Cli};

fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let Some(command) = command else {
        return ExitCode::FAILURE;
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    ExitCode::from(runtime.block_on(cli::run(global, command)))
}
