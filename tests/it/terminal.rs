//! A person at a pseudo-terminal: presses keys, reads the screen, closes the lid.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// A screen that a test waits for comes within milliseconds; by then something is broken.
const COMES_WITHIN: Duration = Duration::from_secs(20);

/// Between two presses of a key that may not count yet.
const BETWEEN_PRESSES: Duration = Duration::from_millis(300);

struct Shown {
    bytes: Vec<u8>,
    screen: vt100::Parser,
    over: bool,
}

type Shared = Arc<(Mutex<Shown>, Condvar)>;

pub(crate) struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// Keeps the terminal open after the console left it, so that its modes can be read.
    slave: Option<Box<dyn portable_pty::SlavePty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    shown: Shared,
    reader: Option<JoinHandle<()>>,
    modes: String,
}

/// How it ended.
pub(crate) struct End {
    pub(crate) code: u32,
    /// Every byte that was written.
    pub(crate) text: String,
    /// The modes of the terminal are as before, and the alternate screen and bracketed paste were left last.
    pub(crate) restored: bool,
}

impl Console {
    /// Runs `fleet` in this folder, with this environment and nothing else, in a terminal of this size.
    pub(crate) fn open(folder: &Path, env: &[(String, String)], size: (u16, u16)) -> Self {
        let (columns, rows) = size;
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_fleet"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for (name, value) in env {
            command.env(name, value);
        }
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        let shown: Shared = Arc::new((
            Mutex::new(Shown {
                bytes: Vec::new(),
                screen: vt100::Parser::new(
                    rows.try_into().unwrap(),
                    columns.try_into().unwrap(),
                    0,
                ),
                over: false,
            }),
            Condvar::new(),
        ));
        let source = pair.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&shown);
        let reader = std::thread::spawn(move || read(source, &sink));
        let keys = pair.master.take_writer().unwrap();
        Self {
            child,
            master: Some(pair.master),
            slave: Some(pair.slave),
            keys: Some(keys),
            shown,
            reader: Some(reader),
            modes,
        }
    }

    /// Presses keys, one after the other.
    pub(crate) fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&self, text: &str) {
        if let Err(screen) = self.shows_within(text, COMES_WITHIN) {
            panic!("{text:?} is not on the screen:\n{screen}");
        }
    }

    /// Presses keys again and again until the screen shows a text: a question that came by itself takes no answer at once.
    pub(crate) fn press_until(&mut self, keys: &str, text: &str) {
        let end = Instant::now() + COMES_WITHIN;
        loop {
            self.press(keys);
            match self.shows_within(text, BETWEEN_PRESSES) {
                Ok(()) => return,
                Err(screen) => assert!(
                    Instant::now() < end,
                    "{text:?} is not on the screen:\n{screen}"
                ),
            }
        }
    }

    /// What the screen shows instead is the error.
    fn shows_within(&self, text: &str, limit: Duration) -> Result<(), String> {
        let (shown, news) = &*self.shown;
        let (shown, _waited) = news
            .wait_timeout_while(shown.lock().unwrap(), limit, |shown| {
                !shown.screen.screen().contents().contains(text) && !shown.over
            })
            .unwrap();
        let screen = shown.screen.screen().contents();
        if screen.contains(text) {
            Ok(())
        } else {
            Err(screen)
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().unwrap();
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Closes the terminal and waits for the console to notice.
    pub(crate) fn hang_up(mut self) {
        drop(self.keys.take());
        drop(self.slave.take());
        // What reads the terminal holds it open, so the hang-up is told as a closing terminal emulator tells it.
        self.signal(Signal::HUP);
        drop(self.master.take());
        self.child.wait().unwrap();
    }

    /// Waits for the console to leave.
    pub(crate) fn end(mut self) -> End {
        let code = self.child.wait().unwrap().exit_code();
        let after = format!("{:?}", self.master.as_ref().unwrap().get_termios());
        drop(self.keys.take());
        drop(self.slave.take());
        drop(self.master.take());
        self.reader.take().unwrap().join().unwrap();
        let bytes = std::mem::take(&mut self.shown.0.lock().unwrap().bytes);
        let text = String::from_utf8(bytes).unwrap();
        let left_last = ["1049", "2004"].iter().all(|mode| {
            let left = text.rfind(&format!("\u{1b}[?{mode}l"));
            left.is_some() && left > text.rfind(&format!("\u{1b}[?{mode}h"))
        });
        let cursor = text.rfind("\u{1b}[?25h") > text.rfind("\u{1b}[?25l");
        End {
            code,
            restored: after == self.modes && left_last && cursor,
            text,
        }
    }
}

impl Drop for Console {
    /// A test that failed leaves no process.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut source: Box<dyn Read + Send>, shown: &Shared) {
    let mut buffer = [0; 4096];
    loop {
        // A terminal that nobody holds any more reads as an error, which is an end like any other.
        let count = source.read(&mut buffer).unwrap_or(0);
        let mut now = shown.0.lock().unwrap();
        now.bytes.extend_from_slice(&buffer[..count]);
        now.screen.process(&buffer[..count]);
        now.over = count == 0;
        shown.1.notify_all();
        if count == 0 {
            return;
        }
    }
}
