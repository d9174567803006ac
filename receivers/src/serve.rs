//! `fleet serve`: one receiver from its lock to its last breath.
//!
//! Owns: the order of starting and stopping. Does not own: what is served (see `server`) or run (see `registry`).

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::Secret;
use fleet_a2a::clock::now_ms;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Mode;
use crate::adapter::{Adapter, BuildError, build};
use crate::child::{self, ChildEnv};
use crate::config::ReceiverConfig;
use crate::folder::{self, FolderError, Identity};
use crate::harness::Guard;
use crate::registry::{self, Pulse, Registry, Shared, WorkLoop};
use crate::server::{self, AgentState, App, AppParts};
use crate::store::{Store, StoreError};

/// How long a folder may stay locked before it counts as served by another receiver.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// Between two tries meanwhile.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Why a receiver could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something is wrong with its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Another process serves this folder.
    #[error("another receiver serves {}; stop it first", dir.display())]
    Locked {
        /// Which folder.
        dir: PathBuf,
    },
    /// Its mode is not built in.
    #[error(transparent)]
    Mode(#[from] BuildError),
    /// Its database cannot be used.
    #[error("{} cannot be used: {reason}; move the file away to start with no tasks", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why, in one sentence.
        reason: String,
    },
    /// Its address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; choose another port or stop what listens there")]
    Bind {
        /// Which address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A signal cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Serves `DIR` until `shutdown` is cancelled, then drains: nothing new is taken, running turns get `drain_grace_s`.
/// Returns when the last turn has ended, also after idling for `idle_timeout_s`. Dropping the future stops everything at once,
/// as a crash would.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve(dir: &Path, shutdown: CancellationToken) -> Result<(), ServeError> {
    let (config, _) = folder::load(dir)?;
    let adapter = build(&config, environment(dir, &config)?)?;
    serve_with(dir, adapter, Stop::when(shutdown)).await
}

/// [`serve`] until SIGTERM or SIGINT; a second one ends what still runs.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve_until_signal(dir: &Path) -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let (config, _) = folder::load(dir)?;
    let adapter = build(&config, environment(dir, &config)?)?;
    let stop = Stop::when(CancellationToken::new());
    let listen = async {
        for token in [&stop.drain, &stop.kill] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = serve_with(dir, adapter, stop.clone()) => ended,
        () = listen => Ok(()),
    }
}

/// Names Claude Code the folder for its own temporary files.
const CLAUDE_SCRATCH: &str = "CLAUDE_CODE_TMPDIR";

/// How a receiver is told to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Nothing new; running turns get their grace.
    pub drain: CancellationToken,
    /// What runs ends as interrupted, at once.
    pub kill: CancellationToken,
}

impl Stop {
    /// Drains when `drain` is cancelled.
    #[must_use]
    pub fn when(drain: CancellationToken) -> Self {
        Self {
            drain,
            kill: CancellationToken::new(),
        }
    }
}

/// [`serve`] with an adapter that the caller brings, whatever the mode says.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve_with(
    dir: &Path,
    adapter: Arc<dyn Adapter>,
    stop: Stop,
) -> Result<(), ServeError> {
    let (config, token) = folder::load(dir)?;
    let _lock = lock(dir).await?;
    folder::scratch::begin(dir)?;
    let store = open_store(dir).await?;
    if let Err(error) = child::become_subreaper() {
        tracing::warn!(%error, "orphans of agents cannot be adopted; they are swept all the same");
    }
    let listener = TcpListener::bind(config.bind).await;
    let listener = listener.map_err(|source| ServeError::Bind {
        addr: config.bind,
        source,
    })?;
    let env = environment(dir, &config)?;
    let shared = Arc::new(Shared {
        store: store.clone(),
        adapter,
        places: Arc::new(Semaphore::new(places(&config))),
        live: registry::LiveMap::default(),
        // Idleness drains too, and must not cancel what the caller holds.
        drain: stop.drain.child_token(),
        kill: stop.kill.child_token(),
        doubt: Notify::new(),
        pulse: Pulse::new(),
        guard: Guard::new(dir, &config),
        config,
        env,
    });
    let (registry, work) = registry::start(Arc::clone(&shared))
        .await
        .map_err(|error| database(dir, &error))?;
    let addr = listener.local_addr().map_err(|source| ServeError::Bind {
        addr: shared.config.bind,
        source,
    })?;
    let identity = identity(&shared.config, addr);
    identity.write(dir)?;
    run(listener, registry, work, (token, identity)).await;
    // One that is left says that its receiver died: whoever deployed it starts it again.
    Identity::forget(dir)?;
    if let Err(error) = folder::scratch::end(dir) {
        tracing::warn!(%error, "the next start removes it");
    }
    store.close().await;
    Ok(())
}

