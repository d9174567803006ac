//! What the README promises, measured on the release binary: dispatch latency, start to healthy, idle memory, stop, and what
//! a turn of Claude Code costs more through us.
//!
//! Owns: real processes, a real disk, a table on standard output. It asserts nothing about time: figures are for
//! reading, and a busy machine must not fail a build.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

#[path = "promises/cc.rs"]
mod cc;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fleet::control::{Answer, Command as Ask, ControlHandle, SubmitRequest, Target};
use fleet::domain::{DispatchId, DispatchState};
use serde_json::{Value, json};

/// Dispatches measured, after a warm-up.
const DISPATCHES: usize = 500;
const WARM_UP: usize = 30;
/// Whole processes measured for start, stop and status.
const PROCESSES: usize = 15;

fn main() {
    let dir = tempfile::tempdir().expect("temp dir");
    let bands = "[bands]\necho = [23900, 23909]\n[peers.echo]\nmode = \"echo\"\n";
    std::fs::write(
        dir.path().join("fleet.toml"),
        format!("[fleet]\nname = \"bench\"\n{bands}"),
    )
    .expect("config");
    println!("| what | ours, measured | promised | the original fleet or the best rival |");
    println!("|---|---|---|---|");
    measure(dir.path());
    fleet(dir.path(), &["stop", "--all"]);
    fleet(dir.path(), &["daemon", "stop"]);
    cc::measure();
}

fn measure(dir: &Path) {
    row(
        "one durable write on this disk, p50 / p99",
        &spread(&commits(dir)),
        "-",
        "-",
    );
    let cold = timed(|| fleet(dir, &["send", "echo", "hello"]));
    row(
        "dispatch to reply, echo, durable, p50 / p99",
        &spread(&dispatches(dir)),
        "5 ms / 20 ms",
        "2,000 ms",
    );
    let warm = repeated(|| fleet(dir, &["send", "echo", "hello"]));
    row("`fleet send`, all running", &ms(warm), "-", "-");
    row(
        "`fleet send`, no daemon and no receiver running, more by",
        &ms(cold.saturating_sub(warm)),
        "150 ms",
        "-",
    );
    let status = repeated(|| fleet(dir, &["status", "--json"]));
    row(
        "`fleet status --json`, whole process",
        &ms(status),
        "50 ms",
        "50 ms to 4.4 s",
    );
    row(
        "receiver: idle memory",
        &megabytes(dir, "VmRSS:"),
        "12 MB",
        "26 MB",
    );
    row(
        "receiver: of that its own, the rest is the program's file that all processes share",
        &megabytes(dir, "RssAnon:"),
        "-",
        "-",
    );
    let (stops, starts): (Vec<_>, Vec<_>) = (0..PROCESSES)
        .map(|_| {
            (
                timed(|| fleet(dir, &["stop", "echo"])),
                timed(|| fleet(dir, &["start", "echo"])),
            )
        })
        .unzip();
    row(
        "receiver: start to healthy, `fleet start` included",
        &ms(median(starts)),
        "60 ms",
        "181 ms",
    );
    row(
        "stop an idle receiver, `fleet stop` included",
        &ms(median(stops)),
        "200 ms",
        "3-4 s",
    );
}

fn row(what: &str, ours: &str, promised: &str, rival: &str) {
    println!("| {what} | {ours} | {promised} | {rival} |");
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn spread(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    format!(
        "{} / {}",
        ms(times[times.len() / 2]),
        ms(times[times.len() * 99 / 100])
    )
}

fn timed(run: impl FnOnce() -> Value) -> Duration {
    let began = Instant::now();
    run();
    began.elapsed()
}

fn repeated(run: impl Fn() -> Value) -> Duration {
    median((0..PROCESSES).map(|_| timed(&run)).collect())
}

fn fleet(dir: &Path, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_fleet"))
        .arg("--config")
        .arg(dir.join("fleet.toml"))
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("fleet runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// What the disk takes for a write and its sync: every dispatch pays it several times.
fn commits(dir: &Path) -> Vec<Duration> {
    let mut file = File::create(dir.join("commit")).expect("file");
    (0..200)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[7; 4096]).expect("write");
            file.sync_data().expect("sync");
            began.elapsed()
        })
        .collect()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn dispatches(dir: &Path) -> Vec<Duration> {
    let target = Target {
        config: dir.join("fleet.toml").canonicalize().expect("config"),
        explicit: true,
        state_dir: dir.join("state"),
        program: env!("CARGO_BIN_EXE_fleet").into(),
        env_names: Vec::new(),
    };
    let handle = ControlHandle::connect(&target).await.expect("daemon");
    let mut times = Vec::with_capacity(DISPATCHES);
    for n in 0..WARM_UP + DISPATCHES {
        let began = Instant::now();
        one_dispatch(&handle, "echo", &format!("hello {n}"), None).await;
        if n >= WARM_UP {
            times.push(began.elapsed());
        }
    }
    times
}

async fn one_dispatch(handle: &ControlHandle, peer: &str, text: &str, context: Option<&str>) {
    let dispatch_id = DispatchId::mint();
    let request = SubmitRequest {
        dispatch_id,
        peer: peer.to_owned(),
        contract: json!({"instruction": text}),
        context_id: context.map(str::to_owned),
        again: false,
    };
    handle.call(Ask::Submit(request)).await.expect("submitted");
    let mut answers = handle
        .stream(Ask::Wait { dispatch_id })
        .await
        .expect("waits");
    while let Some(answer) = answers.next().await {
        if let Ok(Answer::Dispatch(view)) = answer
            && view.state.is_final()
        {
            assert_eq!(view.state, DispatchState::Completed, "{view:?}");
            return;
        }
    }
}

/// A figure of the receiver's memory in `/proc`.
fn megabytes(dir: &Path, field: &str) -> String {
    let pid = fleet(dir, &["status", "--json"])["peers"][0]["pid"]
        .as_u64()
        .expect("receiver");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("field");
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("number");
    format!("{:.1} MB", kib / 1024.0)
}
