//! `fleet status`: the daemon, the peers, the work in flight and the budgets.

use serde_json::json;

use super::args::GlobalArgs;
use super::session::{Session, unexpected};
use super::table::Table;
use super::{CommandResult, dispatches, exit, json, output, peers, text};
use crate::control::{Answer, Command, DaemonView, FleetSnapshot, PeerView, StatusView};
use crate::domain::{Failure, SafeText};

/// Does `fleet status`.
pub(crate) async fn execute(global: &GlobalArgs) -> CommandResult {
    let session = Session::open(global).await?;
    if global.json {
        match session.call(Command::Status).await? {
            Answer::Status(status) => output::json(&object(&status)?)?,
            other => return Err(unexpected(&other)),
        }
    } else {
        // A snapshot has every open dispatch, however old; a list has the newest.
        match session.call(Command::Snapshot { follow: false }).await? {
            Answer::Snapshot(snapshot) => output::text(&words(&snapshot))?,
            other => return Err(unexpected(&other)),
        }
    }
    Ok(exit::DONE)
}

fn object(status: &StatusView) -> Result<serde_json::Value, Failure> {
    let peers = status
        .peers
        .iter()
        .map(json::peer)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "daemon": json::to_value(&status.daemon)?, "peers": peers }))
}

fn words(snapshot: &FleetSnapshot) -> SafeText {
    let mut table = Table::new(&[
        "PEER",
        "MODE",
        "HEALTH",
        "IN FLIGHT",
        "TOKENS",
        "TURNS",
        "WINDOW",
    ]);
    for peer in &snapshot.peers {
        table.row(cells(peer));
    }
    let dispatches = snapshot.dispatches.iter();
    let open: Vec<_> = dispatches
        .filter(|view| !view.state.is_final())
        .cloned()
        .collect();
    let work = if open.is_empty() {
        "Nothing in flight.".to_owned()
    } else {
        dispatches::table(&open).to_string()
    };
    SafeText::of(&format!(
        "{}\n\n{}{}\n{work}",
        daemon(&snapshot.daemon),
        table.render(),
        peers::why(&snapshot.peers)
    ))
}

fn cells(peer: &PeerView) -> [String; 7] {
    let age = peer
        .probe_age_s
        .map_or_else(String::new, |age_s| format!(" {age_s} s ago"));
    [
        peer.name.to_string(),
        peer.mode
            .map_or_else(|| "foreign".to_owned(), |mode| mode.to_string()),
        format!("{}{age}", peer.health.word()),
        peer.in_flight.to_string(),
        text::amounts(&peer.budget.tokens),
        text::amounts(&peer.budget.turns),
        text::window(&peer.budget),
    ]
}

/// One line about the daemon.
pub(crate) fn daemon(view: &DaemonView) -> String {
    if view.running {
        let pid = view
            .pid
            .map_or_else(String::new, |pid| format!(", process {pid}"));
        let version = view.version.as_deref().unwrap_or("?");
        format!("daemon {version} runs{pid}, {}", view.config)
    } else {
        format!("no daemon runs, {}", view.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    #[test]
    fn in_words_and_as_json() {
        let mut snapshot = samples::snapshot();
        insta::assert_snapshot!("in_words", words(&snapshot));
        snapshot.dispatches = vec![samples::completed()];
        insta::assert_snapshot!(words(&snapshot).as_str().lines().last().unwrap(), @"Nothing in flight.");
        let printed = json::line(&object(&samples::status()).unwrap()).unwrap();
        insta::assert_snapshot!("as_json", printed);
    }
}
