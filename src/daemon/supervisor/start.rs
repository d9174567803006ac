//! Starting a receiver's process and waiting until it proves itself; finding one that runs already.
//!
//! Owns: the detached process, its log, the wait. Does not own: whether it should run.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fleet_a2a::client::{Client, Endpoint};
use fleet_receivers::folder::{self, Health, Identity};
use fleet_receivers::harness::Handshake;
use process_wrap::tokio::{CommandWrap, ProcessSession};
use tokio::time::Instant;

use super::deploy::Deployed;
use super::halt::drained;
use super::process::Process;
use super::prove::{Unproven, base_url, prove};

/// How long a receiver may take from its start to its proof: 60 ms is usual; a loaded machine takes longer.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks meanwhile.
const START_POLL: Duration = Duration::from_millis(5);
/// How long a receiver that was found running may take to prove itself.
const ADOPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two questions meanwhile.
const ADOPT_POLL: Duration = Duration::from_millis(250);
/// A log that is larger when its receiver starts is moved to `log.1`, which is overwritten.
const MAX_LOG_BYTES: u64 = 4 * 1024 * 1024;
/// How much of what a start logged is searched for its reason.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// A proven receiver.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) deployed: Deployed,
    pub(super) identity: Identity,
    pub(super) endpoint: Endpoint,
    pub(super) health: Health,
    /// What it told with the token; `None` until it was asked, or when it did not tell.
    pub(super) handshake: Option<Handshake>,
}

/// Starts the receiver and waits for its proof. One that fails to prove itself is killed.
///
/// # Errors
/// One sentence that says why it does not run.
pub(super) async fn start(
    program: &Path,
    client: &Client,
    deployed: Deployed,
) -> Result<Running, String> {
    let (mut process, logged) = spawn(program, &deployed)
        .map_err(|error| format!("its process cannot be started: {error}"))?;
    let deadline = Instant::now() + START_TIMEOUT;
    let mut last = "it did not say where it listens".to_owned();
    while Instant::now() < deadline {
        let wait = process.exited_within(START_POLL);
        if wait.await.is_some() {
            return Err(format!(
                "it ended while it started{}",
                reason(&deployed.dir, logged)
            ));
        }
        let Some(identity) = identity_of(&deployed, process.pid()) else {
            continue;
        };
        match running(client, &deployed, identity).await {
            Ok((identity, endpoint, health)) => {
                return Ok(Running {
                    process,
                    deployed,
                    identity,
                    endpoint,
                    health,
                    handshake: None,
                });
            }
            Err(why) => last = why,
        }
    }
    process.kill();
    let _ = process.exited_within(START_TIMEOUT).await;
    Err(format!(
        "it did not prove itself within {} s: {last}",
        START_TIMEOUT.as_secs()
    ))
}

/// Takes over a receiver that an earlier daemon started; `None` when none runs. One that runs but does not prove itself is
/// killed: it holds the folder's lock, so no other could start.
pub(super) async fn adopt(client: &Client, deployed: Deployed) -> Option<Running> {
    let (identity, mut process) = find(&deployed.dir).await?;
    let deadline = Instant::now() + ADOPT_TIMEOUT;
    loop {
        match running(client, &deployed, identity.clone()).await {
            // Told to stop by a daemon that was killed meanwhile, or idle: it takes nothing and ends.
            Ok((_, _, health)) if health.draining => {
                drained(&mut process).await;
                return None;
            }
            Ok((identity, endpoint, health)) => {
                return Some(Running {
                    process,
                    deployed,
                    identity,
                    endpoint,
                    health,
                    handshake: None,
                });
            }
            Err(why) if Instant::now() >= deadline => {
                tracing::warn!(peer = %deployed.config.peer, %why, "a receiver cannot be adopted and is ended");
                process.kill();
                let _ = process.exited_within(ADOPT_TIMEOUT).await;
                return None;
            }
            Err(_) => {
                if process.exited_within(ADOPT_POLL).await.is_some() {
                    return None;
                }
            }
        }
    }
}

/// The process that serves the folder. One that was just started has the lock and has not said yet who it is: it is waited for,
/// so that it is neither started twice nor swept up after while it lives.
async fn find(dir: &Path) -> Option<(Identity, Process)> {
    let give_up = Instant::now() + ADOPT_TIMEOUT;
    loop {
        let known = Identity::read(dir).ok().flatten();
        if let Some(found) =
            known.and_then(|known| Process::adopt(dir, &known).map(|it| (known, it)))
        {
            return Some(found);
        }
        if !folder::is_served(dir) || Instant::now() >= give_up {
            return None;
        }
        tokio::time::sleep(START_POLL).await;
    }
}

/// The proof, then the card. The card is public, the token is only attached to what it says.
async fn running(
    client: &Client,
    deployed: &Deployed,
    identity: Identity,
) -> Result<(Identity, Endpoint, Health), String> {
    let health = prove(client, deployed, &identity)
        .await
        .map_err(|error: Unproven| error.to_string())?;
    let base = base_url(&identity).ok_or("its address is no address")?;
    let endpoint = client
        .fetch_card(&base, Some(&deployed.token))
        .await
        .map_err(|error| format!("its card cannot be read: {error}"))?;
    Ok((identity, endpoint.proving(), health))
}

fn identity_of(deployed: &Deployed, pid: u32) -> Option<Identity> {
    let identity = Identity::read(&deployed.dir).ok().flatten()?;
    (identity.pid == pid && identity.is_running()).then_some(identity)
}

/// The process, and how long its log was before it.
fn spawn(program: &Path, deployed: &Deployed) -> std::io::Result<(Process, u64)> {
    let log = open_log(&deployed.dir)?;
    let logged = log.metadata()?.len();
    let mut command = CommandWrap::with_new(program, |command| {
        command
            .arg("serve")
            .arg("--receiver")
            .arg(&deployed.dir)
            .env_clear()
            .envs(deployed.env.iter().map(|(name, value)| (name, value)))
            .env_remove(fleet_receivers::child::MARKER)
            // One heap for its few threads, not one each: a receiver is idle as a rule. Its agents do not get this.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log));
    });
    // The session is all that was wanted: waiting is for this one process, not for its group.
    let child = command.wrap(ProcessSession).spawn()?.into_inner();
    Ok((Process::of_child(child)?, logged))
}

fn open_log(dir: &Path) -> std::io::Result<File> {
    let path = folder::path(dir, folder::LOG_FILE);
    let open = || {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
            .open(&path)
    };
    let log = open()?;
    if log.metadata()?.len() <= MAX_LOG_BYTES {
        return Ok(log);
    }
    std::fs::rename(&path, path.with_extension("1"))?;
    open()
}

/// What this start left in the log, as the reason that a person wants to see first: its error, else its last line.
fn reason(dir: &Path, from: u64) -> String {
    let path = folder::path(dir, folder::LOG_FILE);
    let read = || -> std::io::Result<String> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find_map(|line| line.strip_prefix("error: "));
    match error.or_else(|| lines().next_back()) {
        Some(line) => format!(": {}", line.trim_end_matches('.')),
        None => format!("; its log {} says nothing", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_this_start_said() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join(folder::LOG_FILE);
        let old = "error: an old one.\n";
        let reason = |new: &str| {
            std::fs::write(&log, format!("{old}{new}")).unwrap();
            super::reason(dir.path(), old.len() as u64)
        };
        let said = reason("INFO begins\nerror: no such command.\n  try: install it\n");
        assert_eq!(said, ": no such command");
        assert_eq!(reason("INFO begins\n\n"), ": INFO begins");
        assert!(reason("").contains("says nothing"));
    }
}
