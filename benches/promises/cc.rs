//! What a turn of Claude Code costs more through `fleet` than by its own protocol.
//!
//! Owns: both measurements, of the real program and the same scripted model. The bare figure is a process that is already
//! warm, so that nothing of its start is counted for or against us.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use fleet::control::{ControlHandle, Target};
use fleet_testkit::{ModelServer, claude};
use serde_json::{Value, json};

use super::{median, ms, one_dispatch, row, spread};

/// Turns measured of each, after a warm-up.
const TURNS: usize = 40;
const WARM_UP: usize = 5;
/// All turns are of this conversation, as those of the bare process are of one.
const CONTEXT: &str = "bench";

/// Prints its rows.
pub(crate) fn measure() {
    let Some(binary) = claude::binary() else {
        println!("| warm turn of Claude Code | not measured: run .ci/install-claude | 25 ms | - |");
        return;
    };
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::create_dir(dir.path().join("repo")).expect("repo");
    std::fs::create_dir(dir.path().join("home")).expect("home");
    let config = "[fleet]\nname = \"bench-cc\"\n[bands]\ncc = [23910, 23919]\n[peers.app]\nmode = \"cc\"\nrepo = \"repo\"\n";
    std::fs::write(dir.path().join("fleet.toml"), config).expect("config");
    let (bare, ours) = turns(dir.path(), &binary);
    row(
        "turn of a warm Claude Code by its bare protocol, p50 / p99",
        &spread(&bare),
        "-",
        "-",
    );
    row(
        "the same through a dispatch, p50 / p99",
        &spread(&ours),
        "-",
        "-",
    );
    row(
        "overhead per turn over the bare CLI, p50",
        &more(median(ours), median(bare)),
        "25 ms",
        "up to 2,000 ms",
    );
    super::fleet(dir.path(), &["stop", "--all"]);
    super::fleet(dir.path(), &["daemon", "stop"]);
}

/// How much longer one took than the other; below zero when it was faster.
fn more(one: Duration, other: Duration) -> String {
    if one >= other {
        ms(one - other)
    } else {
        format!("-{}", ms(other - one))
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn turns(dir: &Path, binary: &Path) -> (Vec<Duration>, Vec<Duration>) {
    let model = ModelServer::start(&dir.join("repo"))
        .await
        .expect("model server");
    let env = claude::env(binary, &dir.join("home"), &model.url());
    let deployed = Command::new(env!("CARGO_BIN_EXE_fleet"))
        .arg("--config")
        .arg(dir.join("fleet.toml"))
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(["deploy", "app"])
        .envs(env.iter().cloned())
        .output()
        .expect("fleet runs");
    assert!(deployed.status.success(), "{deployed:?}");
    let mut process = Bare::start(dir, binary, &env);
    let handle = connect(dir).await;
    let (mut bare, mut ours) = (Vec::with_capacity(TURNS), Vec::with_capacity(TURNS));
    // In turn, so that a machine that is busy for a while is so for both.
    for n in 0..WARM_UP + TURNS {
        let text = format!("PONG {n}");
        let began = Instant::now();
        // The model is served by the workers; this thread may wait.
        process.turn(&text);
        let between = Instant::now();
        one_dispatch(&handle, "app", &text, Some(CONTEXT)).await;
        if n >= WARM_UP {
            bare.push(between - began);
            ours.push(between.elapsed());
        }
    }
    process.end();
    (bare, ours)
}

async fn connect(dir: &Path) -> ControlHandle {
    let target = Target {
        config: dir.join("fleet.toml").canonicalize().expect("config"),
        explicit: true,
        state_dir: dir.join("state"),
        program: env!("CARGO_BIN_EXE_fleet").into(),
        env_names: Vec::new(),
    };
    ControlHandle::connect(&target).await.expect("daemon")
}

/// A warm process and its pipes.
struct Bare {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Bare {
    fn start(dir: &Path, binary: &Path, env: &[(String, String)]) -> Self {
        let flags = "-p --input-format stream-json --output-format stream-json --verbose \
                     --include-partial-messages --permission-prompt-tool stdio";
        let mut child = Command::new(binary)
            .args(flags.split_whitespace())
            .env_clear()
            .envs(env.iter().cloned())
            .current_dir(dir.join("repo"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("claude starts");
        let input = child.stdin.take().expect("input");
        let output = BufReader::new(child.stdout.take().expect("output"));
        let mut process = Self {
            child,
            input,
            output,
        };
        process.write(&json!({
            "type": "control_request", "request_id": "bench", "request": { "subtype": "initialize", "hooks": null },
        }));
        process.until("control_response");
        process
    }

    /// One turn, to its result.
    fn turn(&mut self, text: &str) {
        self.write(&json!({
            "type": "user", "parent_tool_use_id": null, "session_id": "",
            "message": { "role": "user", "content": [{ "type": "text", "text": text }] },
        }));
        assert_eq!(self.until("result")["result"], "PONG");
    }

    fn write(&mut self, line: &Value) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    /// The next line of this type.
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            let count = self.output.read_line(&mut line).expect("output");
            assert!(count > 0, "claude ended before its {kind}");
            let value: Value = serde_json::from_str(&line).unwrap_or_default();
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// Closing its input is how it is asked to leave.
    fn end(self) {
        let Self {
            mut child,
            input,
            output: _output,
        } = self;
        drop(input);
        child.wait().expect("it leaves");
    }
}
