use fleet_a2a::ext::{Decision, FleetEvent, Grant, Ruling};
use serde_json::json;

use super::question::tell;
use super::*;
use crate::adapter::AdapterEvent;
use crate::config::Ceiling;
use crate::registry::answer::Answer;

const NOW: i64 = 1_000_000;

fn machine_with(grant: Grant) -> Machine {
    let limits = Limits::new(Some(grant), &Ceiling::default());
    Machine::new(limits, NOW + 900_000, 300, "do it")
}

fn working() -> Machine {
    let mut machine = machine_with(Grant::default());
    assert_eq!(machine.step(Input::Place, NOW), [Effect::Begin]);
    machine
}

fn request(id: &str) -> PermissionRequest {
    PermissionRequest {
        request_id: id.to_owned(),
        tool: "Write".to_owned(),
        arguments: json!({"path": "a"}),
        choices: vec![Decision::Allow, Decision::Deny],
        expires_at: String::new(),
        questions: Vec::new(),
    }
}

fn ask(machine: &mut Machine, id: &str) -> Vec<Effect> {
    machine.step(Input::Adapter(AdapterEvent::Permission(request(id))), NOW)
}

fn done(outcome: TurnOutcome) -> Input {
    Input::Finished(TurnEnd {
        outcome,
        refused: Vec::new(),
    })
}

fn completed() -> Input {
    done(TurnOutcome::Completed {
        reply: "done".to_owned(),
    })
}

fn ended(effects: &[Effect]) -> Option<&End> {
    effects.iter().find_map(|effect| match effect {
        Effect::End(end) => Some(end.as_ref()),
        Effect::Begin
        | Effect::Leave
        | Effect::Remember(_)
        | Effect::Add(_)
        | Effect::Announce(..)
        | Effect::Tell(_)
        | Effect::AwaitAnswer(_)
        | Effect::StopAwaiting
        | Effect::Grace(_) => None,
    })
}

fn interrupted(effects: &[Effect]) -> bool {
    effects.contains(&Effect::Tell(TurnCommand::Interrupt))
}

#[test]
fn every_outcome_has_its_end() {
    let text = |text: &str| text.to_owned();
    let table = [
        (
            TurnOutcome::Completed { reply: text("r") },
            TaskState::Completed,
            None,
        ),
        (
            TurnOutcome::Failed { detail: text("d") },
            TaskState::Failed,
            Some(EndReason::AgentError),
        ),
        (
            TurnOutcome::Unauthenticated { detail: text("d") },
            TaskState::Failed,
            Some(EndReason::Unauthenticated),
        ),
        (
            TurnOutcome::Rejected { detail: text("d") },
            TaskState::Rejected,
            None,
        ),
        (
            TurnOutcome::Interrupted,
            TaskState::Failed,
            Some(EndReason::Interrupted),
        ),
    ];
    for (outcome, state, reason) in table {
        let effects = working().step(done(outcome.clone()), NOW);
        let end = ended(&effects).unwrap();
        assert_eq!((end.state, end.reason), (state, reason), "{outcome:?}");
    }
}

#[test]
fn every_stop_interrupts_and_keeps_its_reason() {
    type Row = (fn() -> Input, TaskState, EndReason);
    let table: [Row; 3] = [
        (|| Input::Cancel, TaskState::Canceled, EndReason::Canceled),
        (|| Input::Deadline, TaskState::Failed, EndReason::Deadline),
        (
            || Input::Shutdown,
            TaskState::Failed,
            EndReason::Interrupted,
        ),
    ];
    for (stop, state, reason) in table {
        for asking in [false, true] {
            for last in [completed(), Input::GraceOver, Input::Broke] {
                let mut machine = working();
                if asking {
                    ask(&mut machine, "r1");
                }
                let effects = machine.step(stop(), NOW);
                assert!(interrupted(&effects) && ended(&effects).is_none());
                // A second reason changes nothing.
                assert_eq!(machine.step(Input::Cancel, NOW), []);
                assert_eq!(machine.step(Input::Deadline, NOW), []);
                let effects = machine.step(last, NOW);
                let end = ended(&effects).unwrap();
                assert_eq!((end.state, end.reason), (state, Some(reason)));
                assert_eq!(machine.step(completed(), NOW), []);
                assert_eq!(machine.step(Input::GraceOver, NOW), []);
            }
        }
    }
}

