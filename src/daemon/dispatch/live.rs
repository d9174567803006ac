//! What the tasks of open dispatches and the handle share.
//!
//! Owns: [`Inner`]: the open dispatches in memory, the newest ended ones, change and notice channels. Everything in
//! memory was committed first, or can be learnt again from the peer. Locks are held for plain work only.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_a2a::client::Client;
use fleet_a2a::clock;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;

use super::turn::Turn;
use super::view::{self, Extent};
use crate::config::FleetConfig;
use crate::control::{DispatchView, Notice, NoticeLevel, SNAPSHOT_DISPATCHES};
use crate::daemon::peers::Peers;
use crate::daemon::store::{DispatchRow, Store};
use crate::daemon::transcript::Cursors;
use crate::domain::{BudgetLimit, DispatchId, PeerName, PeerText};

/// Notices that wait for a slow listener: it only misses old ones.
const NOTICES: usize = 100;
/// The deadline that fleet.toml has when it says nothing; used only until the first command brings the file.
const DEFAULT_DEADLINE_S: u32 = 900;

/// An open dispatch.
#[derive(Debug)]
pub(super) struct Live {
    pub row: DispatchRow,
    pub turn: Turn,
    /// Rung when a person wants something of it.
    pub wake: Arc<Notify>,
}

/// What fleet.toml said when it was last seen.
#[derive(Debug)]
pub(super) struct Settings {
    pub limits: HashMap<PeerName, BudgetLimit>,
    pub default_deadline_s: u32,
}

/// Shared by the handle and every task.
pub(super) struct Inner {
    pub store: Store,
    pub peers: Arc<dyn Peers>,
    pub client: Client,
    live: Mutex<HashMap<DispatchId, Live>>,
    recent: Mutex<VecDeque<DispatchView>>,
    pub cursors: Mutex<Cursors>,
    settings: Mutex<Settings>,
    pub changes: watch::Sender<u64>,
    pub notices: broadcast::Sender<Notice>,
    /// `None` once the dispatcher is closed.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// A lock whose holder cannot have left anything half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn new(store: Store, peers: Arc<dyn Peers>, client: Client) -> Self {
        Self {
            store,
            peers,
            client,
            live: Mutex::default(),
            recent: Mutex::default(),
            cursors: Mutex::default(),
            settings: Mutex::new(Settings {
                limits: HashMap::new(),
                default_deadline_s: DEFAULT_DEADLINE_S,
            }),
            changes: watch::Sender::new(0),
            notices: broadcast::Sender::new(NOTICES),
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    /// Takes what dispatch needs of fleet.toml.
    pub(super) fn configured(&self, config: &FleetConfig) {
        let limits = config.peers.iter();
        let limits = limits.filter_map(|peer| Some((peer.name.clone(), peer.budget?)));
        *lock(&self.settings) = Settings {
            limits: limits.collect(),
            default_deadline_s: config.deadline_s,
        };
    }

    pub(super) fn limit_of(&self, peer: &PeerName) -> Option<BudgetLimit> {
        lock(&self.settings).limits.get(peer).copied()
    }

    pub(super) fn default_deadline_s(&self) -> u32 {
        lock(&self.settings).default_deadline_s
    }

    /// Starts a task that ends with the dispatcher. `false`: the dispatcher is closed, and nothing was started.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut tasks = lock(&self.tasks);
        let Some(tasks) = tasks.as_mut() else {
            return false;
        };
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        true
    }

    /// Takes the tasks away, so that no further one starts.
    pub(super) fn close(&self) -> Option<JoinSet<()>> {
        lock(&self.tasks).take()
    }

    /// Makes a dispatch known as open.
    pub(super) fn opened(&self, row: DispatchRow) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let live = Live {
            turn: Turn::default(),
            wake: Arc::clone(&wake),
            row,
        };
        lock(&self.live).insert(live.row.dispatch_id, live);
        self.changed();
        wake
    }

    /// Looks at or changes an open dispatch; `None` when it is not open.
    pub(super) fn with<R>(&self, id: DispatchId, see: impl FnOnce(&mut Live) -> R) -> Option<R> {
        lock(&self.live).get_mut(&id).map(see)
    }

    /// Looks at every open dispatch.
    pub(super) fn each_open<R>(&self, mut see: impl FnMut(&Live) -> R) -> Vec<R> {
        lock(&self.live).values().map(&mut see).collect()
    }

    /// Makes an end known.
    pub(super) fn ended(&self, row: &DispatchRow) {
        self.remember(view::of_row(row, clock::now_ms()));
        lock(&self.live).remove(&row.dispatch_id);
        self.changed();
    }

    /// Keeps an ended dispatch for snapshots, in place of an older view of it.
    pub(super) fn remember(&self, view: DispatchView) {
        let view = view::brief(view);
        let mut recent = lock(&self.recent);
        recent.retain(|known| known.dispatch_id != view.dispatch_id);
        let at = recent.partition_point(|known| {
            (&known.detail.accepted_at, known.dispatch_id)
                > (&view.detail.accepted_at, view.dispatch_id)
        });
        recent.insert(at, view);
        recent.truncate(SNAPSHOT_DISPATCHES);
    }

    /// Open dispatches and the newest ended ones, newest first.
    pub(super) fn recent(&self, limit: usize) -> Vec<DispatchView> {
        let now_ms = clock::now_ms();
        let mut views =
            self.each_open(|live| view::of_open(&live.row, &live.turn, now_ms, Extent::Brief));
        let newest = |a: &DispatchView, b: &DispatchView| {
            (&b.detail.accepted_at, b.dispatch_id).cmp(&(&a.detail.accepted_at, a.dispatch_id))
        };
        views.sort_by(newest);
        let room = limit.saturating_sub(views.len());
        let open: std::collections::HashSet<DispatchId> =
            views.iter().map(|view| view.dispatch_id).collect();
        let ended = lock(&self.recent);
        let ended = ended
            .iter()
            .filter(|view| !open.contains(&view.dispatch_id));
        views.extend(ended.take(room).cloned());
        views.sort_by(newest);
        views.truncate(limit);
        views
    }

    /// Tells everyone who watches.
    pub(super) fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells everyone who listens; nobody need be there.
    pub(super) fn notice(&self, level: NoticeLevel, peer: &PeerName, text: &str) {
        let notice = Notice {
            at: clock::rfc3339(clock::now_ms()),
            level,
            peer: Some(peer.clone()),
            text: PeerText::new(text),
        };
        drop(self.notices.send(notice));
    }
}
