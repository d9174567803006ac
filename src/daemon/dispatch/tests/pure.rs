//! The pure parts: from events to lines, from lines to what is known, from an end to a verdict.

use fleet_a2a::client::PeerEvent;
use fleet_a2a::ext::{EndReason, FleetEvent, event_part};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::lines::{ReplyRule, Stamp, lines_of};
use super::super::machine::{Backoff, may_resend};
use super::super::outcome::{self, Around, StopWhy, Whose};
use super::super::turn::{MAX_REPLY_BYTES, PeerEnd, Turn};
use super::super::view::last_event;
use super::peer::{delta, end, hello, reply, working};
use crate::control::{LineKind, TranscriptLine};
use crate::daemon::store::AttemptRow;
use crate::domain::{DispatchId, DispatchState, PeerName, Reason, Settlement};

fn stamp(rule: ReplyRule) -> Stamp {
    Stamp {
        dispatch_id: DispatchId::mint(),
        at: "2026-11-21T00:00:00.000Z".to_owned(),
        rule,
    }
}

fn peer_event(id: u64, body: &Value) -> PeerEvent {
    PeerEvent {
        id: Some(id),
        body: serde_json::from_value(body.clone()).unwrap(),
    }
}

fn see_all(bodies: &[Value]) -> (Turn, Vec<TranscriptLine>) {
    let (mut turn, mut all) = (Turn::default(), Vec::new());
    let stamp = stamp(ReplyRule::Named);
    for (at, body) in bodies.iter().enumerate() {
        let lines = lines_of(&peer_event(at as u64 + 1, body), &turn, &stamp);
        for line in &lines {
            turn.see(line);
        }
        all.extend(lines);
    }
    (turn, all)
}

#[test]
fn lines_read_again_lead_to_the_same_place() {
    let (live, lines) = see_all(&hello());
    let mut again = Turn::default();
    for line in &lines {
        let text = serde_json::to_string(line).unwrap();
        again.see(&serde_json::from_str(&text).unwrap());
    }
    assert_eq!(format!("{live:?}"), format!("{again:?}"));
    assert_eq!(live.reply(), "hello");
    assert_eq!(live.end().unwrap().state, DispatchState::Completed);
}

#[test]
fn the_line_with_the_state_comes_last() {
    let events = [
        FleetEvent::Note {
            text: "one".to_owned(),
        },
        FleetEvent::End {
            reason: Some(EndReason::Budget),
            detail: "enough".to_owned(),
            refused: Vec::new(),
        },
    ];
    let mut parts: Vec<Value> = events.iter().map(|e| json!(event_part(e))).collect();
    parts.push(json!({"text": "said"}));
    let body = json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {
        "state": "TASK_STATE_CANCELED", "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": parts}}}});
    let (turn, lines) = see_all(&[body]);
    let kinds: Vec<LineKind> = lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [LineKind::Message, LineKind::Event, LineKind::Event]);
    let states: Vec<_> = lines.iter().map(|line| line.state).collect();
    assert_eq!(states, [None, None, Some(DispatchState::Canceled)]);
    assert_eq!(turn.last_event(), Some((1, 3)));
    let end = turn.end().unwrap();
    assert_eq!(
        (end.reason, end.detail.as_str()),
        (Some(EndReason::Budget), "enough")
    );
}

#[test]
fn the_last_event_is_the_line_that_grows_and_then_the_replys_first() {
    let mut bodies = vec![working(), delta("the fir"), delta("st line\nthe se")];
    assert_eq!(see_all(&bodies).0.last(), "the se");
    bodies.push(delta("cond\n\n"));
    assert_eq!(see_all(&bodies).0.last(), "the second");
    bodies.push(reply("\nthe first line\nthe second"));
    assert_eq!(see_all(&bodies).0.last(), "the first line");
}

#[test]
fn a_dispatch_that_waits_at_its_peer_says_so_until_its_turn_begins() {
    let of = |turn: &Turn| last_event(DispatchState::Working, turn).to_owned();
    assert_eq!(of(&Turn::default()), "accepted; it waits for its turn");
    assert_eq!(of(&see_all(&[working()]).0), "");
    assert_eq!(of(&see_all(&[working(), delta("one")]).0), "one");
    assert_eq!(last_event(DispatchState::Sending, &Turn::default()), "");
}

#[test]
fn nothing_follows_an_end() {
    let mut bodies = hello();
    bodies.push(working());
    bodies.push(end("TASK_STATE_FAILED", None));
    let (turn, _) = see_all(&bodies);
    assert_eq!(turn.end().unwrap().state, DispatchState::Completed);
}

#[test]
fn the_reply_of_a_foreign_peer_is_its_first_text_artifact() {
    let (mut turn, stamp) = (Turn::default(), stamp(ReplyRule::FirstText));
    let chunk = |id: &str, text: &str, append: bool| {
        json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": append,
            "artifact": {"artifactId": id, "parts": [{"text": text}]}}})
    };
    for body in [
        chunk("a", "one ", false),
        chunk("a", "two", true),
        chunk("b", "other", false),
    ] {
        let event = PeerEvent {
            id: None,
            body: serde_json::from_value(body.clone()).unwrap(),
        };
        let lines = lines_of(&event, &turn, &stamp);
        if lines[0].kind != LineKind::Artifact {
            turn.reply_is(
                body["artifactUpdate"]["artifact"]["artifactId"]
                    .as_str()
                    .unwrap(),
            );
        }
        lines.iter().for_each(|line| turn.see(line));
    }
    assert_eq!(turn.reply(), "one two");
    assert_eq!(turn.artifacts().len(), 1);
}