#[test]
fn what_waits_ends_at_once_or_is_left_for_the_next_start() {
    let mut machine = machine_with(Grant::default());
    assert_eq!(
        ended(&machine.step(Input::Cancel, NOW)).unwrap().state,
        TaskState::Canceled
    );
    assert_eq!(machine.usage(), Usage::default());
    let mut machine = machine_with(Grant::default());
    let effects = machine.step(Input::Deadline, NOW);
    assert_eq!(ended(&effects).unwrap().reason, Some(EndReason::Deadline));
    let mut machine = machine_with(Grant::default());
    assert_eq!(machine.step(Input::Shutdown, NOW), [Effect::Leave]);
}

#[test]
fn a_task_whose_deadline_has_passed_never_begins() {
    let mut machine = machine_with(Grant::default());
    let effects = machine.step(Input::Place, NOW + 900_000);
    assert_eq!(ended(&effects).unwrap().reason, Some(EndReason::Deadline));
    assert_eq!(machine.usage(), Usage::default());
}

#[test]
fn the_first_usage_past_the_grant_stops_the_turn() {
    let mut machine = machine_with(Grant {
        tokens: Some(100.0),
        ..Grant::default()
    });
    machine.step(Input::Place, NOW);
    let mut report = |output_tokens| {
        let usage = Usage {
            output_tokens,
            ..Usage::default()
        };
        machine.step(Input::Adapter(AdapterEvent::Usage(usage)), NOW)
    };
    assert!(!interrupted(&report(100)));
    assert!(interrupted(&report(101)));
    // It goes on spending until it has stopped; the true figure is kept.
    assert!(!interrupted(&report(150)));
    let effects = machine.step(done(TurnOutcome::Interrupted), NOW);
    assert_eq!(ended(&effects).unwrap().reason, Some(EndReason::Budget));
    assert_eq!(machine.usage().output_tokens, 150);
}

#[test]
fn bytes_stop_a_turn_that_reports_nothing() {
    let mut machine = machine_with(Grant {
        tokens: Some(10.0),
        ..Grant::default()
    });
    machine.step(Input::Place, NOW);
    let mut delta = |bytes: usize| {
        machine.step(
            Input::Adapter(AdapterEvent::TextDelta("x".repeat(bytes))),
            NOW,
        )
    };
    assert!(!interrupted(&delta(32)));
    assert!(interrupted(&delta(1)));
    assert!(machine.usage().estimated);
}

#[test]
fn a_grant_of_no_turns_runs_nothing() {
    let mut machine = machine_with(Grant {
        turns: Some(0.0),
        ..Grant::default()
    });
    let effects = machine.step(Input::Place, NOW);
    assert_eq!(ended(&effects).unwrap().reason, Some(EndReason::Budget));
    assert_eq!(machine.usage(), Usage::default());
}

#[test]
fn a_question_waits_and_goes_on() {
    let mut machine = working();
    let effects = ask(&mut machine, "r1");
    assert!(matches!(
        effects[0],
        Effect::Announce(TaskState::InputRequired, _)
    ));
    assert_eq!(effects[1], Effect::AwaitAnswer(Duration::from_secs(300)));
    assert_eq!(machine.state(), TaskState::InputRequired);

    let ruling = machine.judge(Answer::Text("allow".to_owned())).unwrap();
    let effects = machine.decide(ruling, NOW);
    assert!(matches!(
        effects[0],
        Effect::Announce(TaskState::Working, _)
    ));
    assert_eq!(
        effects[2],
        tell(&request("r1"), Ruling::plain(Decision::Allow, None))
    );
    assert!(machine.judge(Answer::Text("allow".to_owned())).is_err());
    assert!(
        ended(&machine.step(completed(), NOW))
            .unwrap()
            .refused
            .is_empty()
    );
}

