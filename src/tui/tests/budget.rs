//! Topping up and resetting a budget by keys.

use super::samples::{model, show, snapshot};
use super::{feed, screen};
use crate::control::{Answer, Command};
use crate::domain::{Cost, ErrorKind, Failure, TopUp};
use crate::tui::model::{Model, Overlay};
use crate::tui::msg::{Effect, Msg, Purpose};
use crate::tui::update::update;

fn only_call(effects: Vec<Effect>) -> (Purpose, Command) {
    match <[Effect; 1]>::try_from(effects) {
        Ok([Effect::Call { purpose, command }]) => (purpose, command),
        other => panic!("{other:?}"),
    }
}

fn answer(model: &mut Model, purpose: Purpose, result: Result<Answer, Failure>) {
    let result = Box::new(result);
    update(model, Msg::Answered { purpose, result }, super::NOW_MS);
}

fn amounts(command: &Command) -> TopUp {
    match command {
        Command::TopUp { amounts, peer, .. } => {
            assert_eq!(peer.as_str(), "app");
            *amounts
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_top_up_is_typed_sent_and_sent_again_under_the_same_id() {
    let mut model = model(snapshot());
    feed(&mut model, "jb");
    insta::assert_snapshot!("top_up_80x24", screen(&mut model, 80, 24));
    let (purpose, command) = only_call(feed(&mut model, "50,000<enter>"));
    assert_eq!(amounts(&command).tokens, Some(50_000));
    let lost = Failure::new(ErrorKind::Daemon, "The daemon went away.", "");
    answer(&mut model, purpose, Err(lost));
    let (purpose, again) = only_call(feed(&mut model, "<enter>"));
    assert_eq!(again, command, "the same amount counts once");
    let (other, changed) = only_call(feed(&mut model, "0<enter>"));
    assert_ne!(other, purpose, "another amount is another command");
    assert_eq!(amounts(&changed).tokens, Some(500_000));
    let mut budget = model.peer().unwrap().budget.clone();
    budget.tokens.remaining = Some(600_000);
    answer(&mut model, other, Ok(Answer::Budgets(vec![budget])));
    assert!(model.overlays.is_empty());
    let shown = screen(&mut model, 80, 24);
    assert!(
        shown.contains("app: topped up; 600,000 tokens left."),
        "{shown}"
    );
}

#[test]
fn what_is_no_amount_is_said_and_kept() {
    let mut model = model(snapshot());
    assert_eq!(feed(&mut model, "jbmuch<enter>"), []);
    let shown = screen(&mut model, 100, 24);
    assert!(
        matches!(model.overlays.last(), Some(Overlay::TopUp(_))),
        "{shown}"
    );
    assert_eq!(
        model.notices().last().unwrap().text.raw(),
        "That is no amount: write 50000 for tokens, 5 turns, or $2.50."
    );
    feed(&mut model, "<esc>");
    assert!(model.overlays.is_empty());
    let (_, command) = only_call(feed(&mut model, "b$2.50<enter>"));
    assert_eq!(amounts(&command).cost, Some(Cost(2_500_000)));
}

#[test]
fn a_reset_asks_first_and_no_is_marked() {
    let mut model = model(snapshot());
    feed(&mut model, "jB");
    insta::assert_snapshot!("reset_80x24", screen(&mut model, 80, 24));
    assert_eq!(feed(&mut model, "<enter>"), [], "no is marked");
    let (purpose, command) = only_call(feed(&mut model, "By"));
    assert!(matches!(command, Command::ResetBudget { peer, .. } if peer.as_str() == "app"));
    answer(&mut model, purpose, Ok(Answer::Budgets(Vec::new())));
    let shown = screen(&mut model, 80, 24);
    assert!(
        shown.contains("what was spent counts from zero."),
        "{shown}"
    );
}

#[test]
fn without_a_budget_the_keys_say_why_not() {
    let mut model = model(snapshot());
    for (key, what) in [("b", "top up"), ("B", "reset")] {
        assert_eq!(feed(&mut model, key), []);
        assert!(model.overlays.is_empty());
        let shown = screen(&mut model, 80, 24);
        let reason = format!("echo has no budget in fleet.toml: there is nothing to {what}.");
        assert!(shown.contains(&reason), "{shown}");
    }
    assert!(!screen(&mut model, 120, 24).contains("b top up"));
}

#[test]
fn news_of_a_budget_stands_above_the_footer_once() {
    let mut all = snapshot();
    let mut model = model(all.clone());
    assert!(
        !screen(&mut model, 80, 24).contains("80 %"),
        "what was there when it opened is no news"
    );
    let mut notice = all.notices[0].clone();
    notice.text = "82 of 100 tokens (82 %) are spent.".into();
    all.notices.push(notice);
    show(&mut model, all.clone());
    let shown = screen(&mut model, 80, 24);
    assert!(
        shown.contains("app: 82 of 100 tokens (82 %) are spent."),
        "{shown}"
    );
    feed(&mut model, "b");
    show(&mut model, all);
    assert!(
        screen(&mut model, 80, 24).contains("no budget"),
        "not again"
    );
}
