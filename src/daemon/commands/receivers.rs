//! Commands about receivers: deploy, start, restart, stop.
//!
//! Owns: which peers are meant, and doing them side by side. Does not own: how a receiver is started or stopped.

use futures::future::join_all;

use crate::config::{PeerConfig, PeerKind};
use crate::control::{Answer, Tokens};
use crate::daemon::connection::{Ended, Reply};
use crate::daemon::core::Core;
use crate::daemon::fleet::Fleet;
use crate::daemon::peers::ClientEnv;
use crate::daemon::snapshot;
use crate::domain::{ErrorKind, Failure, PeerName};

/// Whom a command means.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) peers: Vec<PeerName>,
    pub(super) all: bool,
}

pub(super) async fn deploy(
    wanted: Wanted,
    env: ClientEnv,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let names = usable(&wanted, fleet)?;
    let done = join_all(
        names
            .iter()
            .map(|name| core.supervisor.deploy(name, env.clone())),
    );
    finish(names.as_slice(), done.await, core, reply).await
}

pub(super) async fn start(
    wanted: Wanted,
    env: ClientEnv,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    // Deploying is idempotent and starts what was deployed before.
    deploy(wanted, env, fleet, core, reply).await
}

/// A peer that is not named by the file any more cannot be started again, so it is not stopped either.
pub(super) async fn restart(
    (wanted, tokens): (Wanted, Tokens),
    env: ClientEnv,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let names = usable(&wanted, fleet)?;
    let done = join_all(
        names
            .iter()
            .map(|name| core.supervisor.restart(name, env.clone(), tokens)),
    );
    finish(names.as_slice(), done.await, core, reply).await
}

pub(super) async fn stop(
    wanted: Wanted,
    fleet: &Fleet,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    // What runs may be stopped whatever the file says of it now, accepted or not.
    let names: Vec<PeerName> = if wanted.all {
        let named = receivers_of(fleet).map(|peer| peer.name.clone());
        named.chain(core.supervisor.left_over(fleet)).collect()
    } else {
        for peer in wanted.peers.iter().filter_map(|n| fleet.config.peer(n)) {
            if !core.supervisor.runs(&peer.name) {
                check_ours(peer)?;
            }
        }
        wanted.peers
    };
    let unknown = names
        .iter()
        .find(|name| fleet.config.peer(name).is_none() && !core.supervisor.has_receiver(name));
    if let Some(unknown) = unknown {
        fleet.usable_peer(unknown)?;
    }
    let done = join_all(names.iter().map(|name| core.supervisor.stop(name)));
    finish(names.as_slice(), done.await, core, reply).await
}

/// Answers with the peers as they stand, or with the first thing that went wrong after all were tried.
async fn finish(
    names: &[PeerName],
    done: Vec<Result<(), Failure>>,
    core: &Core,
    reply: &Reply,
) -> Result<(), Ended> {
    let failed: Vec<Failure> = done.into_iter().filter_map(Result::err).collect();
    if let Some(first) = failed.first() {
        let mut failure = first.clone();
        for other in &failed[1..] {
            failure.message.push('\n');
            failure.message.push_str(&other.message);
        }
        return Err(failure.into());
    }
    let mut peers = snapshot::peers(core).await?;
    peers.retain(|peer| names.contains(&peer.name));
    reply.send(Answer::Peers(peers)).await
}

/// The peers that are meant, each a receiver that the file may use.
fn usable(wanted: &Wanted, fleet: &Fleet) -> Result<Vec<PeerName>, Failure> {
    if wanted.all {
        // Each is tried, and those that cannot be started are told at the end.
        return Ok(receivers_of(fleet).map(|peer| peer.name.clone()).collect());
    }
    for name in &wanted.peers {
        check_ours(fleet.usable_peer(name)?)?;
    }
    Ok(wanted.peers.clone())
}

fn check_ours(peer: &PeerConfig) -> Result<(), Failure> {
    match &peer.kind {
        PeerKind::Receiver(_) => Ok(()),
        PeerKind::Foreign(foreign) => Err(Failure::new(
            ErrorKind::Usage,
            format!(
                "{} is somebody else's agent at {}: fleet does not start or stop it.",
                peer.name, foreign.url
            ),
            "Name a peer that has a `mode` in fleet.toml.",
        )),
    }
}

fn receivers_of(fleet: &Fleet) -> impl Iterator<Item = &PeerConfig> {
    fleet.config.peers.iter().filter(|peer| match peer.kind {
        PeerKind::Receiver(_) => true,
        PeerKind::Foreign(_) => false,
    })
}
