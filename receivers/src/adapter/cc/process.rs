//! One Claude Code process: its pipes, its marker, its end.
//!
//! Owns: starting it, what it says while nobody runs a turn on it, and that nothing which bears its marker is left when it has
//! ended. Does not own: the turns (see `run`), nor which process waits for which context (see `pool`).

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleet_a2a::ext::Usage;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::wire;
use super::writer::{Place, Writer};
use crate::child::{
    Child, Line, Lines, Moment, Next, SpawnError, Spawner, Stdin, Stop, StopSignal, Tail, stop,
};

/// Longest line: above what a prompt of the CLI's own bound (10 MB) or a large file in a tool call takes.
pub(super) const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// How long output may still come after its end; longer means that something it left behind holds the pipe.
pub(super) const DRAIN: Duration = Duration::from_millis(300);
/// How long it may take to leave once its input is closed (measured 30 ms); it writes its session down meanwhile.
pub(super) const LEAVE_GRACE: Duration = Duration::from_secs(2);
/// The same where somebody waits: a receiver that stops is to be gone within 200 ms, and a turn wants its place.
pub(super) const HURRIED_GRACE: Duration = Duration::from_millis(100);
/// How long SIGINT may take to be obeyed.
const SIGNAL_GRACE: Duration = Duration::from_millis(300);
/// Bytes of standard error read at a time.
const CHUNK_BYTES: usize = 4 * 1024;

/// Keeps the CLI from working on in the background.
const NO_BACKGROUND: &str = "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS";
/// Variables that hold unless the environment has them: 10 retries of a failed call would take minutes of silence; and what
/// goes on in the background after a turn would be paid for, and answered, with nobody there.
const DEFAULTS: [(&str, &str); 2] = [("CLAUDE_CODE_MAX_RETRIES", "4"), (NO_BACKGROUND, "1")];

/// A running process. Dropped, it is killed with its tree; what else bears its marker is for whoever drops it to sweep.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) lines: Lines<ChildStdout>,
    pub(super) writer: Writer,
    errors: Errors,
    spawner: Spawner,
    /// What it is bound to, see [`Process::fits`].
    bound: Bound,
    /// What it spent so far, as its last result says.
    pub(super) spent: Usage,
    /// The turn after the one it was given last: what that starts is not swept with what the one before left.
    next: Next,
    /// It says which message a turn is for.
    pub(super) tells_whose: bool,
    /// One of the processes that may be there at a time.
    _place: OwnedSemaphorePermit,
}

/// What a process has read when it started and does not read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    /// The session that it works in.
    pub(super) session: String,
    /// The hash of the agent settings of the repo.
    pub(super) settings: String,
}

/// What a process does that nobody talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overheard {
    /// Nothing that matters.
    Talk,
    /// It works unasked.
    Acts,
    /// It has ended.
    Gone,
}

impl Process {
    /// Starts one with a marker of its own.
    pub(super) fn start(
        turn: &Spawner,
        argv: &[String],
        bound: Bound,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, SpawnError> {
        let mut spawner = turn.outliving(&format!("cc-{}", Uuid::new_v4()));
        for (name, value) in DEFAULTS {
            spawner = spawner.with_default_env(name, value);
        }
        let mut child = spawner.spawn(argv, Stdin::Piped)?;
        let (Some(stdout), Some(stderr)) = (child.take_stdout(), child.take_stderr()) else {
            return Err(SpawnError::Empty);
        };
        let writer = Writer::start(child.take_stdin());
        writer.write(wire::initialize());
        Ok(Self {
            child,
            lines: Lines::new(stdout, MAX_LINE_BYTES),
            writer,
            errors: Errors::start(stderr),
            spawner,
            bound,
            spent: Usage::default(),
            next: Next::default(),
            tells_whose: false,
            _place: place,
        })
    }

    /// The session that it works in.
    pub(super) fn session(&self) -> &str {
        &self.bound.session
    }

    /// Whether it may serve a turn that is bound so.
    pub(super) fn fits(&self, wanted: &Bound) -> bool {
        self.bound == *wanted
    }

    /// Whether a person lets it work in the background: then a turn that was stopped may go on within it, silent and paid for.
    pub(super) fn may_work_on(&self) -> bool {
        let set = self.spawner.env().get(NO_BACKGROUND).unwrap_or_default();
        !["1", "true", "yes", "on"].contains(&set.to_ascii_lowercase().as_str())
    }

    /// Its marker's spawner, to owe a sweep to a turn.
    pub(super) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// The message of a turn begins here; words from before count no more.
    pub(super) fn begin(&mut self) -> Place {
        self.errors.forget();
        std::mem::take(&mut self.next).begins();
        self.writer.here()
    }

    /// What it says or does next while it waits for a turn. May be dropped and called again.
    pub(super) async fn overhear(&mut self) -> Overheard {
        tokio::select! {
            biased;
            line = self.lines.next() => match line {
                Ok(Some(Line::Text { text, .. })) => overheard(&text),
                Ok(Some(Line::TooLong { .. })) => Overheard::Acts,
                Ok(None) | Err(_) => Overheard::Gone,
            },
            _ = self.child.wait() => Overheard::Gone,
        }
    }

    /// Kills what began at `since` or later, and proves that it is dead.
    pub(super) async fn end_what_began(&self, since: Moment) {
        let report = self.spawner.sweep_since(self.child.pid(), since).await;
        if report.survivors > 0 {
            tracing::error!(?report, "processes of a stopped turn could not be killed");
        }
    }

    /// Kills, in a future of its own, what a turn left behind: commands whose shell is gone. Its servers and helpers stay.
    pub(super) fn tidying_up(&self, since: Moment) -> impl Future<Output = ()> + Send + 'static {
        let (spawner, leader, next) = (self.spawner.clone(), self.child.pid(), self.next.clone());
        async move {
            let report = spawner.sweep_orphans_since(leader, since, next).await;
            if report.killed > 0 {
                tracing::info!(?report, "killed what a turn left behind");
            }
        }
    }

