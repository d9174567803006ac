//! `fleet budget`: what peers may spend and what they spent.

use serde_json::json;

use super::args::{BudgetArgs, BudgetCommand, GlobalArgs};
use super::session::{Session, optional_peer, unexpected};
use super::table::Table;
use super::{CommandResult, exit, output, text};
use crate::control::{Answer, BudgetView, Command};
use crate::domain::SafeText;

/// Does `fleet budget`.
pub(crate) async fn execute(global: &GlobalArgs, args: &BudgetArgs) -> CommandResult {
    let peer = match &args.command {
        Some(BudgetCommand::Show { peer }) => peer.as_deref(),
        None => None,
    };
    let command = Command::Budgets {
        peer: optional_peer(peer)?,
    };
    let budgets = match Session::open(global).await?.call(command).await? {
        Answer::Budgets(budgets) => budgets,
        other => return Err(unexpected(&other)),
    };
    if global.json {
        output::json(&json!({ "budgets": budgets }))?;
    } else {
        output::text(&table(&budgets))?;
    }
    Ok(exit::DONE)
}

fn table(budgets: &[BudgetView]) -> SafeText {
    let mut table = Table::new(&["PEER", "TOKENS", "TURNS", "COST", "WINDOW"]);
    for budget in budgets {
        table.row([
            budget.peer.to_string(),
            text::amounts(&budget.tokens),
            text::amounts(&budget.turns),
            text::dollars(&budget.cost_usd),
            text::window(budget),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use crate::cli::samples;

    #[test]
    fn the_table() {
        let peers = samples::status().peers;
        let budgets: Vec<_> = peers.into_iter().map(|peer| peer.budget).collect();
        insta::assert_snapshot!(super::table(&budgets), @r"
        PEER       TOKENS                          TURNS            COST   WINDOW
        app        12,345 + 50,000 held / 200,000  4 + 1 held / 50  $0.00  day, until 2025-11-22T00:00:00.000Z
        construct  0                               0                $0.00  -
        ");
    }
}