#[test]
fn a_snapshot_that_says_nothing_new_has_no_lines() {
    let task = json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"},
        "artifacts": [{"artifactId": "r", "name": "reply", "parts": [{"text": "so far"}]}]}});
    let event = PeerEvent {
        id: None,
        body: serde_json::from_value(task).unwrap(),
    };
    let (mut turn, stamp) = (Turn::default(), stamp(ReplyRule::Named));
    let first = lines_of(&event, &turn, &stamp);
    assert_eq!(first.len(), 2);
    first.iter().for_each(|line| turn.see(line));
    assert!(lines_of(&event, &turn, &stamp).is_empty());
}

#[test]
fn a_task_id_that_cannot_be_asked_for_is_not_kept() {
    let task =
        json!({"task": {"id": "t\n", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}});
    let (turn, _) = see_all(&[task]);
    assert_eq!(turn.task_id(), None);
}

#[test]
fn a_reply_beyond_its_bound_is_cut_at_a_character_and_known_to_be() {
    let (turn, _) = see_all(&[
        working(),
        delta(&"é".repeat(MAX_REPLY_BYTES / 2)),
        delta("é"),
    ]);
    assert_eq!(turn.reply().len(), MAX_REPLY_BYTES);
    assert!(turn.reply_is_cut());
    let (turn, _) = see_all(&[working(), reply("short")]);
    assert!(!turn.reply_is_cut());
}

#[test]
fn what_an_end_means() {
    use DispatchState as S;
    let peer = PeerName::new("app").unwrap();
    let whose = Whose {
        id: DispatchId::mint(),
        peer: &peer,
    };
    let judge = |state, reason, stop, started| {
        let end = PeerEnd {
            state,
            reason,
            detail: String::new(),
        };
        let verdict = outcome::of_peer(
            &end,
            Around {
                stop,
                started,
                too_late: false,
            },
            whose,
        );
        let code = verdict.error.map(|error| error.kind.exit_code());
        (verdict.state, verdict.reason, verdict.price, code)
    };
    let told = Settlement::Told;
    assert_eq!(
        judge(S::Completed, None, None, true),
        (S::Completed, None, told, None)
    );
    assert_eq!(
        judge(S::Completed, None, Some(StopWhy::Canceled), true),
        (S::Completed, None, told, None),
        "it had finished before it was stopped"
    );
    assert_eq!(
        judge(S::Expired, Some(EndReason::Deadline), None, true),
        (S::Expired, Some(Reason::Deadline), told, Some(5))
    );
    assert_eq!(
        judge(
            S::Canceled,
            Some(EndReason::Canceled),
            Some(StopWhy::Deadline),
            true
        ),
        (S::Expired, Some(Reason::Deadline), told, Some(5)),
        "our cancel at the deadline is the deadline"
    );
    assert_eq!(
        judge(S::Canceled, Some(EndReason::Budget), None, true),
        (S::Canceled, Some(Reason::Budget), told, Some(3))
    );
    assert_eq!(
        judge(S::Canceled, Some(EndReason::Canceled), None, false),
        (
            S::Canceled,
            Some(Reason::Canceled),
            Settlement::NeverStarted,
            Some(1)
        )
    );
    assert_eq!(
        judge(S::Failed, Some(EndReason::Interrupted), None, true),
        (
            S::Failed,
            Some(Reason::Interrupted),
            Settlement::Cut,
            Some(1)
        )
    );
    assert_eq!(
        judge(S::Failed, Some(EndReason::Unauthenticated), None, true),
        (S::Failed, Some(Reason::Unauthenticated), told, Some(4))
    );
    assert_eq!(
        judge(S::Rejected, None, None, true),
        (S::Rejected, None, told, Some(1))
    );
    let lost = outcome::given_up(Some(StopWhy::Deadline), false, whose);
    assert_eq!((lost.state, lost.price), (S::Unknown, Settlement::Unknown));
}

#[test]
fn a_message_is_sent_again_only_to_whom_it_went() {
    let attempt = |instance: Option<&str>, idempotent| AttemptRow {
        address: "http://a/".to_owned(),
        instance: instance.map(str::to_owned),
        idempotent,
        started_at_ms: 0,
    };
    let ours = attempt(Some("i-1"), true);
    assert!(
        may_resend(&ours, "http://moved/", Some("i-2")),
        "a receiver keeps its tasks"
    );
    assert!(
        !may_resend(&ours, "http://a/", None),
        "it is another agent now"
    );
    let theirs = attempt(None, true);
    assert!(may_resend(&theirs, "http://a/", None));
    assert!(!may_resend(&theirs, "http://b/", None));
    assert!(!may_resend(&attempt(None, false), "http://a/", None));
}

#[test]
fn waits_grow_to_their_bound() {
    let mut backoff = Backoff::tries();
    let waits: Vec<u128> = (0..7).map(|_| backoff.wait().as_millis()).collect();
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
}

proptest! {
    #[test]
    fn whatever_a_peer_says_the_turn_is_the_same_when_read_again(
        texts in prop::collection::vec(("\\PC{0,20}|[\\x00-\\x1f]{0,5}", 0..4_u8), 0..12),
    ) {
        let bodies: Vec<Value> = texts.iter().map(|(text, kind)| match kind {
            0 => delta(text),
            1 => reply(text),
            2 => super::peer::event("TASK_STATE_WORKING", &FleetEvent::Note { text: text.clone() }),
            _ => working(),
        }).collect();
        let (live, lines) = see_all(&bodies);
        let mut again = Turn::default();
        for line in &lines {
            let text = serde_json::to_string(line).unwrap();
            prop_assert!(!text.contains('\n'), "one line is one line");
            again.see(&serde_json::from_str(&text).unwrap());
        }
        prop_assert_eq!(format!("{live:?}"), format!("{again:?}"));
    }
}