    /// Closes its input, which is how it is asked to leave, and sees to it that nothing of it is left. `hurry` cuts the
    /// patience short.
    pub(super) async fn end(self, patience: Duration, hurry: &CancellationToken) {
        let Self {
            mut child,
            writer,
            spawner,
            ..
        } = self;
        drop(writer);
        let hurried = async {
            hurry.cancelled().await;
            tokio::time::sleep(HURRIED_GRACE).await;
        };
        let left = tokio::select! {
            ended = timeout(patience, child.wait()) => ended.is_ok(),
            () = hurried => false,
        };
        if !left {
            let hurried = hurry.is_cancelled() || patience < LEAVE_GRACE;
            let steps: &[Stop] = if hurried { &[] } else { &STEPS };
            stop(&mut child, steps).await;
        }
        bury(&spawner).await;
    }

    /// Sees one off that has ended or does not obey, and tells what is known of its end.
    pub(super) async fn autopsy(mut self, status: Option<ExitStatus>, place: Place) -> Autopsy {
        let status = match status {
            Some(status) => Some(status),
            None => stop(&mut self.child, &[]).await,
        };
        self.errors.drain().await;
        let last_words = self.errors.text();
        let unread = self.writer.left_unread(place).await;
        bury(&self.spawner).await;
        Autopsy {
            session: self.bound.session,
            status,
            last_words,
            unread,
        }
    }
}

/// What is known of an end without a result.
#[derive(Debug)]
pub(super) struct Autopsy {
    pub(super) session: String,
    pub(super) status: Option<ExitStatus>,
    pub(super) last_words: String,
    /// It certainly read nothing of the message.
    pub(super) unread: bool,
}

const STEPS: [Stop; 1] = [Stop {
    signal: StopSignal::Interrupt,
    grace: SIGNAL_GRACE,
}];

async fn bury(spawner: &Spawner) {
    let report = spawner.sweep().await;
    if report.survivors > 0 {
        tracing::error!(?report, "processes of an agent could not be killed");
    }
}

/// Whether a line of a process that nobody asked anything says that it works: talk about itself does not.
fn overheard(line: &str) -> Overheard {
    let Ok(value) = serde_json::from_str::<Value>(line) else {
        return Overheard::Talk;
    };
    let kind = |name: &str| value[name].as_str().unwrap_or_default();
    let acts = match kind("type") {
        "stream_event" | "assistant" | "user" | "result" | "control_request" => true,
        "system" => match kind("subtype") {
            "init" | "api_retry" => true,
            // It also says so when it has nothing more to do.
            "status" => value["status"].is_string(),
            _ => false,
        },
        _ => false,
    };
    if acts {
        Overheard::Acts
    } else {
        Overheard::Talk
    }
}

/// Keeps the end of standard error.
#[derive(Debug)]
struct Errors {
    tail: Arc<Mutex<Tail>>,
    /// Aborts the reading when dropped.
    task: JoinSet<()>,
}

impl Errors {
    fn start(mut stderr: ChildStderr) -> Self {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let kept = Arc::clone(&tail);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut chunk = vec![0; CHUNK_BYTES];
            while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
                lock(&kept).push(&chunk[..count]);
            }
        });
        Self { tail, task }
    }

    fn forget(&self) {
        *lock(&self.tail) = Tail::default();
    }

    fn text(&self) -> String {
        lock(&self.tail).text()
    }

    /// Reads what is in the pipe of an ended process; whatever it left behind may hold the pipe open.
    async fn drain(&mut self) {
        let ended = async { while self.task.join_next().await.is_some() {} };
        let _ = timeout(DRAIN, ended).await;
    }
}

fn lock(tail: &Mutex<Tail>) -> std::sync::MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_told_from_work() {
        for line in [
            r#"{"type":"command_lifecycle","state":"completed"}"#,
            r#"{"type":"system","subtype":"background_tasks_changed","tasks":[]}"#,
            r#"{"type":"control_response","response":{}}"#,
            r#"{"type":"system","subtype":"status","status":null}"#,
            "not json",
            "[]",
        ] {
            assert_eq!(overheard(line), Overheard::Talk, "{line}");
        }
        for line in [
            r#"{"type":"system","subtype":"init"}"#,
            r#"{"type":"system","subtype":"status","status":"requesting"}"#,
            r#"{"type":"stream_event"}"#,
            r#"{"subtype":"success","type":"result"}"#,
            r#"{"type":"control_request"}"#,
        ] {
            assert_eq!(overheard(line), Overheard::Acts, "{line}");
        }
    }
}
