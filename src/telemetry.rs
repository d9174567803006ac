//! The operator's log: tracing to a file, never to the screen.
//!
//! Owns: where lines go, how much of them is kept, and that a panic leaves a line. Does not own: transcripts, which are
//! the user's data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Sets the level: `error`, `warn`, `info`, `debug`, `trace`, or tracing's directives.
pub const LEVEL_VARIABLE: &str = "FLEET_LOG";
/// A log that is longer is put aside as `<name>.1`, replacing the one before: two such files hold days of a busy daemon.
pub const MAX_LOG_BYTES: u64 = 8 * 1024 * 1024;
/// Lines that wait to be written. Further ones are dropped and counted: a slow disk must not slow the work.
const MAX_WAITING_LINES: usize = 4_096;

/// Keeps the log going; dropping it writes what waits.
#[derive(Debug)]
#[must_use = "dropping it ends the log"]
pub struct Telemetry {
    /// What was wrong with [`LEVEL_VARIABLE`]; of the person's own text, so made safe before it is shown.
    pub problem: Option<String>,
    _writer: WorkerGuard,
}

/// Starts the log of this process in a file of that folder. `default_level` holds where [`LEVEL_VARIABLE`] says nothing.
/// A process has one log: a second call changes nothing.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(folder: &Path, name: &str, default_level: &str) -> io::Result<Telemetry> {
    let file = BoundedFile::open(folder.join(name), MAX_LOG_BYTES)?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(MAX_WAITING_LINES)
        .lossy(true)
        .thread_name("fleet-log")
        .finish(file);
    let directives = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
    let filter =
        EnvFilter::builder().with_default_directive(default_level.parse().unwrap_or_default());
    // Not lossy with the person's own text: the library would print what it does not understand as it is.
    let (filter, problem) = match filter.parse(&directives) {
        Ok(understood) => (understood, None),
        Err(error) => {
            let said = format!(
                "{LEVEL_VARIABLE} is {directives:?}, which is not understood ({error}); the log holds what it holds without it. It takes \
                 a level such as debug, or levels of modules such as fleet=debug."
            );
            (filter.parse_lossy(""), Some(said))
        }
    };
    let installed = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .try_init();
    if installed.is_ok() {
        log_panics();
    }
    Ok(Telemetry {
        problem,
        _writer: guard,
    })
}

/// A panic goes to the log as well as to whatever told it before.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, "panicked");
        before(panic);
    }));
}

/// A file that is put aside when it gets too long.
#[derive(Debug)]
struct BoundedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl BoundedFile {
    fn open(path: PathBuf, max_bytes: u64) -> io::Result<Self> {
        let file = append(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            bytes,
            max_bytes,
        })
    }

    fn put_aside(&mut self) -> io::Result<()> {
        fs::rename(&self.path, put_aside_path(&self.path))?;
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

/// Where a log goes that is put aside.
#[must_use]
pub fn put_aside_path(log: &Path) -> PathBuf {
    let mut aside = log.to_owned().into_os_string();
    aside.push(".1");
    aside.into()
}

/// For the owner alone, like all state.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

impl Write for BoundedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.max_bytes {
            self.put_aside()?;
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_long_log_is_put_aside_once_and_belongs_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        for start in 0..2 {
            let mut log = BoundedFile::open(path.clone(), 10).unwrap();
            for line in 0..3 {
                log.write_all(format!("{start}-{line}\n").as_bytes())
                    .unwrap();
            }
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("x.log"), "1-1\n1-2\n");
        assert_eq!(read("x.log.1"), "0-2\n1-0\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
