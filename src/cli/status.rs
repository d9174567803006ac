//! `fleet status`: the daemon, the peers, the work in flight and the budgets.

use serde_json::json;

use super::args::GlobalArgs;
use super::session::{Session, unexpected};
use super::table::Table;
use super::{CommandResult, dispatches, exit, json, output, peers, text};
use crate::control::{Answer, Command, DaemonView, DispatchView, PeerView, StatusView};
use crate::domain::{Failure, SafeText};

/// Open dispatches are among the newest; older ones are found by `dispatches list`.
const LOOK_AT: u32 = 200;

/// Does `fleet status`.
pub(crate) async fn execute(global: &GlobalArgs) -> CommandResult {
    let session = Session::open(global).await?;
    let status = match session.call(Command::Status).await? {
        Answer::Status(status) => status,
        other => return Err(unexpected(&other)),
    };
    if global.json {
        output::json(&object(&status)?)?;
    } else {
        output::text(&words(&status, &open_dispatches(&session).await?))?;
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

async fn open_dispatches(session: &Session) -> Result<Vec<DispatchView>, Failure> {
    let newest = Command::List {
        peer: None,
        limit: LOOK_AT,
    };
    match session.call(newest).await? {
        Answer::Dispatches(views) => Ok(views
            .into_iter()
            .filter(|view| !view.state.is_final())
            .collect()),
        other => Err(unexpected(&other)),
    }
}

fn words(status: &StatusView, open: &[DispatchView]) -> SafeText {
    let mut table = Table::new(&[
        "PEER",
        "MODE",
        "HEALTH",
        "IN FLIGHT",
        "TOKENS",
        "TURNS",
        "WINDOW",
        "WHY",
    ]);
    for peer in &status.peers {
        table.row(cells(peer));
    }
    let work = if open.is_empty() {
        "Nothing in flight.".to_owned()
    } else {
        dispatches::table(open).to_string()
    };
    SafeText::of(&format!(
        "{}\n\n{}\n{work}",
        daemon(&status.daemon),
        table.render()
    ))
}

fn cells(peer: &PeerView) -> [String; 8] {
    let age = peer
        .probe_age_s
        .map_or_else(String::new, |age_s| format!(" {age_s} s ago"));
    [
        peer.name.to_string(),
        peer.mode.map_or_else(String::new, |mode| mode.to_string()),
        format!("{}{age}", peer.health.word()),
        peer.in_flight.to_string(),
        text::amounts(&peer.budget.tokens),
        text::amounts(&peer.budget.turns),
        text::window(&peer.budget),
        peers::why(peer),
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
        insta::assert_snapshot!(words(&samples::status(), &[samples::working()]));
        insta::assert_snapshot!(words(&samples::status(), &[]).as_str().lines().last().unwrap(), @"Nothing in flight.");
        insta::assert_snapshot!(json::line(&object(&samples::status()).unwrap()).unwrap());
    }
}