#[test]
fn questions_are_asked_one_after_the_other() {
    let mut machine = working();
    ask(&mut machine, "r1");
    assert_eq!(ask(&mut machine, "r2"), []);
    let effects = machine.decide(Ruling::plain(Decision::Allow, None), NOW);
    assert!(matches!(
        effects[3],
        Effect::Announce(TaskState::InputRequired, _)
    ));
    // Silence is a denial, and the result lists it.
    let effects = machine.step(Input::AnswerTimeout, NOW);
    assert!(
        matches!(&effects[2], Effect::Tell(TurnCommand::Answer { request_id, decision: Decision::Deny, .. }) if request_id == "r2")
    );
    let effects = machine.step(completed(), NOW);
    assert_eq!(ended(&effects).unwrap().refused.len(), 1);
}

#[test]
fn a_question_takes_its_answers_along_and_silence_says_choose_yourself() {
    let asked = |id: &str| PermissionRequest {
        questions: serde_json::from_value(json!([{"question": "Which?"}])).unwrap(),
        ..request(id)
    };
    let mut machine = working();
    machine.step(Input::Adapter(AdapterEvent::Permission(asked("q1"))), NOW);
    assert!(machine.judge(Answer::Text("allow".to_owned())).is_err());
    let data = json!({"request_id": "q1", "decision": "allow", "answers": ["blue"]});
    let answer = Answer::Data(serde_json::from_value(data).unwrap());
    let ruling = machine.judge(answer).unwrap();
    let effects = machine.decide(ruling.clone(), NOW);
    assert_eq!(effects[2], tell(&asked("q1"), ruling.clone()));
    let Effect::Announce(_, FleetEvent::PermissionAnswered { answers, .. }) = &effects[0] else {
        panic!("{effects:?}")
    };
    assert_eq!(*answers, ruling.answers);

    machine.step(Input::Adapter(AdapterEvent::Permission(asked("q2"))), NOW);
    let effects = machine.step(Input::AnswerTimeout, NOW);
    assert!(
        matches!(&effects[2], Effect::Tell(TurnCommand::Answer { decision: Decision::Deny, reason: Some(reason), .. }) if reason.contains("choose yourself"))
    );
}

#[test]
fn a_question_while_stopping_is_denied() {
    let mut machine = working();
    machine.step(Input::Cancel, NOW);
    let effects = ask(&mut machine, "r1");
    assert!(matches!(
        &effects[0],
        Effect::Tell(TurnCommand::Answer {
            decision: Decision::Deny,
            ..
        })
    ));
    assert_eq!(machine.step(Input::AnswerTimeout, NOW), []);
}

#[test]
fn a_reply_over_the_bound_fails_and_says_so() {
    let mut machine = working();
    let reply = "x".repeat(MAX_REPLY_BYTES + 1);
    let effects = machine.step(done(TurnOutcome::Completed { reply }), NOW);
    let end = ended(&effects).unwrap();
    assert_eq!(
        (end.state, end.reason),
        (TaskState::Failed, Some(EndReason::AgentError))
    );
    assert!(end.detail.contains("4 MiB"));

    let mut machine = working();
    let half = "x".repeat(MAX_REPLY_BYTES / 2 + 1);
    let first = machine.step(Input::Adapter(AdapterEvent::TextDelta(half.clone())), NOW);
    assert!(!interrupted(&first));
    assert!(interrupted(
        &machine.step(Input::Adapter(AdapterEvent::TextDelta(half)), NOW)
    ));
}

#[test]
fn too_many_events_stop_the_turn() {
    let mut machine = working();
    let note = || Input::Adapter(AdapterEvent::Note(String::new()));
    for _ in 0..MAX_TURN_EVENTS {
        assert!(!interrupted(&machine.step(note(), NOW)));
    }
    assert!(interrupted(&machine.step(note(), NOW)));
}

#[test]
fn a_defect_of_ours_is_an_end_too() {
    let effects = working().step(Input::Broke, NOW);
    assert_eq!(ended(&effects).unwrap().reason, Some(EndReason::AgentError));
}
