//! Following: broken streams, cancel, deadline, permission requests, budgets of foreign peers.

use fleet_a2a::ext::{Chosen, Decision, EndReason, FleetEvent, PermissionRequest, Ruling};
use serde_json::{Value, json};

use super::peer::{FakePeer, delta, end, event, hello, reply, used, working};
use super::{Fleet, ask, ask_with, ended, events, until};
use crate::domain::{BudgetLimit, DispatchState, ErrorKind, Reason, Window};

#[tokio::test]
async fn a_stream_that_breaks_after_every_event_loses_and_doubles_nothing() {
    // A break after one event only: each further connection replays the last event and brings one more.
    for after in 2..=4 {
        let peer = FakePeer::new(hello())
            .await
            .with(|script| script.drop_after = Some(after));
        let fleet = Fleet::new(peer).await;
        let view = fleet.submit(ask("x")).await;
        let view = ended(&fleet.handle(), view.dispatch_id).await;
        assert_eq!(view.state, DispatchState::Completed);
        let lines = fleet.lines(view.dispatch_id).await;
        assert_eq!(events(&lines), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(
            fleet.peer.seen().sends.len(),
            1,
            "re-attached, not sent again"
        );
    }
}

#[tokio::test]
async fn a_task_that_the_peer_forgot_is_unknown() {
    let peer = FakePeer::released(hello(), 2)
        .await
        .with(|script| script.drop_after = Some(2));
    let peer = peer.with(|script| script.forgets = true);
    let fleet = Fleet::new(peer).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Unknown);
}

#[tokio::test]
async fn a_cancel_ends_the_task_at_the_peer() {
    let peer = FakePeer::released(vec![working(), delta("so far")], 2).await;
    let canceled = vec![end("TASK_STATE_CANCELED", Some(EndReason::Canceled))];
    let fleet = Fleet::new(peer.with(|script| script.on_cancel = canceled)).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    until(&fleet.handle(), id, |view| view.reply.is_some()).await;
    fleet.handle().cancel(id).await.unwrap();
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Canceled, Some(Reason::Canceled))
    );
    assert_eq!(
        view.reply.unwrap().raw(),
        "so far",
        "the text so far is kept"
    );
    assert_eq!(fleet.peer.seen().cancels, 1);
    let again = fleet.handle().cancel(id).await.unwrap();
    assert_eq!(
        again.state,
        DispatchState::Canceled,
        "no effect on an ended one"
    );
}

#[tokio::test]
async fn a_cancel_that_was_turned_away_is_made_again_with_the_peer_proven_anew() {
    let peer = FakePeer::released(vec![working()], 1).await;
    let canceled = vec![end("TASK_STATE_CANCELED", Some(EndReason::Canceled))];
    let peer = peer.with(|script| {
        script.on_cancel = canceled;
        script.cancel_faults = vec![401];
    });
    let fleet = Fleet::new(peer).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let working = |view: &crate::control::DispatchView| view.state == DispatchState::Working;
    until(&fleet.handle(), id, working).await;
    fleet.handle().cancel(id).await.unwrap();
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(view.state, DispatchState::Canceled);
    assert_eq!((fleet.peer.seen().cancels, fleet.found.doubts()), (2, 1));
}

#[tokio::test]
async fn the_receivers_own_end_at_the_deadline_is_expired() {
    let peer = FakePeer::released(vec![working()], 1).await;
    let ended_there = vec![end("TASK_STATE_FAILED", Some(EndReason::Deadline))];
    let fleet = Fleet::new(peer.with(|script| script.on_cancel = ended_there)).await;
    let id = fleet
        .submit(ask_with(json!({"instruction": "x", "deadline_s": 1})))
        .await
        .dispatch_id;
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Expired, Some(Reason::Deadline))
    );
    assert_eq!(view.error.unwrap().kind.exit_code(), 5);
    assert!(view.elapsed_ms < 3_000, "{}", view.elapsed_ms);
}

#[tokio::test]
async fn a_peer_that_ignores_everything_is_expired_all_the_same() {
    let fleet = Fleet::new(FakePeer::released(vec![working()], 1).await).await;
    let id = fleet
        .submit(ask_with(json!({"instruction": "x", "deadline_s": 1})))
        .await
        .dispatch_id;
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(view.state, DispatchState::Expired);
    assert!(
        (4_000..6_000).contains(&view.elapsed_ms),
        "{}",
        view.elapsed_ms
    );
    let lines = fleet.lines(id).await;
    assert_eq!(lines.last().unwrap().state, Some(DispatchState::Expired));
}

