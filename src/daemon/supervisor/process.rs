//! One receiver's process, held so that no other can be mistaken for it.
//!
//! Owns: waiting for its end and signalling it. On Linux both go through a pidfd, which names the process and not the
//! number. Does not own: when to do so.

use std::path::Path;
use std::time::Duration;

use fleet_receivers::folder::{self, Identity};
use process_wrap::tokio::ChildWrapper;
use rustix::process::{Pid, Signal};

/// Between two looks at a process where the system has no pidfd.
#[cfg(not(target_os = "linux"))]
const POLL: Duration = Duration::from_secs(1);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// With status 0.
    Clean,
    /// With another status, or by a signal.
    Failed,
    /// It was not our child: its status went to somebody else.
    Unknown,
}

/// A receiver's process.
#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    child: Option<Box<dyn ChildWrapper>>,
    #[cfg(target_os = "linux")]
    handle: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

impl Process {
    /// Our own child. It is not reaped yet, so its number is its own.
    pub(super) fn of_child(child: Box<dyn ChildWrapper>) -> std::io::Result<Self> {
        let pid = child
            .id()
            .ok_or_else(|| std::io::Error::other("it ended at once"))?;
        Self::hold(pid, Some(child))
    }

    /// A process that an earlier daemon started; `None` when it is gone. Whoever has its number now is not held, nor whom an
    /// identity names that does not serve the folder.
    pub(super) fn adopt(dir: &Path, identity: &Identity) -> Option<Self> {
        let held = Self::hold(identity.pid, None).ok()?;
        // Asked after it is held: from here on the answer cannot become wrong.
        let ours = identity.is_running() && folder::is_server(dir, identity.pid);
        ours.then_some(held)
    }

    #[cfg(target_os = "linux")]
    #[allow(
        deprecated,
        reason = "its successor is unsafe, because a type may change its descriptor; an OwnedFd never does"
    )]
    fn hold(pid: u32, child: Option<Box<dyn ChildWrapper>>) -> std::io::Result<Self> {
        use rustix::process::{PidfdFlags, pidfd_open};
        let fd = pidfd_open(raw(pid)?, PidfdFlags::empty())?;
        Ok(Self {
            pid,
            child,
            handle: tokio::io::unix::AsyncFd::with_interest(fd, tokio::io::Interest::READABLE)?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn hold(pid: u32, child: Option<Box<dyn ChildWrapper>>) -> std::io::Result<Self> {
        raw(pid)?;
        Ok(Self { pid, child })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end. Dropping the wait loses nothing.
    pub(super) async fn exited(&mut self) -> Exit {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) if status.success() => Exit::Clean,
                Ok(_) => Exit::Failed,
                Err(_) => Exit::Unknown,
            },
            None => self.gone().await,
        }
    }

    #[cfg(target_os = "linux")]
    async fn gone(&self) -> Exit {
        // A pidfd becomes readable when its process ends, and stays so.
        let _ = self.handle.readable().await;
        Exit::Unknown
    }

    #[cfg(not(target_os = "linux"))]
    async fn gone(&self) -> Exit {
        while raw(self.pid).is_ok_and(|pid| rustix::process::test_kill_process(pid).is_ok()) {
            tokio::time::sleep(POLL).await;
        }
        Exit::Unknown
    }

    /// Waits for its end for so long; `None` when it lives on.
    pub(super) async fn exited_within(&mut self, limit: Duration) -> Option<Exit> {
        tokio::time::timeout(limit, self.exited()).await.ok()
    }

    /// Asks it to drain and end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it now.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        let sent = rustix::process::pidfd_send_signal(self.handle.get_ref(), signal);
        #[cfg(not(target_os = "linux"))]
        let sent = match raw(self.pid) {
            Ok(pid) => rustix::process::kill_process(pid, signal),
            Err(_) => return,
        };
        if let Err(error) = sent {
            tracing::debug!(pid = self.pid, %error, "a signal went to nobody");
        }
    }
}

fn raw(pid: u32) -> std::io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| std::io::Error::other("it has no process id"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Stdio;
    use std::time::Duration;

    use fleet_receivers::Mode;
    use fleet_receivers::folder::{Identity, LOCK_FILE, boot_id, process_start_time};
    use process_wrap::tokio::CommandWrap;

    use super::{Exit, Process};

    /// Lives for a while, with the lock of that folder open as a receiver has it.
    fn server_of(dir: &Path) -> Process {
        let lock = std::fs::File::create(dir.join(LOCK_FILE)).unwrap();
        sleeper(Stdio::from(lock))
    }

    fn sleeper(stdin: Stdio) -> Process {
        let child = CommandWrap::with_new("sleep", |command| {
            command.arg("60").stdin(stdin).kill_on_drop(true);
        })
        .spawn()
        .unwrap();
        Process::of_child(child).unwrap()
    }

    fn identity(pid: u32) -> Identity {
        Identity {
            pid,
            start_time: process_start_time(pid).unwrap(),
            boot_id: boot_id(),
            instance: "i".to_owned(),
            addr: "127.0.0.1:1".parse().unwrap(),
            url: String::new(),
            peer: "p".to_owned(),
            mode: Mode::Echo,
            repo: "/".into(),
            version: String::new(),
        }
    }

    #[tokio::test]
    async fn a_process_is_adopted_by_its_identity_alone_and_its_end_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let mut ours = server_of(dir.path());
        let mut other = identity(ours.pid());
        other.start_time += 1;
        assert!(Process::adopt(dir.path(), &other).is_none());

        let mut adopted = Process::adopt(dir.path(), &identity(ours.pid())).unwrap();
        let long = Duration::from_secs(10);
        assert_eq!(adopted.exited_within(Duration::ZERO).await, None);
        adopted.kill();
        assert_eq!(adopted.exited_within(long).await, Some(Exit::Unknown));
        assert_eq!(ours.exited_within(long).await, Some(Exit::Failed));
        assert!(Process::adopt(dir.path(), &other).is_none());
    }

    /// A stranger that an identity names, in each way in which one can.
    #[tokio::test]
    async fn a_stranger_is_never_held_and_so_never_signalled_a_thousand_times() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::File::create(dir.path().join(LOCK_FILE)).unwrap();
        let mut stranger = sleeper(Stdio::null());
        let named = identity(stranger.pid());
        for round in 0_u64..1_000 {
            let mut forged = named.clone();
            match round % 4 {
                0 => forged.start_time = named.start_time.wrapping_add(round + 1),
                1 => forged.boot_id = format!("boot-{round}"),
                2 => forged.start_time = 0,
                // All fits but that it serves the folder, whatever instance it is said to be.
                _ => forged.instance = format!("instance-{round}"),
            }
            if let Some(held) = Process::adopt(dir.path(), &forged) {
                held.terminate();
                held.kill();
            }
        }
        let lives = stranger.exited_within(Duration::from_millis(50)).await;
        assert_eq!(lives, None, "it was signalled");
        stranger.kill();
    }
}
