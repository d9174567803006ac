//! Questions of the real Claude Code: asked, answered, denied; what the model is told of it.

use fleet_a2a::ContextId;
use fleet_a2a::ext::{Chosen, Decision, Ruling};

use super::scene::{Scene, reply};
use crate::adapter::SessionState;
use crate::config::Permissions;

fn chosen(answers: &[&[&str]]) -> Ruling {
    let chosen = |texts: &&[&str]| Chosen(texts.iter().map(|text| (*text).to_owned()).collect());
    Ruling {
        decision: Decision::Allow,
        reason: None,
        answers: answers.iter().map(chosen).collect(),
    }
}

#[tokio::test]
async fn a_question_is_answered_at_every_level_and_the_model_gets_the_answer() {
    let sandbox = [("IS_SANDBOX", "1")];
    for permissions in [
        Permissions::ReadOnly,
        Permissions::Ask,
        Permissions::Edit,
        Permissions::Full,
    ] {
        let Some(scene) = Scene::set(permissions, &sandbox).await else {
            return;
        };
        let mut running = scene.start(&ContextId::mint(), SessionState::New, "ASK me");
        let asked = running.rule(chosen(&[&["Blue"]])).await;
        assert_eq!(asked[0].question, "Which colour should it be?");
        assert_eq!(
            (asked[0].header.as_str(), asked[0].options[1].label.as_str()),
            ("Colour", "Blue")
        );
        let (_, end) = running.finish().await;
        assert!(
            reply(&end).starts_with(
                "TOLD: Your questions have been answered: \"Which colour should it be?\"=\"Blue\""
            ),
            "{permissions:?}: {}",
            reply(&end)
        );
        assert!(end.refused.is_empty());
    }
}

#[tokio::test]
async fn two_questions_take_several_labels_and_own_words() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let ask = || scene.start(&ContextId::mint(), SessionState::New, "ASKTWO of me");
    let mut running = ask();
    let asked = running.rule(chosen(&[&["Red"], &["S", "M, wide"]])).await;
    assert_eq!((asked.len(), asked[1].multi_select), (2, true));
    let (_, end) = running.finish().await;
    // The CLI knows each label again, or it would say "read the answers carefully".
    assert!(
        reply(&end).starts_with("TOLD: Your questions have been answered:"),
        "{}",
        reply(&end)
    );
    assert!(
        reply(&end).contains("=\"S, \"M, wide\"\""),
        "{}",
        reply(&end)
    );

    let mut running = ask();
    let own = chosen(&[&["something warm, \"please\""], &["L", "and XL"]]);
    running.rule(own).await;
    let (_, end) = running.finish().await;
    assert!(
        reply(&end).contains("something warm, \"please\"") && reply(&end).contains("L, and XL"),
        "{}",
        reply(&end)
    );
}

#[tokio::test]
async fn a_question_that_is_denied_goes_back_with_the_reason_and_the_turn_goes_on() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    for (reason, told) in [(Some("not now"), "not now"), (None, "choose yourself")] {
        let mut running = scene.start(&ContextId::mint(), SessionState::New, "ASK me");
        running.answer_ask(Decision::Deny, reason).await;
        let (_, end) = running.finish().await;
        assert!(reply(&end).contains(told), "{}", reply(&end));
        assert_eq!(end.refused.len(), 1);
        assert_eq!(end.refused[0].tool, "AskUserQuestion");
    }
}