#[tokio::test]
async fn a_late_reply_of_a_foreign_peer_is_kept_and_marked() {
    let peer = FakePeer::released(vec![working()], 1).await.foreign();
    let late = vec![reply("late"), end("TASK_STATE_COMPLETED", None)];
    let fleet = Fleet::new(peer.with(|script| script.on_cancel = late)).await;
    let id = fleet
        .submit(ask_with(json!({"instruction": "x", "deadline_s": 1})))
        .await
        .dispatch_id;
    let view = ended(&fleet.handle(), id).await;
    assert_eq!((view.state, view.late), (DispatchState::Expired, true));
    assert_eq!(view.reply.unwrap().raw(), "late");
}

fn request(id: &str) -> Value {
    let request = FleetEvent::PermissionRequest(PermissionRequest {
        request_id: id.to_owned(),
        tool: "Write".to_owned(),
        arguments: json!({"path": "x"}),
        choices: vec![Decision::Allow, Decision::Deny],
        expires_at: "2099-01-01T00:00:00Z".to_owned(),
        questions: Vec::new(),
    });
    event("TASK_STATE_INPUT_REQUIRED", &request)
}

fn ruled(decision: Decision) -> Ruling {
    Ruling::plain(decision, None)
}

fn chose(texts: &[&[&str]]) -> Ruling {
    let chosen = |texts: &&[&str]| Chosen(texts.iter().map(|text| (*text).to_owned()).collect());
    Ruling {
        answers: texts.iter().map(chosen).collect(),
        ..ruled(Decision::Allow)
    }
}

fn questions(count: usize) -> Value {
    let one = json!({"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]});
    let request = json!({
        "kind": "permission_request", "request_id": "q1", "tool": "AskUserQuestion", "arguments": {},
        "choices": ["allow", "deny"], "expires_at": "2099-01-01T00:00:00Z", "questions": vec![one; count],
    });
    event(
        "TASK_STATE_INPUT_REQUIRED",
        &serde_json::from_value(request).unwrap(),
    )
}

#[tokio::test]
async fn questions_take_an_answer_to_each_and_the_first_one_stays() {
    let peer = FakePeer::released(vec![working(), questions(2)], 2).await;
    let after = vec![reply("done"), end("TASK_STATE_COMPLETED", None)];
    let fleet = Fleet::new(peer.with(|script| script.on_answer = after)).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let handle = fleet.handle();
    let view = until(&handle, id, |v| v.state == DispatchState::InputRequired).await;
    assert_eq!(view.detail.permissions[0].questions.len(), 2);
    assert_eq!(view.detail.last_event.raw(), "asks: Which?");
    for wrong in [
        ruled(Decision::Allow),
        chose(&[&["Red"]]),
        chose(&[&["Red"], &[]]),
    ] {
        let refused = handle.answer(id, None, wrong).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Usage);
        assert!(refused.message.contains("answers"), "{refused}");
    }
    let refused = handle.answer(id, None, ruled(Decision::Always)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::State);
    let good = chose(&[&["Red"], &["green, please"]]);
    let again = chose(&[&["Blue"], &["Blue"]]);
    handle.answer(id, None, good).await.unwrap();
    // Either it is over already, or it has another answer.
    let refused = handle.answer(id, None, again).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::State);
    assert_eq!(ended(&handle, id).await.state, DispatchState::Completed);
    let seen = fleet.peer.seen();
    assert_eq!(seen.answers.len(), 1);
    assert_eq!(
        seen.answered,
        [json!({"request_id": "q1", "decision": "allow", "answers": [["Red"], ["green, please"]]})]
    );
}

#[tokio::test]
async fn more_questions_than_anybody_could_be_shown_can_only_be_denied() {
    let peer = FakePeer::released(vec![working(), questions(9)], 2).await;
    let after = vec![reply("done"), end("TASK_STATE_COMPLETED", None)];
    let fleet = Fleet::new(peer.with(|script| script.on_answer = after)).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let handle = fleet.handle();
    let view = until(&handle, id, |v| v.state == DispatchState::InputRequired).await;
    let request = &view.detail.permissions[0];
    assert_eq!((request.questions.len(), request.choices.len()), (0, 1));
    let refused = handle.answer(id, None, ruled(Decision::Allow)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::State);
    handle
        .answer(id, None, ruled(Decision::Deny))
        .await
        .unwrap();
    assert_eq!(ended(&handle, id).await.state, DispatchState::Completed);
}

