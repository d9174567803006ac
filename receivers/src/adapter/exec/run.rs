//! One turn of a command: feeding it, reading it, and judging its end.
//!
//! Owns: the I/O loop. What the output means is decided in `reply`.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::time::{Instant, sleep_until};

use super::ExecAdapter;
use super::contract_file::{ContractFile, VARIABLE};
use super::reply::{End, MAX_LINE_BYTES, Reply};
use crate::adapter::{AdapterEvent, Turn, TurnCommand, TurnIo, TurnOutcome};
use crate::child::{Child, Stdin, Stop, StopSignal, Tail, stop};

/// Read at a time: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long output may still come after the command's end; longer means that something it left behind holds the pipe.
const DRAIN: Duration = Duration::from_millis(300);
/// Bytes that are read after its end at most: more than a pipe can hold comes from something it left behind.
const DRAIN_BYTES: usize = 1024 * 1024;
/// How long a command may run on after it said `end`.
const END_GRACE: Duration = Duration::from_secs(2);
/// How long SIGTERM may take effect after an interrupt; a cancel is to be done within a second.
const INTERRUPT_GRACE: Duration = Duration::from_millis(500);

pub(super) async fn run(adapter: &ExecAdapter, turn: Turn, mut io: TurnIo) -> TurnOutcome {
    let file = match ContractFile::write(&adapter.receiver_id, &turn.contract) {
        Ok(file) => file,
        Err(error) => {
            let detail = format!("The contract file could not be written: {error}.");
            return TurnOutcome::Failed { detail };
        }
    };
    let path = file.path().to_string_lossy().into_owned();
    let spawner = turn.spawner.with_env(VARIABLE, &path);
    let mut child = match spawner.spawn(&adapter.command, Stdin::Piped) {
        Ok(child) => child,
        Err(error) => {
            let detail =
                format!("{error}. Correct `command` of this peer in fleet.toml, or install it.");
            return TurnOutcome::Failed { detail };
        }
    };
    let mut reply = Reply::new(adapter.events);
    let mut tail = Tail::default();
    let finish = drive(&mut child, &turn.prompt, &mut io, (&mut reply, &mut tail)).await;
    send(&io, reply.finish()).await;
    let status = match finish {
        Finish::Exited(status) => Some(status),
        Finish::Interrupted | Finish::TooLong | Finish::Lost => {
            stop(&mut child, &[]).await;
            None
        }
        Finish::SaidEnd => stop(&mut child, &terminate())
            .await
            .map(|_| ExitStatus::default()),
    };
    judge(&finish, status, &reply, &tail.text())
}

/// Why a turn's loop ended.
#[derive(Debug, Clone, Copy)]
enum Finish {
    /// The command did.
    Exited(ExitStatus),
    /// It said `end` and ran on.
    SaidEnd,
    /// It was interrupted.
    Interrupted,
    /// Its reply passed the bound.
    TooLong,
    /// The system would not say how it ended.
    Lost,
}

fn terminate() -> [Stop; 1] {
    [Stop {
        signal: StopSignal::Terminate,
        grace: INTERRUPT_GRACE,
    }]
}

/// Feeds and reads the command until it ends or must end.
async fn drive(
    child: &mut Child,
    prompt: &str,
    io: &mut TurnIo,
    (reply, tail): (&mut Reply, &mut Tail),
) -> Finish {
    let mut feed = pin!(feed(child.take_stdin(), prompt));
    let (Some(mut stdout), Some(stderr)) = (child.take_stdout(), child.take_stderr()) else {
        return Finish::Lost;
    };
    let mut errors = pin!(tail.fill(stderr));
    let (mut fed, mut out_open, mut err_open, mut heard) = (false, true, true, true);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut state = Going::default();
    loop {
        if let Some(finish) = state.finished(out_open || err_open) {
            return finish;
        }
        tokio::select! {
            // In this order: what was said is read before a time that has run out counts.
            biased;
            command = io.commands.recv(), if heard => match command {
                Some(TurnCommand::Interrupt) => {
                    child.signal(StopSignal::Terminate);
                    state.interrupt();
                }
                Some(TurnCommand::Answer { .. }) => {}
                None => heard = false,
            },
            () = &mut feed, if !fed => fed = true,
            () = &mut errors, if err_open => err_open = false,
            read = stdout.read(&mut chunk), if out_open => match read {
                Ok(count @ 1..) => {
                    send(io, reply.push(&chunk[..count])).await;
                    if reply.is_too_long() {
                        return Finish::TooLong;
                    }
                    state.read(count, reply.end != End::NotSaid);
                }
                Ok(0) | Err(_) => out_open = false,
            },
            status = child.wait(), if state.exited.is_none() => match status {
                Ok(status) => state.exit(status),
                Err(_) => return Finish::Lost,
            },
            () = sleep_until(state.until.unwrap_or_else(Instant::now)), if state.until.is_some() => {
                return state.timed_out();
            }
        }
    }
}

