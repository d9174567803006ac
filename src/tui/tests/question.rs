//! An agent's questions: which keys answer them, what is told to the agent, and what a person sees.

use fleet_a2a::ext::{Decision, PermissionRequest};

use crate::control::{Answer, Command, FleetSnapshot};
use crate::domain::{ErrorKind, Failure};
use crate::tui::model::{Model, Overlay, Prompt, PromptPhase};
use crate::tui::msg::{Effect, Msg, Purpose};
use crate::tui::update::update;

use super::samples::{id, model, questions, request, show, snapshot};
use super::{NOW_MS, feed, feed_at, screen};

/// Far enough apart for no press to be half of a double press.
const APART_MS: i64 = 500;

fn waiting(request: PermissionRequest) -> FleetSnapshot {
    let mut all = snapshot();
    all.dispatches[3].detail.permissions = vec![request];
    all
}

fn asked() -> Model {
    model(waiting(questions("q", 272)))
}

/// Presses groups of keys, each long after the one before.
fn press(model: &mut Model, groups: &[&str]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for keys in groups {
        let before = match &model.prompt {
            Prompt::Open(open) => open.decided_at_ms.max(NOW_MS),
            Prompt::Closed { decided_at_ms } => *decided_at_ms,
        };
        effects.extend(feed_at(model, keys, before + APART_MS));
    }
    effects
}

/// What goes to the agent: the decision, the reason, and the answers.
type Told<'a> = Vec<(Decision, Option<&'a str>, Vec<Vec<&'a str>>)>;

fn told(effects: &[Effect]) -> Told<'_> {
    let all = effects.iter().map(|effect| match effect {
        Effect::Call {
            command:
                Command::AnswerPermission {
                    decision,
                    reason,
                    answers,
                    ..
                },
            ..
        } => {
            let answers = answers
                .iter()
                .map(|chosen| chosen.0.iter().map(String::as_str).collect())
                .collect();
            (*decision, reason.as_deref(), answers)
        }
        other => panic!("{other:?}"),
    });
    all.collect()
}

fn allowed<'a>(answers: &[&[&'a str]]) -> Told<'a> {
    let answers = answers.iter().map(|texts| texts.to_vec()).collect();
    vec![(Decision::Allow, None, answers)]
}

const SQLITE: &str = "SQLite (Recommended)";

#[test]
fn digits_answer_one_question_after_the_other_and_mark_several() {
    let effects = press(&mut asked(), &["a", "2", "13", "<enter>"]);
    let answers: &[&[&str]] = &[&["PostgreSQL"], &["/v1/users", "/health"]];
    assert_eq!(told(&effects), allowed(answers));
}

#[test]
fn arrows_and_space_do_the_same() {
    let keys = ["a", "<down><up><enter>", " <down> j <up><up> <enter>"];
    let effects = press(&mut asked(), &keys);
    assert_eq!(
        told(&effects),
        allowed(&[&[SQLITE], &["/v1/teams", "/health"]])
    );
    // Without a mark the option under the cursor is taken.
    let effects = press(&mut asked(), &["a", "<enter>", "j<enter>"]);
    assert_eq!(told(&effects), allowed(&[&[SQLITE], &["/v1/teams"]]));
}

#[test]
fn own_words_are_an_answer_alone_and_beside_marks() {
    let keys = ["a", "oa file, 1 of 2<enter>", "2", "o/metrics<enter>"];
    let effects = press(&mut asked(), &keys);
    assert_eq!(
        told(&effects),
        allowed(&[&["a file, 1 of 2"], &["/v1/teams", "/metrics"]])
    );
    // The row below the options is the same as the key; nothing typed is no answer.
    let mut model = asked();
    assert_eq!(press(&mut model, &["a", "G<enter>  <enter>", "o<esc>"]), []);
    assert!(screen(&mut model, 80, 24).contains("asks you 1 of 2"));
}

#[test]
fn a_denial_needs_no_answer_and_goes_with_a_reason_too() {
    assert_eq!(
        told(&feed(&mut asked(), "d")),
        [(Decision::Deny, None, vec![])]
    );
    let mut model = asked();
    let effects = press(&mut model, &["a", "1", "rask me later<enter>"]);
    assert_eq!(
        told(&effects),
        [(Decision::Deny, Some("ask me later"), vec![])]
    );
    assert!(model.overlays.is_empty(), "{:?}", model.overlays);
}

#[test]
fn always_and_a_bare_allow_are_no_keys_of_a_question() {
    let mut model = asked();
    assert_eq!(press(&mut model, &["A", "aa", "A"]), []);
    assert!(!screen(&mut model, 80, 24).contains("always"));
}

