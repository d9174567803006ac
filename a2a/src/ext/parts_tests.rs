//! Tests of what travels under our extensions, in and out.

use super::*;
use crate::ext::{EndReason, Refusal};
use crate::types::Role;

fn message(parts: Vec<Part>) -> Message {
    Message::new(Role::Agent, parts)
}

#[test]
fn events_survive_a_message() {
    let events = vec![
        FleetEvent::Session {
            session_id: "s".to_owned(),
        },
        FleetEvent::Retry {
            attempt: 1,
            max_attempts: 10,
            text: "529".to_owned(),
        },
        FleetEvent::End {
            reason: Some(EndReason::Budget),
            detail: "The grant is used up.".to_owned(),
            refused: vec![Refusal {
                tool: "Write".to_owned(),
                arguments: json!({"path": "x"}),
                reason: None,
            }],
        },
    ];
    let mut parts: Vec<Part> = events.iter().map(event_part).collect();
    parts.insert(1, Part::text("for people"));
    parts.push(Part::data(json!({"kind": "note", "text": "not ours"})));
    assert_eq!(events_of(&message(parts)), events);
}

#[test]
fn doubles_are_read_and_unknown_events_kept_as_notes() {
    let ours = |data: Value| {
        let mut part = Part::data(data);
        part.metadata = Some([(events::URI.to_owned(), json!(true))].into());
        part
    };
    let retry = ours(json!({"kind": "retry", "attempt": 2.0, "max_attempts": 0.0, "text": "x"}));
    let newer = ours(json!({"kind": "hologram", "x": 1}));
    let got = events_of(&message(vec![retry, newer]));
    assert!(matches!(
        got[0],
        FleetEvent::Retry {
            attempt: 2,
            max_attempts: 0,
            ..
        }
    ));
    let text = r#"{"kind":"hologram","x":1}"#.to_owned();
    assert_eq!(got[1], FleetEvent::Note { text });
}

#[test]
fn usage_is_found_where_updates_carry_it() {
    let usage = Usage {
        input_tokens: 5,
        turns: 1,
        ..Usage::default()
    };
    let metadata = usage_metadata(&usage);
    assert_eq!(usage_of(Some(&metadata)), Some(usage));
    assert_eq!(usage_of(None), None);
    let broken = Metadata::from([(usage::URI.to_owned(), json!("many"))]);
    assert_eq!(usage_of(Some(&broken)), None);
}

#[test]
fn only_exact_answers_are_answers() {
    let word = |text: &str| answer_of(&message(vec![Part::text(text)]));
    assert_eq!(word("allow"), Some(Answer::Word(Decision::Allow)));
    assert_eq!(word("deny"), Some(Answer::Word(Decision::Deny)));
    for wrong in ["Allow", "allow ", "yes", "always", ""] {
        assert_eq!(word(wrong), None, "{wrong:?}");
    }
    let data = |value: Value| answer_of(&message(vec![Part::data(value)]));
    let named = data(json!({"request_id": "r", "decision": "always"}));
    assert!(matches!(named, Some(Answer::Named(a)) if a.decision == Decision::Always));
    assert_eq!(data(json!({"request_id": "r", "decision": "maybe"})), None);
    assert_eq!(data(json!({"decision": "allow"})), None);
    assert_eq!(
        answer_of(&message(vec![Part::text("allow"), Part::text("x")])),
        None
    );
}
