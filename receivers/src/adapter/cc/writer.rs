//! The CLI's standard input.
//!
//! Owns: the lines that wait to be written, and how much of them was certainly never read.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Lines that may wait for the CLI to read them: a prompt, answers, an interrupt.
const QUEUE: usize = 32;
/// How long the writer of a dead process may take to notice: its pipe breaks at once.
const BREAK_TIME: Duration = Duration::from_millis(200);

/// Writes lines to the CLI, one after the other, until it is dropped, which closes the CLI's standard input.
#[derive(Debug)]
pub(super) struct Writer {
    lines: mpsc::Sender<String>,
    queued_bytes: AtomicU64,
    written_bytes: Arc<AtomicU64>,
    /// Aborts the writing when dropped.
    task: JoinSet<()>,
    /// The same pipe, to ask how much of it nobody has read.
    pipe: Option<OwnedFd>,
}

/// A place in what is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u64);

impl Writer {
    pub(super) fn start(stdin: Option<ChildStdin>) -> Self {
        let (lines, queue) = mpsc::channel(QUEUE);
        let written_bytes = Arc::new(AtomicU64::new(0));
        let pipe = stdin
            .as_ref()
            .and_then(|stdin| stdin.as_fd().try_clone_to_owned().ok());
        let mut task = JoinSet::new();
        if let Some(stdin) = stdin {
            task.spawn(write(stdin, queue, Arc::clone(&written_bytes)));
        }
        Self {
            lines,
            queued_bytes: AtomicU64::new(0),
            written_bytes,
            task,
            pipe,
        }
    }

    /// A full queue means that the CLI reads nothing any more: then the interrupt's grace or the deadline ends it.
    pub(super) fn write(&self, line: String) {
        let bytes = line.len() as u64;
        if self.lines.try_send(line).is_ok() {
            self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Where the next line begins.
    pub(super) fn here(&self) -> Place {
        Place(self.queued_bytes.load(Ordering::Relaxed))
    }

    /// Whether a dead CLI certainly read nothing of what was written from `place` on: it is in the pipe still, all of it.
    pub(super) async fn left_unread(mut self, place: Place) -> bool {
        let Some(pipe) = self.pipe.take() else {
            return false;
        };
        // What the writer has written is known only once it has stopped.
        drop(self.lines);
        let stopped = async { while self.task.join_next().await.is_some() {} };
        if tokio::time::timeout(BREAK_TIME, stopped).await.is_err() {
            return false;
        }
        let written = self.written_bytes.load(Ordering::Relaxed);
        let after = written.saturating_sub(place.0);
        after == 0 || rustix::io::ioctl_fionread(&pipe).is_ok_and(|unread| unread >= after)
    }
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<String>, written: Arc<AtomicU64>) {
    while let Some(line) = queue.recv().await {
        let mut left = line.as_bytes();
        while !left.is_empty() {
            match stdin.write(left).await {
                // A CLI that no longer reads is about to end; its output says why.
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    written.fetch_add(count as u64, Ordering::Relaxed);
                    left = &left[count..];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fleet_a2a::TaskId;

    use super::*;
    use crate::child::{Child, ChildEnv, Spawner, Stdin, stop};

    fn start(script: &str) -> (Child, Writer, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut env = ChildEnv::default();
        env.set("PATH", "/usr/bin:/bin");
        let spawner = Spawner::new("writer-a", &TaskId::mint(), dir.path().to_path_buf(), env);
        let argv = ["sh", "-c", script].map(str::to_owned);
        let mut child = spawner.spawn(&argv, Stdin::Piped).unwrap();
        let input = Writer::start(child.take_stdin());
        (child, input, dir)
    }

    #[tokio::test]
    async fn what_a_dead_process_never_read_is_known_and_what_it_read_is_not_called_unread() {
        let (mut child, input, _dir) = start("exec sleep 600");
        input.write("first\n".to_owned());
        let place = input.here();
        input.write("x".repeat(300_000));
        stop(&mut child, &[]).await;
        assert!(input.left_unread(place).await);

        let (mut child, input, dir) = start("head -c 7 > got; exec sleep 600");
        input.write("first\n".to_owned());
        let place = input.here();
        input.write("second\n".to_owned());
        tokio::time::timeout(Duration::from_secs(10), async {
            while std::fs::read(dir.path().join("got")).map_or(0, |got| got.len()) < 7 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        stop(&mut child, &[]).await;
        assert!(!input.left_unread(place).await);
    }
}