/// How far a turn is.
#[derive(Debug, Default)]
struct Going {
    exited: Option<ExitStatus>,
    interrupted: bool,
    said_end: bool,
    read_after_exit: usize,
    until: Option<Instant>,
}

impl Going {
    fn finished(&self, more_to_read: bool) -> Option<Finish> {
        if self.interrupted {
            return self.exited.map(|_| Finish::Interrupted);
        }
        let drained = !more_to_read || self.read_after_exit > DRAIN_BYTES;
        self.exited.filter(|_| drained).map(Finish::Exited)
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
        self.until = Some(Instant::now() + INTERRUPT_GRACE);
    }

    fn exit(&mut self, status: ExitStatus) {
        self.exited = Some(status);
        if !self.interrupted {
            self.until = Some(Instant::now() + DRAIN);
        }
    }

    fn read(&mut self, count: usize, said_end: bool) {
        if self.exited.is_some() {
            self.read_after_exit += count;
            self.until = Some(Instant::now() + DRAIN);
        } else if said_end && !self.said_end && !self.interrupted {
            self.until = Some(Instant::now() + END_GRACE);
        }
        self.said_end |= said_end;
    }

    fn timed_out(&self) -> Finish {
        match self.exited {
            _ if self.interrupted => Finish::Interrupted,
            Some(status) => Finish::Exited(status),
            None => Finish::SaidEnd,
        }
    }
}

/// Writes the prompt and closes. A command that does not read it is no error.
async fn feed(stdin: Option<ChildStdin>, prompt: &str) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(prompt.as_bytes()).await;
        let _ = stdin.shutdown().await;
    }
}

/// Tells what happened. When nobody listens any more, whoever did drops this future.
async fn send(io: &TurnIo, events: Vec<AdapterEvent>) {
    for event in events {
        let _ = io.events.send(event).await;
    }
}

fn judge(finish: &Finish, status: Option<ExitStatus>, reply: &Reply, errors: &str) -> TurnOutcome {
    let failed = |detail: String| TurnOutcome::Failed { detail };
    match (finish, status) {
        (Finish::Interrupted, _) => TurnOutcome::Interrupted,
        (Finish::Lost, _) => failed(
            "The system would not say how the command ended; whether it did its work is unknown."
                .to_owned(),
        ),
        (Finish::TooLong, _) => failed(
            "The command was stopped: its reply passed 4 MiB, the most that is taken.".to_owned(),
        ),
        (Finish::Exited(_), Some(status)) if !status.success() => {
            failed(exit_detail(status, reply, errors))
        }
        (Finish::Exited(_) | Finish::SaidEnd, _) => match (&reply.end, reply.lost) {
            (End::Failed(error), _) => failed(error.clone()),
            (End::Completed | End::NotSaid, Some(bytes)) => failed(format!(
                "Its reply is not whole: a line of {bytes} bytes was left out, and an event takes at most {MAX_LINE_BYTES}. \
                 Let the command write its text in several events."
            )),
            (End::Completed | End::NotSaid, None) => TurnOutcome::Completed {
                reply: reply.text().to_owned(),
            },
        },
    }
}

fn exit_detail(status: ExitStatus, reply: &Reply, errors: &str) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    let said = match &reply.end {
        End::Failed(error) => format!("{how}: {error}"),
        End::Completed | End::NotSaid => how,
    };
    if errors.is_empty() {
        said
    } else {
        format!("{said}\n{errors}")
    }
}
