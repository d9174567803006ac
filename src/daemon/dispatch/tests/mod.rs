//! Tests of dispatch, against a real store, real files and a scripted peer over real HTTP.

mod bench;
mod budgets;
mod delivery;
mod following;
mod guard;
mod peer;
mod pure;
mod restart;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use self::peer::{FakePeer, FoundPeer};
use super::{DispatchDeps, DispatchHandle, Dispatcher};
use crate::config::{Bands, FleetConfig, ForeignPeer, PeerConfig, PeerKind};
use crate::control::{DispatchView, LineKind, SubmitRequest, TranscriptLine};
use crate::daemon::store::Store;
use crate::domain::{BudgetLimit, DispatchId, PeerName, Window};

/// Longer than anything here takes, shorter than patience.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(dir: &Path, budget: Option<BudgetLimit>) -> FleetConfig {
    let peer = |name: &str| PeerConfig {
        name: PeerName::new(name).unwrap(),
        budget,
        kind: PeerKind::Foreign(ForeignPeer {
            url: Url::parse("http://127.0.0.1:1").unwrap(),
            dialect: None,
            token_env: None,
        }),
    };
    FleetConfig {
        path: dir.join("fleet.toml"),
        hash: String::new(),
        name: "main".to_owned(),
        transcripts: dir.join("transcripts"),
        deadline_s: 900,
        reply_to_hosts: Vec::new(),
        bands: Bands(std::collections::BTreeMap::new()),
        peers: vec![peer("app"), peer("other")],
    }
}

fn turns(limit: u64) -> BudgetLimit {
    BudgetLimit {
        tokens: None,
        turns: Some(limit),
        cost: None,
        window: Window::Total,
        per_dispatch_tokens: None,
    }
}

fn ask(text: &str) -> SubmitRequest {
    ask_with(json!({ "instruction": text }))
}

fn ask_with(contract: Value) -> SubmitRequest {
    SubmitRequest {
        dispatch_id: DispatchId::mint(),
        peer: "app".to_owned(),
        contract,
        context_id: None,
        again: false,
    }
}

/// A fleet with one scripted peer.
struct Fleet {
    dir: tempfile::TempDir,
    config: FleetConfig,
    peer: FakePeer,
    found: Arc<FoundPeer>,
    dispatcher: Dispatcher,
}

impl Fleet {
    async fn new(peer: FakePeer) -> Self {
        Self::with_budget(peer, None).await
    }

    async fn with_budget(peer: FakePeer, budget: Option<BudgetLimit>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let found = Arc::new(FoundPeer::at(&peer));
        let dispatcher = open(dir.path(), &found).await;
        Self {
            config: config(dir.path(), budget),
            dir,
            peer,
            found,
            dispatcher,
        }
    }

    fn handle(&self) -> DispatchHandle {
        self.dispatcher.handle()
    }

    async fn submit(&self, request: SubmitRequest) -> DispatchView {
        let handle = self.handle();
        handle
            .submit(request, &self.config, Vec::new())
            .await
            .unwrap()
    }

    /// Drops the dispatcher as a crash would, and opens another on the same store.
    async fn restart(self) -> Self {
        drop(self.dispatcher);
        let dispatcher = open(self.dir.path(), &self.found).await;
        Self { dispatcher, ..self }
    }

    async fn lines(&self, id: DispatchId) -> Vec<TranscriptLine> {
        let mut all: Vec<TranscriptLine> = Vec::new();
        loop {
            let from = all.last().map_or(0, |line| line.seq + 1);
            let more = self.handle().lines(id, from, 7).await.unwrap();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }
}

async fn open(dir: &Path, found: &Arc<FoundPeer>) -> Dispatcher {
    let store = Store::open(&dir.join("fleet.db")).await.unwrap();
    let peers = Arc::clone(found);
    Dispatcher::open(DispatchDeps { store, peers })
        .await
        .unwrap()
}

/// Waits until a dispatch looks as wanted.
async fn until(
    handle: &DispatchHandle,
    id: DispatchId,
    wanted: impl Fn(&DispatchView) -> bool,
) -> DispatchView {
    let mut changes = handle.changes();
    let wait = async {
        loop {
            changes.borrow_and_update();
            let view = handle.show(id).await.unwrap();
            if wanted(&view) {
                return view;
            }
            changes.changed().await.unwrap();
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(view) => view,
        Err(_) => panic!("still {:#?}", handle.show(id).await),
    }
}

async fn ended(handle: &DispatchHandle, id: DispatchId) -> DispatchView {
    until(handle, id, |view| view.outcome.is_some()).await
}

/// The receiver's numbers in a transcript, each as often as it stands there.
fn events(lines: &[TranscriptLine]) -> Vec<u64> {
    lines.iter().filter_map(|line| line.event).collect()
}

fn kinds(lines: &[TranscriptLine]) -> Vec<LineKind> {
    lines.iter().map(|line| line.kind).collect()
}
