//! `fleet budget`: what peers may spend and what they spent, and what a person does about it.
//!
//! Owns: the table, and the id under which a command counts once, however often it is given.

use serde_json::json;

use super::args::{BudgetArgs, BudgetCommand, GlobalArgs, TopUpArgs};
use super::session::{Session, optional_peer, peer_name, unexpected};
use super::table::Table;
use super::{CommandResult, exit, output, text};
use crate::control::{Amounts, Answer, BudgetView, Command};
use crate::domain::{CommandId, Cost, ErrorKind, Failure, SafeText, TopUp};

/// Does `fleet budget`.
pub(crate) async fn execute(global: &GlobalArgs, args: &BudgetArgs) -> CommandResult {
    let command = command(args)?;
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

fn command(args: &BudgetArgs) -> Result<Command, Failure> {
    Ok(match &args.command {
        None => Command::Budgets { peer: None },
        Some(BudgetCommand::Show { peer }) => Command::Budgets {
            peer: optional_peer(peer.as_deref())?,
        },
        Some(BudgetCommand::TopUp(args)) => Command::TopUp {
            command_id: CommandId::mint(),
            peer: peer_name(&args.peer)?,
            amounts: amounts(args)?,
        },
        Some(BudgetCommand::Reset { peer }) => Command::ResetBudget {
            command_id: CommandId::mint(),
            peer: peer_name(peer)?,
        },
    })
}

fn amounts(args: &TopUpArgs) -> Result<TopUp, Failure> {
    let cost = args.cost.map(|usd| {
        if usd.is_finite() && usd > 0.0 {
            return Ok(Cost::from_usd(usd));
        }
        Err(Failure::new(
            ErrorKind::Usage,
            format!("--cost is {usd}; it takes dollars above 0."),
            "Give an amount such as --cost 2.50.",
        ))
    });
    Ok(TopUp {
        tokens: args.tokens,
        turns: args.turns,
        cost: cost.transpose()?,
    })
}

/// A row for each figure: those that are limited, and tokens and turns always, because they are counted anyway.
fn table(budgets: &[BudgetView]) -> SafeText {
    let mut table = Table::new(&[
        "PEER",
        "FIGURE",
        "LIMIT",
        "TOPPED UP",
        "GRANTED",
        "SPENT",
        "REMAINING",
        "WINDOW",
    ]);
    for budget in budgets {
        let cost = &budget.cost_usd;
        let mut figures = vec![
            ("tokens", words(&budget.tokens, text::grouped)),
            ("turns", words(&budget.turns, text::grouped)),
        ];
        if cost.limit.is_some() || cost.spent > 0.0 {
            figures.push(("cost", words(cost, |usd| format!("${usd:.2}"))));
        }
        for (figure, [limit, topped_up, granted, spent, remaining]) in figures {
            let (peer, window) = (budget.peer.to_string(), text::window(budget));
            table.row([
                peer,
                figure.to_owned(),
                limit,
                topped_up,
                granted,
                spent,
                remaining,
                window,
            ]);
        }
    }
    table.render()
}

fn words<T: Copy>(amounts: &Amounts<T>, word: impl Fn(T) -> String) -> [String; 5] {
    let limited = |amount: Option<T>| amount.map_or_else(String::new, &word);
    [
        limited(amounts.limit),
        limited(amounts.limit.map(|_| amounts.topped_up)),
        word(amounts.granted),
        word(amounts.spent),
        limited(amounts.remaining),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    #[test]
    fn the_table() {
        let peers = samples::status().peers;
        let mut budgets: Vec<_> = peers.into_iter().map(|peer| peer.budget).collect();
        budgets[0].tokens.topped_up = 10_000;
        budgets[0].cost_usd.limit = Some(3.0);
        budgets[0].cost_usd.remaining = Some(3.0);
        insta::assert_snapshot!(table(&budgets), @r"
        PEER       FIGURE  LIMIT    TOPPED UP  GRANTED  SPENT   REMAINING  WINDOW
        app        tokens  200,000  10,000     50,000   12,345  137,655    day, until 2025-11-22T00:00:00.000Z
        app        turns   50       0          1        4       45         day, until 2025-11-22T00:00:00.000Z
        app        cost    $3.00    $0.00      $0.00    $0.00   $3.00      day, until 2025-11-22T00:00:00.000Z
        construct  tokens  -        -          0        0       -          -
        construct  turns   -        -          0        0       -          -
        ");
    }

    #[test]
    fn money_is_checked_before_it_is_rounded() {
        let of = |usd| {
            amounts(&TopUpArgs {
                peer: "app".to_owned(),
                tokens: None,
                turns: None,
                cost: Some(usd),
            })
        };
        assert_eq!(of(2.5).unwrap().cost, Some(Cost(2_500_000)));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(of(bad).unwrap_err().kind, ErrorKind::Usage);
        }
    }
}
