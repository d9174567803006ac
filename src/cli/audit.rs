//! `fleet audit`: what was done to this fleet, newest first.

use serde_json::json;

use super::args::{AuditArgs, GlobalArgs};
use super::session::{Session, optional_peer, unexpected};
use super::table::Table;
use super::{CommandResult, exit, output};
use crate::control::{Answer, AuditView, Command};
use crate::domain::SafeText;

/// What stands for an end that nobody wrote down.
const NO_END: &str = "not known";

/// Does `fleet audit`.
pub(crate) async fn execute(global: &GlobalArgs, args: &AuditArgs) -> CommandResult {
    let command = Command::Audit {
        peer: optional_peer(args.peer.as_deref())?,
        limit: args.limit,
    };
    let entries = match Session::open(global).await?.call(command).await? {
        Answer::Audit(entries) => entries,
        other => return Err(unexpected(&other)),
    };
    if global.json {
        output::json(&json!({ "audit": entries }))?;
    } else if entries.is_empty() {
        output::text(&SafeText::of("Nothing was done yet."))?;
    } else {
        output::text(&table(&entries))?;
    }
    Ok(exit::DONE)
}

fn table(entries: &[AuditView]) -> SafeText {
    let mut table = Table::new(&["AT", "BY", "OUTCOME", "COMMAND"]);
    for entry in entries {
        let pid = entry.pid.map_or_else(String::new, |pid| format!(" {pid}"));
        table.row([
            entry.at.clone(),
            format!("{}{pid} of user {}", entry.client, entry.uid),
            entry.outcome.clone().unwrap_or_else(|| NO_END.to_owned()),
            entry.command.safe_line().to_string(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stays_safe() {
        let entry = |client: &str, outcome: Option<&str>| AuditView {
            entry: 7,
            at: "2025-11-21T08:00:00.000Z".to_owned(),
            uid: 1000,
            pid: (client == "cli").then_some(4711),
            client: client.to_owned(),
            version: "0.1.0".into(),
            command: "answer deny to r\u{1b}[2J of 0193".into(),
            outcome: outcome.map(str::to_owned),
            ended_at: None,
        };
        let entries = [entry("cli", Some("done")), entry("unknown", None)];
        insta::assert_snapshot!(table(&entries), @r"
        AT                        BY                     OUTCOME    COMMAND
        2025-11-21T08:00:00.000Z  cli 4711 of user 1000  done       answer deny to r␛[2J of 0193
        2025-11-21T08:00:00.000Z  unknown of user 1000   not known  answer deny to r␛[2J of 0193
        ");
    }
}
