//! A daemon that says what a test tells it to, on a real socket, so that the command line can be seen to deal with
//! what a well-behaved daemon does rarely: hanging up, refusing, saying hostile things.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use fleet::control::{
    Answer, Build, CONNECTION_ID, Command, DispatchView, Request, Response, SocketPath, Welcome,
};
use serde_json::{Value, json};

/// What the daemon does about a command.
pub(crate) enum Reply {
    /// Says these, then that this was all.
    Say(Vec<Answer>),
    /// Says these, and nothing more: the connection stays open.
    SayAndHold(Vec<Answer>),
    /// Closes the connection.
    HangUp,
}

/// A command that a test waits for comes within milliseconds; by then something is broken.
const COMES_WITHIN: Duration = Duration::from_secs(20);

/// The commands so far, and the news that one came.
#[derive(Default)]
struct Log {
    commands: Mutex<Vec<Command>>,
    came: Condvar,
}

type Script = dyn FnMut(&Command) -> Reply + Send;

/// The daemon; it ends when dropped.
pub(crate) struct FakeDaemon {
    seen: Arc<Log>,
    ended: Arc<AtomicBool>,
    socket: std::path::PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl FakeDaemon {
    /// Listens where a client looks for the daemon of that state folder.
    pub(crate) fn start(
        state: &Path,
        script: impl FnMut(&Command) -> Reply + Send + 'static,
    ) -> Self {
        let socket = SocketPath::choose(state).path;
        let folder = socket.parent().unwrap();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let seen = Arc::new(Log::default());
        let ended = Arc::new(AtomicBool::new(false));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(script));
        let (log, over) = (Arc::clone(&seen), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                let stream = stream.unwrap();
                // Ends with its connection, at the latest when the client's process has ended.
                std::thread::spawn(move || serve(&stream, &script, &log));
            }
        });
        Self {
            seen,
            ended,
            socket,
            thread: Some(thread),
        }
    }

    /// The commands so far.
    pub(crate) fn seen(&self) -> Vec<Command> {
        self.seen.commands.lock().unwrap().clone()
    }

    /// Waits until such a command has come.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Command) -> bool) {
        let commands = self.seen.commands.lock().unwrap();
        let (commands, waited) = self
            .seen
            .came
            .wait_timeout_while(commands, COMES_WITHIN, |commands| {
                !commands.iter().any(&wanted)
            })
            .unwrap();
        assert!(!waited.timed_out(), "only {commands:?}");
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _wakes_it = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(stream: &UnixStream, script: &Mutex<Script>, log: &Log) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(_hello)) = lines.next() else {
        return;
    };
    let welcome = Answer::Welcome(Welcome {
        build: Build::own(),
        pid: std::process::id(),
    });
    if !say(stream, CONNECTION_ID, welcome) {
        return;
    }
    for line in lines {
        let Ok(line) = line else { return };
        let request: Request = serde_json::from_str(&line).unwrap();
        log.commands.lock().unwrap().push(request.command.clone());
        log.came.notify_all();
        let reply = (script.lock().unwrap())(&request.command);
        let (answers, is_all) = match reply {
            Reply::Say(answers) => (answers, true),
            Reply::SayAndHold(answers) => (answers, false),
            Reply::HangUp => return,
        };
        let said = answers
            .into_iter()
            .all(|answer| say(stream, request.id, answer));
        if !said || (is_all && !say(stream, request.id, Answer::Done)) {
            return;
        }
    }
}

fn say(mut stream: &UnixStream, id: u64, body: Answer) -> bool {
    let mut line = serde_json::to_vec(&Response { id, body }).unwrap();
    line.push(b'\n');
    stream.write_all(&line).is_ok()
}

/// A dispatch in the form the daemon tells it, with some fields changed.
pub(crate) fn dispatch(dispatch_id: &str, changes: Value) -> Answer {
    let mut view = json!({
        "dispatch_id": dispatch_id,
        "peer": "echo",
        "state": "working",
        "reason": null,
        "outcome": null,
        "verification": null,
        "failed_checks": [],
        "reply": null,
        "artifacts": [],
        "context_id": "c",
        "task_id": "t",
        "usage": {"input_tokens": 3, "output_tokens": 4, "turns": 1},
        "refused": [],
        "late": false,
        "elapsed_ms": 12,
        "error": null,
        "detail": {
            "instruction": "hello",
            "reply_to": "console",
            "accepted_at": "2026-11-21T08:00:00.000Z",
            "deadline_at_ms": fleet_a2a::clock::now_ms() + 60_000,
            "granted_tokens": null,
            "permissions": [],
            "last_event": "",
            "transcript_seq": 0,
        },
    });
    for (key, value) in changes.as_object().unwrap() {
        view[key] = value.clone();
    }
    let view: DispatchView = serde_json::from_value(view).unwrap();
    Answer::Dispatch(Box::new(view))
}
