//! `fleet doctor`: checks what a fleet needs, and prints what mends each thing that is wrong.
//!
//! Owns: which checks there are and their order. It changes nothing and starts no daemon: where none runs, what only a daemon
//! knows is left out. Each check looks at the edge and judges what it saw by a plain function.

mod agent;
mod check;
mod config;
mod daemon;
mod leftovers;
mod machine;
mod owner;
mod peer;
mod ports;
mod state;

use super::args::GlobalArgs;
use super::session::target;
use super::{CommandResult, exit, output};
use crate::config::{FleetConfig, PeerKind};
use crate::control::{StatusView, Target};
use check::{Check, Report};

/// Does `fleet doctor`.
pub(crate) async fn execute(global: &GlobalArgs) -> CommandResult {
    let report = Report::new(checks(global).await);
    if global.json {
        output::json(&report)?;
    } else {
        output::text(&report.words())?;
    }
    Ok(if report.ok { exit::DONE } else { exit::FAILED })
}

async fn checks(global: &GlobalArgs) -> Vec<Check> {
    let target = match target(global) {
        Ok(target) => target,
        Err(failure) => {
            let mut checks = vec![Check::of_failure("fleet.toml", "config", &failure)];
            checks.extend(machine::clock());
            return checks;
        }
    };
    let (mut checks, fleet) = config::checks(&target);
    checks.extend(state::checks(&target));
    let (found, status) = daemon::checks(&target).await;
    checks.extend(found);
    if let Some(fleet) = &fleet {
        checks.extend(peers(&target, fleet, status.as_ref()).await);
        checks.extend(ports::checks(fleet, &target.state_dir));
    }
    checks.extend(leftovers::checks(&target.state_dir, fleet.as_ref()));
    checks.extend(machine::checks(&target.state_dir));
    checks
}

async fn peers(target: &Target, fleet: &FleetConfig, status: Option<&StatusView>) -> Vec<Check> {
    let accepted = config::is_accepted(target, fleet);
    let mut checks = Vec::new();
    for peer in &fleet.peers {
        let view =
            status.and_then(|status| status.peers.iter().find(|view| view.name == peer.name));
        checks.extend(peer::checks(peer, &target.state_dir, view));
        if let PeerKind::Receiver(receiver) = &peer.kind {
            checks.extend(agent::checks((&peer.name, receiver), view, accepted).await);
        }
    }
    checks
}
