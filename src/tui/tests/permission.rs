//! One key, one decision, about the request that was on screen.

use fleet_a2a::ext::Decision;

use crate::control::{Answer, AnswerRefused, Command, FleetSnapshot};
use crate::domain::{ErrorKind, Failure};
use crate::tui::model::{Prompt, PromptPhase};
use crate::tui::msg::{Effect, Msg, Purpose};
use crate::tui::update::update;

use super::samples::{id, model, request, show, snapshot};
use super::{NOW_MS, feed, feed_at, screen};

fn waiting(requests: &[(&str, i64)]) -> FleetSnapshot {
    let mut all = snapshot();
    all.dispatches[3].detail.permissions = requests
        .iter()
        .map(|(name, expires)| request(name, *expires))
        .collect();
    all
}

fn decided(effects: &[Effect]) -> Vec<(String, Decision, Option<String>)> {
    let all = effects.iter().map(|effect| match effect {
        Effect::Call {
            command:
                Command::AnswerPermission {
                    request_id: Some(id),
                    decision,
                    reason,
                    ..
                },
            ..
        } => (id.clone(), *decision, reason.clone()),
        other => panic!("{other:?}"),
    });
    all.collect()
}

#[test]
fn a_double_press_is_one_decision_also_when_the_next_request_is_there_already() {
    let mut model = model(waiting(&[("first", 60), ("second", 90)]));
    let effects = feed(&mut model, "aa");
    assert_eq!(
        decided(&effects),
        [("first".to_owned(), Decision::Allow, None)]
    );
    show(&mut model, waiting(&[("second", 90)]));
    assert_eq!(
        feed_at(&mut model, "a", NOW_MS + 300),
        [],
        "meant for the first"
    );
    let effects = feed_at(&mut model, "d", NOW_MS + 900);
    assert_eq!(
        decided(&effects),
        [("second".to_owned(), Decision::Deny, None)]
    );
}

#[test]
fn the_oldest_is_shown_and_does_not_change_under_a_finger() {
    let mut model = model(waiting(&[("late", 90), ("soon", 30)]));
    let shown = |model: &crate::tui::model::Model| match &model.prompt {
        Prompt::Open(open) => open.request.request_id.clone(),
        Prompt::Closed { .. } => String::new(),
    };
    assert_eq!(shown(&model), "soon");
    show(
        &mut model,
        waiting(&[("late", 90), ("soon", 30), ("sooner", 5)]),
    );
    assert_eq!(shown(&model), "soon");
    show(&mut model, waiting(&[]));
    assert_eq!(shown(&model), "");
}

#[test]
fn works_from_any_view_and_letters_go_to_text_while_typing() {
    for view in ["1", "2", "3", "4", "?"] {
        let mut model = model(waiting(&[("r", 60)]));
        feed(&mut model, view);
        assert_eq!(decided(&feed(&mut model, "A")).len(), 1, "{view}");
    }
    let mut model = model(waiting(&[("r", 60)]));
    assert_eq!(feed(&mut model, "nad"), []);
    assert_eq!(model.composer.instruction.text(), "ad");
    assert_eq!(decided(&feed(&mut model, "<alt-a>")).len(), 1);
}

#[test]
fn a_dialog_takes_no_decision_about_something_else() {
    let mut model = model(waiting(&[("r", 60)]));
    feed(&mut model, "2c");
    assert_eq!(feed(&mut model, "ad"), []);
}

#[test]
fn a_reason_goes_with_the_denial_it_was_typed_for() {
    let mut model = model(waiting(&[("r", 60)]));
    let effects = feed(&mut model, "rnot here<enter>");
    let reason = Some("not here".to_owned());
    assert_eq!(
        decided(&effects),
        [("r".to_owned(), Decision::Deny, reason)]
    );

    let mut gone = self::model(waiting(&[("r", 60)]));
    feed(&mut gone, "rnot");
    show(&mut gone, waiting(&[("other", 60)]));
    assert!(gone.overlays.is_empty(), "the line goes with its request");
    assert_eq!(feed(&mut gone, "<enter>").len(), 0);
}

#[test]
fn always_needs_to_be_a_choice() {
    let mut all = waiting(&[("r", 60)]);
    all.dispatches[3].detail.permissions[0].choices = vec![Decision::Allow, Decision::Deny];
    let mut model = model(all);
    assert_eq!(feed(&mut model, "A"), []);
    assert!(screen(&mut model, 80, 24).contains("does not take"));
    assert_eq!(decided(&feed(&mut model, "a")).len(), 1);
}

#[test]
fn a_decision_that_the_agent_does_not_take_can_be_made_again() {
    let mut snapshot = waiting(&[("r", 60)]);
    let mut model = model(snapshot.clone());
    assert_eq!(decided(&feed(&mut model, "a")).len(), 1);
    snapshot.dispatches[3].detail.answer_refused = Some(AnswerRefused {
        request_id: "r".to_owned(),
        at: "2026-11-21T00:00:00.000Z".to_owned(),
        reason: "not one of mine".into(),
    });
    show(&mut model, snapshot.clone());
    assert_eq!(decided(&feed_at(&mut model, "d", NOW_MS + 2_000)).len(), 1);
    // What was refused before says nothing about the new answer.
    show(&mut model, snapshot);
    assert_eq!(decided(&feed_at(&mut model, "d", NOW_MS + 3_000)).len(), 0);
}

#[test]
fn a_decision_that_could_not_be_stored_can_be_made_again() {
    let mut model = model(waiting(&[("r", 60)]));
    feed(&mut model, "a");
    let purpose = Purpose::Permission {
        dispatch_id: id(4),
        request_id: "r".to_owned(),
        decision: Decision::Allow,
    };
    let failed = Failure::new(ErrorKind::Daemon, "The daemon went away.", "");
    let result = Box::new(Err::<Answer, _>(failed));
    update(&mut model, Msg::Answered { purpose, result }, NOW_MS);
    let Prompt::Open(open) = &model.prompt else {
        panic!("still open")
    };
    assert_eq!(open.phase, PromptPhase::Waiting);
    assert_eq!(decided(&feed_at(&mut model, "a", NOW_MS + 1_000)).len(), 1);
}
