//! The scripted model server by hand: `cargo run -p fleet-testkit --bin model-server -- --port 18080 --repo DIR`.
//!
//! Owns: its command line. Point a CLI at it with `ANTHROPIC_BASE_URL` and any `ANTHROPIC_API_KEY`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use fleet_testkit::{ModelServer, Options};

/// A scripted model behind the Anthropic Messages API. Keywords in a message choose the answer: PONG WRITE BASH NETBASH MULTI
/// LOOP SLEEP LEAVE BACKGROUND DFORK SUBAGENT ASK ASKTWO SLOW THINK PONDER HISTORY BIG HANG FAIL400 FAIL401 FAIL429 FAIL500 FAIL529
/// FAILMID FAILCTX FAILBILL; anything else is echoed.
#[derive(Debug, Parser)]
#[command(name = "model-server")]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 18080)]
    port: u16,
    /// Folder in which WRITE writes hello.txt.
    #[arg(long, default_value = ".")]
    repo: PathBuf,
    /// Milliseconds between two tokens of a SLOW answer.
    #[arg(long, default_value_t = 500)]
    slow_ms: u64,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let server = ModelServer::start_with(Options {
        port: arguments.port,
        repo: std::path::absolute(arguments.repo)?,
        slow_delay: Duration::from_millis(arguments.slow_ms),
    })
    .await?;
    writeln!(io::stdout(), "ANTHROPIC_BASE_URL={}", server.url())?;
    server.join().await;
    Ok(())
}
