//! Snapshots: everything a console shows, whole, at most [`FRAMES_PER_S`] times a second and only when something changed.
//!
//! Owns: putting them together and pacing them. Dispatches in snapshots carry no reply and no artifacts, so that a snapshot
//! stays small however much an agent says; `Show`, `Wait` and `Follow` have them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::clock;
use tokio::time::Instant;

use super::core::Core;
use crate::control::{
    BudgetView, DispatchView, FleetSnapshot, PeerView, SNAPSHOT_DISPATCHES, StatusView,
};
use crate::domain::{Failure, PeerName};

/// A screen shows no more.
const FRAMES_PER_S: u32 = 30;
/// Between two snapshots.
const PACE: Duration = Duration::from_nanos(1_000_000_000 / FRAMES_PER_S as u64);

/// Publishes snapshots while somebody follows; ends when the daemon stops.
pub(super) async fn publish(core: Arc<Core>) {
    let mut dispatches = core.dispatch.changes();
    let mut peers = core.supervisor.changes();
    let mut fleet = core.fleet.changes();
    let mut notices = core.notices.changes();
    let mut last: Option<FleetSnapshot> = None;
    loop {
        if core.snapshots.receiver_count() == 0 {
            // Nobody looks: the next follower gets a fresh one first.
            last = None;
            core.snapshots.send_replace(None);
        } else if let Ok(snapshot) = take(&core).await {
            let timeless = timeless(&snapshot);
            if last.as_ref() != Some(&timeless) {
                last = Some(timeless);
                core.snapshots.send_replace(Some(Arc::new(snapshot)));
            }
        }
        let next = Instant::now() + PACE;
        let changed = tokio::select! {
            () = core.stop.cancelled() => return,
            changed = dispatches.changed() => changed.is_ok(),
            changed = peers.changed() => changed.is_ok(),
            changed = fleet.changed() => changed.is_ok(),
            changed = notices.changed() => changed.is_ok(),
            () = core.woken.notified() => true,
        };
        if !changed {
            return;
        }
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Everything as it stands now.
pub(super) async fn take(core: &Core) -> Result<FleetSnapshot, Failure> {
    let fleet = core.fleet.current();
    Ok(FleetSnapshot {
        fleet: fleet.config.name.clone(),
        daemon: core.view(),
        peers: peers(core).await?,
        dispatches: core.dispatch.recent(SNAPSHOT_DISPATCHES),
        notices: core.notices.all(),
        trust: fleet.trust_view(),
        default_deadline_s: fleet.config.deadline_s,
        now_ms: clock::now_ms(),
    })
}

/// The daemon and its peers.
pub(super) async fn status(core: &Core) -> Result<StatusView, Failure> {
    Ok(StatusView {
        daemon: core.view(),
        peers: peers(core).await?,
    })
}

/// The peers, in the order of fleet.toml.
pub(super) async fn peers(core: &Core) -> Result<Vec<PeerView>, Failure> {
    let fleet = core.fleet.current();
    let budgets = core.dispatch.budgets(&fleet.config, None).await?;
    let mut budgets: BTreeMap<PeerName, BudgetView> = budgets
        .into_iter()
        .map(|budget| (budget.peer.clone(), budget))
        .collect();
    let open = core.dispatch.open_by_peer();
    let peers = fleet.config.peers.iter().filter_map(|peer| {
        let budget = budgets.remove(&peer.name)?;
        let in_flight = open.get(&peer.name).copied().unwrap_or(0);
        Some(core.supervisor.view(peer, in_flight, budget))
    });
    Ok(peers.collect())
}

/// What a screen shows of it without the clocks, which screens count on by themselves.
fn timeless(snapshot: &FleetSnapshot) -> FleetSnapshot {
    let peer = |peer: &PeerView| PeerView {
        probe_age_s: None,
        ..peer.clone()
    };
    FleetSnapshot {
        now_ms: 0,
        peers: snapshot.peers.iter().map(peer).collect(),
        dispatches: snapshot.dispatches.iter().map(timeless_dispatch).collect(),
        ..snapshot.clone()
    }
}

/// The same without the time that passed.
pub(super) fn timeless_dispatch(view: &DispatchView) -> DispatchView {
    DispatchView {
        elapsed_ms: 0,
        ..view.clone()
    }
}
