//! The daemon from its lock to its end.
//!
//! Owns: the order in which the parts start and stop. Stopping cancels nothing: turns go on below the receivers.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::{Activity, Core};
use super::dispatch::{DispatchDeps, Dispatcher};
use super::fleet::FleetCell;
use super::handover;
use super::lock::Lock;
use super::notices::Notices;
use super::snapshot;
use super::socket::ControlSocket;
use super::store::Store;
use super::supervisor::Supervisor;
use crate::control::{DaemonReport, Notice, Target, report_path};
use crate::domain::{ErrorKind, Failure};

/// With no client, no open dispatch and no receiver for so long, the daemon ends.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Between two looks whether it is idle.
const IDLE_LOOK: Duration = Duration::from_secs(30);
/// How long the dispatcher may take to drop its streams, within the second that stopping may take.
const DISPATCH_SHUTDOWN: Duration = Duration::from_millis(300);
/// How long the store may take to fold its log in; what is committed is safe without it.
const STORE_SHUTDOWN: Duration = Duration::from_millis(200);
const DATABASE: &str = "fleet.db";

/// Runs the daemon until it is told to stop or is idle. Returns at once when another process is the fleet's daemon.
///
/// # Errors
/// A [`Failure`] when it cannot start; it is left for the client that started it, too.
pub async fn run(target: &Target) -> Result<(), Failure> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    target.make_state_dir()?;
    let Some(lock) = handover::take_lock(&target.state_dir).await? else {
        tracing::info!("another daemon serves this fleet");
        return Ok(());
    };
    forget_reports(target);
    let outcome = serve(target, &lock).await;
    if let Err(failure) = &outcome {
        tracing::error!(%failure, "the daemon could not start");
        report(target, failure);
    }
    outcome
}

async fn serve(target: &Target, lock: &Lock) -> Result<(), Failure> {
    raise_file_limit();
    // Before anything is announced: a signal from here on ends the daemon in order.
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(stop_on_signals(stop.clone())?);

    let fleet = Arc::new(FleetCell::open(target)?);
    let store = Store::open(&target.state_dir.join(DATABASE)).await?;
    let notices = Arc::new(Notices::default());
    let supervisor = Supervisor::open(
        target,
        store.clone(),
        Arc::clone(&fleet),
        Arc::clone(&notices),
    )
    .await?;
    let dispatcher = Dispatcher::open(DispatchDeps {
        store: store.clone(),
        peers: Arc::new(supervisor.handle()),
    })
    .await?;
    let dispatch = dispatcher.handle();
    // Listened to from here on, so that none falls between what is read back and what comes.
    let coming = dispatch.notices();
    for notice in dispatch.tell_standing(&fleet.current().config).await? {
        notices.push(notice);
    }
    let core = Arc::new(Core {
        target: target.clone(),
        store: store.clone(),
        fleet,
        dispatch,
        supervisor: supervisor.handle(),
        notices,
        snapshots: watch::Sender::new(None),
        woken: Notify::new(),
        activity: Activity::default(),
        stop,
    });
    let socket = ControlSocket::bind(lock, target)?;
    handover::done(&target.state_dir);
    tracing::info!(version = fleet_receivers::version(), config = %target.config.display(), "the daemon serves");
    tasks.spawn(snapshot::publish(Arc::clone(&core)));
    tasks.spawn(collect_notices(coming, Arc::clone(&core)));
    tasks.spawn(stop_when_idle(Arc::clone(&core)));
    socket.serve(&core).await;

    tracing::info!("the daemon stops; receivers go on");
    drop(socket);
    let _ = tokio::time::timeout(DISPATCH_SHUTDOWN, dispatcher.shutdown()).await;
    supervisor.shutdown().await;
    tasks.shutdown().await;
    let _ = tokio::time::timeout(STORE_SHUTDOWN, store.close()).await;
    Ok(())
}

fn stop_on_signals(
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                format!("The daemon cannot listen for signals: {error}."),
                "",
            )
        })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    // A terminal that closes is no reason to stop.
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {}
            }
        }
        stop.cancel();
    })
}

async fn collect_notices(mut notices: broadcast::Receiver<Notice>, core: Arc<Core>) {
    loop {
        match notices.recv().await {
            Ok(notice) => core.notices.push(notice),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "notices came faster than they could be kept");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn stop_when_idle(core: Arc<Core>) {
    let mut idle_since = Instant::now();
    loop {
        tokio::time::sleep(IDLE_LOOK).await;
        let busy = core.activity.clients() > 0
            || core.dispatch.open_count() > 0
            || core.supervisor.any_running();
        if busy {
            idle_since = Instant::now();
        } else if idle_since.elapsed() >= IDLE {
            tracing::info!("nothing to do");
            core.stop.cancel();
            return;
        }
    }
}

/// Hundreds of connections and streams need more than the usual 1,024 files; as many as the system allows are asked for.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

/// Tells the client that started this process why it ends.
fn report(target: &Target, failure: &Failure) {
    let report = DaemonReport {
        failure: failure.clone(),
    };
    let path = report_path(&target.state_dir, std::process::id());
    let written = serde_json::to_vec(&report)
        .map_err(std::io::Error::from)
        .and_then(|bytes| std::fs::write(&path, bytes));
    if let Err(error) = written {
        tracing::warn!(%error, "the failure could not be left for the client");
    }
}

/// Reports of daemons that failed and whose client did not wait.
fn forget_reports(target: &Target) {
    let Ok(entries) = std::fs::read_dir(&target.state_dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let old = || {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD_REPORT))
        };
        if name.starts_with("daemon-") && name.ends_with(".err") && old() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// A client reads its daemon's report within seconds.
const OLD_REPORT: Duration = Duration::from_secs(60);
