//! `fleet peers`: who there is.

use super::args::GlobalArgs;
use super::session::{Session, unexpected};
use super::table::Table;
use super::{CommandResult, exit, json, output};
use crate::control::{Answer, Command, PeerView};
use crate::domain::{Failure, PeerText, SafeText};

/// Does `fleet peers`.
pub(crate) async fn execute(global: &GlobalArgs) -> CommandResult {
    match Session::open(global).await?.call(Command::Status).await? {
        Answer::Status(status) => show(global, &status.peers)?,
        other => return Err(unexpected(&other)),
    }
    Ok(exit::DONE)
}

/// Prints peers, also for the commands that start and stop them.
pub(crate) fn show(global: &GlobalArgs, peers: &[PeerView]) -> Result<(), Failure> {
    if global.json {
        output::json(&json::peers(peers)?)
    } else if peers.is_empty() {
        output::text(&SafeText::of("No peers. Add one to fleet.toml."))
    } else {
        output::text(&table(peers))
    }
}

fn table(peers: &[PeerView]) -> SafeText {
    let mut table = Table::new(&["PEER", "MODE", "HEALTH", "ADDRESS", "PERMISSIONS", "WHY"]);
    for peer in peers {
        table.row([
            peer.name.as_str(),
            peer.mode.map_or("", fleet_receivers::Mode::word),
            peer.health.word(),
            peer.url.as_deref().unwrap_or_default(),
            peer.permissions.as_deref().unwrap_or_default(),
            &why(peer),
        ]);
    }
    table.render()
}

/// Why a peer is not ready, and what mends it.
pub(crate) fn why(peer: &PeerView) -> String {
    let reason = peer.reason.as_ref().map_or("", PeerText::raw);
    match &peer.remedy {
        Some(remedy) => format!("{reason} Try: {}", remedy.raw()),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::samples;

    #[test]
    fn the_table() {
        insta::assert_snapshot!(super::table(&samples::status().peers), @r"
        PEER       MODE  HEALTH    ADDRESS                PERMISSIONS  WHY
        app        cc    degraded  http://127.0.0.1:9300  ask          Claude Code is not logged in. Try: claude /login
        construct  -     unknown   http://10.0.0.5:9220/  -            -
        ");
    }
}