/// Runs the loops until the work loop has drained.
async fn run(
    listener: TcpListener,
    registry: Registry,
    work: WorkLoop,
    (token, identity): (Secret, Identity),
) {
    let (agent_tx, agent) = watch::channel(AgentState::Checking);
    let shared = Arc::clone(registry.shared());
    let app = App::new(AppParts {
        registry,
        agent,
        token,
        instance: identity.instance,
        addr: identity.addr,
        url: identity.url,
        started_at_ms: now_ms(),
    });
    tracing::info!(addr = %identity.addr, peer = %identity.peer, mode = %identity.mode, "serving");
    let close = CancellationToken::new();
    let mut loops = JoinSet::new();
    loops.spawn(server::watch_agent(shared, agent_tx));
    loops.spawn(reap());
    let mut accepting = JoinSet::new();
    accepting.spawn(server::accept_loop(
        listener,
        server::router(app),
        close.clone(),
    ));
    let mut working = JoinSet::new();
    working.spawn(work.run());
    if let Some(Err(error)) = working.join_next().await {
        tracing::error!(%error, "the work loop broke");
    }
    close.cancel();
    accepting.join_next().await;
    loops.shutdown().await;
    tracing::info!("stopped");
}

async fn reap() {
    if let Err(error) = child::reap_as_they_die().await {
        tracing::warn!(%error, "orphans of agents are reaped at the end of a turn only");
    }
}

/// `DIR/env` where whoever deployed it wrote one, else this process's own environment.
fn environment(dir: &Path, config: &ReceiverConfig) -> Result<ChildEnv, FolderError> {
    let mut env = match folder::read_env(dir)? {
        Some(env) => ChildEnv::pick(config.mode, &config.env, env),
        None => ChildEnv::pick_own(config.mode, &config.env),
    };
    if config.mode == Mode::Cc {
        // Each short-lived Claude Code leaves files in its temporary folder.
        let scratch = folder::scratch::of(dir)?;
        env.set_default(CLAUDE_SCRATCH, &scratch.to_string_lossy());
    }
    Ok(env)
}

/// Who looks whether the folder is served holds the lock for an instant, and a receiver that was killed until it is gone.
async fn lock(dir: &Path) -> Result<File, ServeError> {
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        if let Some(file) = folder::lock(dir)? {
            return Ok(file);
        }
        if Instant::now() >= give_up {
            return Err(ServeError::Locked {
                dir: dir.to_owned(),
            });
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

async fn open_store(dir: &Path) -> Result<Store, ServeError> {
    let path = folder::path(dir, folder::DATABASE_FILE);
    Store::open(&path)
        .await
        .map_err(|error| database(dir, &error))
}

fn database(dir: &Path, error: &StoreError) -> ServeError {
    ServeError::Database {
        path: folder::path(dir, folder::DATABASE_FILE),
        reason: error.to_string(),
    }
}

fn places(config: &ReceiverConfig) -> usize {
    usize::try_from(config.max_concurrent_turns.max(1)).unwrap_or(1)
}

fn identity(config: &ReceiverConfig, addr: SocketAddr) -> Identity {
    let pid = std::process::id();
    // A receiver on every address is reached over loopback from here.
    let reach = if addr.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], addr.port()))
    } else {
        addr
    };
    Identity {
        pid,
        start_time: folder::process_start_time(pid).unwrap_or(0),
        boot_id: folder::boot_id(),
        instance: uuid::Uuid::new_v4().to_string(),
        addr,
        url: format!("http://{reach}"),
        peer: config.peer.clone(),
        mode: config.mode,
        repo: config.repo.clone(),
        version: crate::version().to_owned(),
    }
}
