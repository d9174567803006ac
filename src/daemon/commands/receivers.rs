//! Commands about receivers: deploy, start, restart, stop.
//!
//! Owns: which peers are meant, and doing them side by side. Does not own: how a receiver is started or stopped.

use futures::future::join_all;

use super::Scope;
use crate::config::{PeerConfig, PeerKind};
use crate::control::{Answer, Tokens};
use crate::daemon::connection::Ended;
use crate::daemon::fleet::Fleet;
use crate::daemon::snapshot;
use crate::domain::{ErrorKind, Failure, PeerName};

pub(super) async fn deploy(peers: Vec<PeerName>, all: bool, at: &Scope<'_>) -> Result<(), Ended> {
    let names = usable(peers, all, &at.fleet)?;
    let supervisor = &at.core.supervisor;
    let deploys = names
        .iter()
        .map(|name| supervisor.deploy(name, at.env.clone()));
    let done = join_all(deploys).await;
    finish(names.as_slice(), done, at).await
}

/// Deploying is idempotent and starts what was deployed before.
pub(super) async fn start(peers: Vec<PeerName>, all: bool, at: &Scope<'_>) -> Result<(), Ended> {
    deploy(peers, all, at).await
}

/// A peer that is not named by the file any more cannot be started again, so it is not stopped either.
pub(super) async fn restart(
    (peers, all): (Vec<PeerName>, bool),
    tokens: Tokens,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let names = usable(peers, all, &at.fleet)?;
    let supervisor = &at.core.supervisor;
    let restarts = names
        .iter()
        .map(|name| supervisor.restart(name, at.env.clone(), tokens));
    let done = join_all(restarts).await;
    finish(names.as_slice(), done, at).await
}

/// The agent settings of a peer's repo, after those with that hash were accepted.
pub(super) async fn trust(
    peer: &PeerName,
    accept: Option<String>,
    at: &Scope<'_>,
) -> Result<(), Ended> {
    let view = at.core.supervisor.trust(peer, accept).await?;
    at.reply.send(Answer::PeerTrust(Box::new(view))).await
}

pub(super) async fn stop(peers: Vec<PeerName>, all: bool, at: &Scope<'_>) -> Result<(), Ended> {
    let (fleet, core) = (&at.fleet, at.core);
    // What runs may be stopped whatever the file says of it now, accepted or not.
    let names: Vec<PeerName> = if all {
        let named = receivers_of(fleet).map(|peer| peer.name.clone());
        named.chain(core.supervisor.left_over(fleet)).collect()
    } else {
        for peer in peers.iter().filter_map(|n| fleet.config.peer(n)) {
            if !core.supervisor.runs(&peer.name) {
                check_ours(peer)?;
            }
        }
        peers
    };
    let unknown = names
        .iter()
        .find(|name| fleet.config.peer(name).is_none() && !core.supervisor.has_receiver(name));
    if let Some(unknown) = unknown {
        fleet.usable_peer(unknown)?;
    }
    let done = join_all(names.iter().map(|name| core.supervisor.stop(name)));
    finish(names.as_slice(), done.await, at).await
}

/// Answers with the peers as they stand, or with the first thing that went wrong after all were tried.
async fn finish(
    names: &[PeerName],
    done: Vec<Result<(), Failure>>,
    at: &Scope<'_>,
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
    let mut peers = snapshot::peers(at.core).await?;
    peers.retain(|peer| names.contains(&peer.name));
    at.reply.send(Answer::Peers(peers)).await
}

/// The peers that are meant, each a receiver that the file may use.
fn usable(peers: Vec<PeerName>, all: bool, fleet: &Fleet) -> Result<Vec<PeerName>, Failure> {
    if all {
        // Each is tried, and those that cannot be started are told at the end.
        return Ok(receivers_of(fleet).map(|peer| peer.name.clone()).collect());
    }
    for name in &peers {
        check_ours(fleet.usable_peer(name)?)?;
    }
    Ok(peers)
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
