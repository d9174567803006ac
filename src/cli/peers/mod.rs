//! `fleet peers`: who there is, and adding, changing and removing peers, a file each.

mod add;
mod edit;
mod remove;
mod set;

pub(crate) use add::as_written;

use super::args::{GlobalArgs, PeersArgs, PeersCommand};
use super::session::{Session, unexpected};
use super::table::Table;
use super::{CommandResult, exit, json, output};
use crate::control::{Answer, Command, PeerView};
use crate::domain::{Failure, PeerText, SafeText};

/// Does `fleet peers`.
pub(crate) async fn execute(global: &GlobalArgs, args: PeersArgs) -> CommandResult {
    match args.command {
        None | Some(PeersCommand::List) => list(global).await,
        Some(PeersCommand::Add(args)) => add::execute(global, &args).await,
        Some(PeersCommand::Set(args)) => set::execute(global, &args).await,
        Some(PeersCommand::Remove(args)) => remove::execute(global, &args).await,
    }
}

async fn list(global: &GlobalArgs) -> CommandResult {
    match Session::open(global).await?.call(Command::Status).await? {
        Answer::Status(status) => show(global, &status.peers)?,
        other => return Err(unexpected(&other)),
    }
    Ok(exit::DONE)
}

/// Does a command that starts or stops receivers, and prints the peers as they stand then.
pub(crate) async fn change(global: &GlobalArgs, command: Command) -> CommandResult {
    match Session::open(global).await?.call(command).await? {
        Answer::Peers(views) => show(global, &views)?,
        other => return Err(unexpected(&other)),
    }
    Ok(exit::DONE)
}

fn show(global: &GlobalArgs, peers: &[PeerView]) -> Result<(), Failure> {
    if global.json {
        output::json(&json::peers(peers)?)
    } else if peers.is_empty() {
        output::text(&SafeText::of(
            "No peers. Add one: fleet peers add echo --mode echo",
        ))
    } else {
        output::text(&table(peers))
    }
}

fn table(peers: &[PeerView]) -> SafeText {
    let mut table = Table::new(&["PEER", "MODE", "HEALTH", "ADDRESS", "PERMISSIONS"]);
    for peer in peers {
        table.row([
            peer.name.as_str(),
            peer.mode.map_or("foreign", fleet_receivers::Mode::word),
            peer.health.word(),
            peer.url.as_deref().unwrap_or_default(),
            peer.permissions.as_deref().unwrap_or_default(),
        ]);
    }
    SafeText::of(&format!("{}{}", table.render(), why(peers)))
}

/// Below a table: why peers are not ready, and what mends it. Empty where there is nothing to tell.
pub(crate) fn why(peers: &[PeerView]) -> SafeText {
    let mut out = String::new();
    for peer in peers {
        let reason = peer.reason.as_ref().map_or("", PeerText::raw);
        if !reason.is_empty() {
            let name = peer.name.as_str();
            let line = match reason.starts_with(name) {
                true => reason.to_owned(),
                false => format!("{name}: {reason}"),
            };
            out.push_str(&format!("\n{}\n", SafeText::line_of(&line)));
        }
        if let Some(remedy) = &peer.remedy {
            let line = format!("try: {}", remedy.raw());
            out.push_str(&format!("  {}\n", SafeText::line_of(&line)));
        }
    }
    SafeText::of(&out)
}

#[cfg(test)]
mod tests {
    use crate::cli::samples;

    #[test]
    fn the_table() {
        insta::assert_snapshot!(super::table(&samples::status().peers), @r"
        PEER       MODE     HEALTH    ADDRESS                PERMISSIONS
        app        cc       degraded  http://127.0.0.1:9300  ask
        construct  foreign  unknown   http://10.0.0.5:9220/  -

        app: Claude Code is not logged in.
          try: claude /login
        ");
    }
}
