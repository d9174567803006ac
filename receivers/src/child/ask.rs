//! A question to a program: it runs, says something and ends.
//!
//! Owns: that neither the time nor the answer is without bound, and that nothing of it is left running. Does not own: what
//! the answer means.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::{SpawnError, Spawner, Stdin};

/// Bytes of each stream that are read: versions and states are short, and a program that says more is not what we asked for.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, at most 64 KiB.
    pub stdout: String,
    /// Its standard error, at most 64 KiB.
    pub stderr: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It did not end in time, and was killed.
    #[error("{program:?} did not answer within {} s", patience.as_secs())]
    Late {
        /// As it was named.
        program: String,
        /// What it was given.
        patience: Duration,
    },
    /// Its answer could not be read.
    #[error("what {program:?} said cannot be read: {source}")]
    Io {
        /// As it was named.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Runs a program with nothing on its standard input, and waits for its end.
///
/// # Errors
/// [`AskError`]; nothing of it runs then.
pub async fn ask(spawner: &Spawner, argv: &[String], patience: Duration) -> Result<Said, AskError> {
    let program = argv.first().cloned().unwrap_or_default();
    let mut child = spawner.spawn(argv, Stdin::Null)?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let answer = async {
        let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
        let status = child.wait().await?;
        Ok(Said {
            status,
            stdout,
            stderr,
        })
    };
    match timeout(patience, answer).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(source)) => Err(AskError::Io { program, source }),
        Err(_late) => Err(AskError::Late { program, patience }),
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream
            .take(MAX_ANSWER_BYTES)
            .read_to_end(&mut bytes)
            .await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;
    use crate::child::ChildEnv;

    async fn sh(script: &str, patience: Duration) -> Result<Said, AskError> {
        let env = ChildEnv::pick_own(Mode::Exec, &[]);
        let spawner = Spawner::for_probe("ask", "/".into(), env);
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        ask(&spawner, &argv, patience).await
    }

    #[tokio::test]
    async fn an_answer_has_a_status_and_a_bound() {
        let said = sh("echo out; echo err >&2; exit 3", Duration::from_secs(20));
        let said = said.await.unwrap();
        assert_eq!(
            (said.stdout.as_str(), said.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(said.status.code(), Some(3));
        let said = sh("head -c 100000 /dev/zero", Duration::from_secs(20)).await;
        assert!(said.unwrap().stdout.len() as u64 == MAX_ANSWER_BYTES);
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_left_behind_dead() {
        // Of this length no other sleep is.
        let seconds = format!("31{}", std::process::id());
        let script = format!("sleep {seconds} & sleep {seconds}");
        let said = sh(&script, Duration::from_millis(300)).await;
        assert!(matches!(said, Err(AskError::Late { .. })), "{said:?}");
        let wanted = format!("sleep\0{seconds}\0").into_bytes();
        let alive = || {
            let entries = std::fs::read_dir("/proc").unwrap().flatten();
            let mut lines = entries.map(|entry| std::fs::read(entry.path().join("cmdline")));
            lines.any(|line| line.is_ok_and(|line| line == wanted))
        };
        for _ in 0..200 {
            if !alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("sleep {seconds} still runs");
    }
}