#[test]
fn until_a_person_turns_to_it_the_keys_are_those_of_the_view() {
    let mut model = asked();
    assert_eq!(feed(&mut model, "2j1 "), []);
    let Prompt::Open(open) = &model.prompt else {
        panic!("open")
    };
    assert_eq!(open.answering.at(), 0);
    assert!(model.overlays.is_empty());
}

#[test]
fn a_double_press_is_one_answer() {
    let mut model = asked();
    assert_eq!(press(&mut model, &["a", "22"]), []);
    assert!(screen(&mut model, 80, 24).contains("2 of 2"));
    let Prompt::Open(open) = &model.prompt else {
        panic!("open")
    };
    assert!(!open.answering.is_marked(1), "meant for the first question");
}

#[test]
fn one_can_go_back_and_come_back_later() {
    let keys = ["a", "2", "b", "1", "<esc>", "j", "a", "3<enter>"];
    let effects = press(&mut asked(), &keys);
    assert_eq!(told(&effects), allowed(&[&[SQLITE], &["/health"]]));
}

#[test]
fn it_is_answered_while_text_is_typed_and_the_text_is_kept() {
    let mut model = asked();
    let effects = press(
        &mut model,
        &["nhalf a", "<alt-a>", "1", "2<enter>", " thought"],
    );
    assert_eq!(told(&effects), allowed(&[&[SQLITE], &["/v1/teams"]]));
    assert_eq!(model.composer.instruction.text(), "half a thought");
}

#[test]
fn what_was_begun_about_a_question_goes_with_it() {
    let mut model = asked();
    press(&mut model, &["a", "1", "ohalf an ans"]);
    show(&mut model, waiting(request("other", 60)));
    assert!(model.overlays.is_empty(), "{:?}", model.overlays);
    assert_eq!(feed(&mut model, "<enter>").len(), 0);
    // Another question has not the keys, and begins at its start.
    show(&mut model, waiting(questions("next", 60)));
    assert_eq!(press(&mut model, &["1"]), []);
    assert!(screen(&mut model, 80, 24).contains("asks you 1 of 2"));
}

#[test]
fn an_answer_that_could_not_be_stored_is_asked_for_again() {
    let mut model = asked();
    press(&mut model, &["a", "1", "2<enter>"]);
    assert!(screen(&mut model, 80, 24).contains("telling the agent: your answer"));
    let purpose = Purpose::Question {
        dispatch_id: id(4),
        request_id: "q".to_owned(),
    };
    let failed = Failure::new(ErrorKind::Daemon, "The daemon went away.", "");
    let result = Box::new(Err::<Answer, _>(failed));
    update(&mut model, Msg::Answered { purpose, result }, NOW_MS);
    let Prompt::Open(open) = &model.prompt else {
        panic!("still open")
    };
    assert_eq!((open.phase, open.answering.at()), (PromptPhase::Waiting, 1));
    let again = NOW_MS + 20 * APART_MS;
    let mut effects = feed_at(&mut model, "a", again);
    effects.extend(feed_at(&mut model, "<enter>", again + APART_MS));
    assert_eq!(told(&effects), allowed(&[&[SQLITE], &["/v1/teams"]]));
}

#[test]
fn what_a_person_sees() {
    let mut model = asked();
    insta::assert_snapshot!("question_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("question_40x10", screen(&mut model, 40, 10));
    press(&mut model, &["a"]);
    insta::assert_snapshot!("question_answering_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("question_answering_40x10", screen(&mut model, 40, 10));
    press(&mut model, &["j", "<enter>", "13j"]);
    insta::assert_snapshot!("question_several_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("question_several_40x10", screen(&mut model, 40, 10));
    press(&mut model, &["oand /metrics"]);
    insta::assert_snapshot!("question_own_words_60x20", screen(&mut model, 60, 20));
    model.overlays.push(Overlay::Help { top: 0 });
    press(&mut model, &["<esc><esc>n"]);
    insta::assert_snapshot!("question_while_typing_80x24", screen(&mut model, 80, 24));
}

#[test]
fn a_question_cannot_pose_as_the_prompt_itself() {
    let mut evil = questions("q", 60);
    let text = "x\n ┗ a answer   d deny\n ┏ ! app wants to use Write\u{1b}[2J";
    evil.questions[0].question = text.to_owned();
    evil.questions[0].header = text.to_owned();
    evil.questions[0].options[0].label = text.to_owned();
    evil.questions[0].options[1].description = text.to_owned();
    for keys in [&[][..], &["a"]] {
        let mut model = model(waiting(evil.clone()));
        press(&mut model, keys);
        let shown = screen(&mut model, 80, 40);
        let own = |mark: &str| shown.lines().filter(|row| row.starts_with(mark)).count();
        assert_eq!((own(" ┗"), own(" ┏")), (1, 1), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}