#[tokio::test]
async fn a_permission_request_is_answered_exactly_once() {
    let peer = FakePeer::released(vec![working(), request("p1")], 2).await;
    let answered = FleetEvent::PermissionAnswered {
        request_id: "p1".to_owned(),
        decision: Decision::Allow,
        reason: None,
        answers: Vec::new(),
    };
    let after = vec![
        event("TASK_STATE_WORKING", &answered),
        reply("done"),
        end("TASK_STATE_COMPLETED", None),
    ];
    let fleet = Fleet::new(peer.with(|script| script.on_answer = after)).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let view = until(&fleet.handle(), id, |v| {
        v.state == DispatchState::InputRequired
    })
    .await;
    assert_eq!(view.detail.permissions[0].tool, "Write");
    let handle = fleet.handle();
    let refused = handle
        .answer(id, None, ruled(Decision::Always))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::State, "not among the choices");
    let refused = handle
        .answer(id, Some("p9".to_owned()), ruled(Decision::Allow))
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::State);
    let both = tokio::join!(
        handle.answer(id, None, ruled(Decision::Allow)),
        handle.answer(id, Some("p1".to_owned()), ruled(Decision::Allow)),
    );
    both.0.unwrap();
    drop(both.1);
    let view = ended(&handle, id).await;
    assert_eq!(
        (view.state, view.reply.unwrap().raw()),
        (DispatchState::Completed, "done")
    );
    assert!(view.detail.permissions.is_empty());
    assert_eq!(fleet.peer.seen().answers.len(), 1);
    assert_eq!(fleet.peer.seen().sends.len(), 1);
}

#[tokio::test]
async fn an_answer_that_the_peer_does_not_take_is_told_and_its_request_takes_another() {
    let peer = FakePeer::released(vec![working(), request("p1")], 2).await;
    let after = vec![reply("done"), end("TASK_STATE_COMPLETED", None)];
    let peer = peer.with(|script| {
        script.on_answer = after;
        script.answer_faults = 1;
    });
    let fleet = Fleet::new(peer).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let handle = fleet.handle();
    let mut notices = handle.notices();
    until(&handle, id, |v| v.state == DispatchState::InputRequired).await;
    handle
        .answer(id, None, ruled(Decision::Allow))
        .await
        .unwrap();
    let view = until(&handle, id, |v| v.detail.answer_refused.is_some()).await;
    let refused = view.detail.answer_refused.unwrap();
    assert_eq!(refused.request_id, "p1");
    assert!(refused.reason.raw().contains("not one of mine"));
    assert_eq!(view.detail.permissions.len(), 1, "it waits still");
    let notice = notices.recv().await.unwrap();
    assert!(
        notice.text.raw().contains("did not take your answer"),
        "{notice:?}"
    );
    let again = handle.answer(id, None, ruled(Decision::Deny)).await;
    assert_eq!(again.unwrap().detail.answer_refused, None);
    assert_eq!(ended(&handle, id).await.state, DispatchState::Completed);
    let answered = fleet.peer.seen().answered;
    assert_eq!(answered.len(), 1);
    assert_eq!(answered[0]["decision"], "deny");
}

#[tokio::test]
async fn the_receivers_stop_for_its_grant_ends_as_budget() {
    let stopped = vec![
        working(),
        used(2_000),
        end("TASK_STATE_CANCELED", Some(EndReason::Budget)),
    ];
    let budget = BudgetLimit {
        tokens: Some(3_000),
        turns: None,
        cost: None,
        window: Window::Day,
        per_dispatch_tokens: None,
    };
    let fleet = Fleet::with_budget(FakePeer::new(stopped).await, Some(budget)).await;
    let view = fleet.submit(ask("x")).await;
    assert_eq!(view.detail.granted_tokens, Some(1_000));
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Canceled, Some(Reason::Budget))
    );
    assert_eq!(view.error.unwrap().kind.exit_code(), 3);
    let budgets = fleet.handle().budgets(&fleet.config, None).await.unwrap();
    assert_eq!(
        (budgets[0].tokens.granted, budgets[0].tokens.spent),
        (0, 2_000),
        "the true figure"
    );
    assert!(budgets[0].resets_at.is_some());
}

#[tokio::test]
async fn a_foreign_peer_past_its_grant_is_stopped_by_the_estimate() {
    let text = "x".repeat(8_000);
    let peer = FakePeer::released(vec![working(), delta(&text)], 2)
        .await
        .foreign();
    let canceled = vec![end("TASK_STATE_CANCELED", None)];
    let budget = BudgetLimit {
        tokens: Some(3_000),
        turns: None,
        cost: None,
        window: Window::Day,
        per_dispatch_tokens: None,
    };
    let peer = peer.with(|script| script.on_cancel = canceled);
    let fleet = Fleet::with_budget(peer, Some(budget)).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Canceled, Some(Reason::Budget))
    );
    assert!(view.usage.estimated);
    let budgets = fleet.handle().budgets(&fleet.config, None).await.unwrap();
    assert_eq!(budgets[0].tokens.spent, 2_001);
}

#[tokio::test]
async fn a_rejected_task_never_started() {
    let fleet = Fleet::new(FakePeer::new(vec![end("TASK_STATE_REJECTED", None)]).await).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Rejected);
    let budgets = fleet.handle().budgets(&fleet.config, None).await.unwrap();
    assert_eq!(budgets[0].turns.spent, 0);
}
