//! Delivery: what is sent again, what is looked for, and what is given up.

use serde_json::json;

use super::peer::{FakePeer, Fault, delta, end, hello, reply, working};
use super::{Fleet, ask, ask_with, ended, kinds, turns};
use crate::control::LineKind;
use crate::domain::{DispatchState, ErrorKind, Reason, Verification};

#[tokio::test]
async fn a_whole_turn_is_checked_written_and_settled() {
    let fleet = Fleet::with_budget(FakePeer::new(hello()).await, Some(turns(5))).await;
    let contract = json!({"instruction": "say hello", "context": "politely", "deadline_s": 30,
        "expected_output": {"checks": [{"matches": "^hello$"}]}});
    let view = fleet.submit(ask_with(contract)).await;
    assert_eq!(view.state, DispatchState::Queued);
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed);
    assert_eq!(view.verification, Some(Verification::Verified));
    assert_eq!(view.reply.unwrap().raw(), "hello");
    assert_eq!((view.usage.output_tokens, view.usage.estimated), (7, false));
    assert_eq!(view.task_id.unwrap().raw(), super::peer::TASK);
    let lines = fleet.lines(view.dispatch_id).await;
    assert_eq!(
        kinds(&lines),
        [
            LineKind::Message,
            LineKind::State,
            LineKind::State,
            LineKind::Delta,
            LineKind::Delta,
            LineKind::Usage,
            LineKind::Reply,
            LineKind::Event,
        ]
    );
    assert_eq!(super::events(&lines), [1, 2, 3, 4, 5, 6, 7]);
    let budget = fleet.handle().budgets(&fleet.config, None).await.unwrap();
    assert_eq!((budget[0].turns.granted, budget[0].turns.spent), (0, 1));
    assert_eq!(budget[0].tokens.spent, 7);
    assert_eq!(fleet.handle().open_count(), 0);
    let recent = fleet.handle().recent(10);
    assert_eq!((recent.len(), recent[0].reply.is_none()), (1, true));
}

#[tokio::test]
async fn the_message_carries_contract_grant_and_context() {
    let fleet = Fleet::with_budget(FakePeer::new(hello()).await, Some(turns(5))).await;
    let view = fleet.submit(ask("x")).await;
    ended(&fleet.handle(), view.dispatch_id).await;
    let message = fleet.peer.seen().messages[0].clone();
    assert_eq!(message["contextId"], json!(view.context_id));
    let meta = &message["metadata"][fleet_a2a::ext::dispatch::URI];
    assert_eq!(meta["grant"]["turns"], json!(1.0));
    let deadline = meta["deadline_s"].as_f64().unwrap();
    assert!((890.0..=900.0).contains(&deadline), "{deadline}");
}

#[tokio::test]
async fn a_reply_that_fails_its_checks_is_completed_and_rejected() {
    let fleet = Fleet::new(FakePeer::new(hello()).await).await;
    let contract = json!({"instruction": "x", "expected_output": {"format": "json"}});
    let view = fleet.submit(ask_with(contract)).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed);
    assert_eq!(view.verification, Some(Verification::Rejected));
    assert_eq!(view.failed_checks.len(), 1);
}

#[tokio::test]
async fn a_token_that_was_rotated_meanwhile_costs_a_try_and_no_dispatch() {
    let peer = FakePeer::new(hello()).await;
    let fleet = Fleet::new(peer.faults(&[Fault::Status(401)])).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed);
    let seen = fleet.peer.seen();
    assert_eq!((seen.sends.len(), seen.accepted.len()), (2, 1));
    assert_eq!(fleet.found.doubts(), 1, "the peer was proven again before");
}

#[tokio::test]
async fn what_surely_did_not_arrive_is_sent_again() {
    let peer = FakePeer::new(hello()).await;
    let fleet = Fleet::new(peer.faults(&[Fault::Status(503), Fault::Status(429)])).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed);
    let seen = fleet.peer.seen();
    assert_eq!((seen.sends.len(), seen.accepted.len()), (3, 1));
    assert!(
        seen.sends.iter().all(|id| *id == seen.sends[0]),
        "one message id"
    );
}

#[tokio::test]
async fn what_may_have_arrived_is_the_same_message_again_to_an_idempotent_peer() {
    for fault in [Fault::TakeAndDrop, Fault::Drop] {
        let fleet = Fleet::new(FakePeer::new(hello()).await.faults(&[fault])).await;
        let view = fleet.submit(ask("x")).await;
        let view = ended(&fleet.handle(), view.dispatch_id).await;
        assert_eq!(view.state, DispatchState::Completed, "{view:?}");
        assert_eq!(fleet.peer.seen().accepted.len(), 1);
        let lines = fleet.lines(view.dispatch_id).await;
        assert_eq!(super::events(&lines), [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[tokio::test]
async fn what_may_have_arrived_elsewhere_is_looked_for_and_never_sent_again() {
    let peer = FakePeer::new(hello()).await.foreign();
    let fleet = Fleet::new(peer.faults(&[Fault::TakeAndDrop])).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed, "{view:?}");
    assert_eq!(view.reply.unwrap().raw(), "hello");
    assert_eq!(fleet.peer.seen().sends.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_learnt_ends_unknown_and_a_person_decides() {
    let peer = FakePeer::new(hello()).await.foreign();
    let fleet = Fleet::new(peer.faults(&[Fault::Drop])).await;
    let contract = json!({"instruction": "x", "deadline_s": 1});
    let request = ask_with(contract);
    let view = fleet.submit(request.clone()).await;
    let id = view.dispatch_id;
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(view.state, DispatchState::Unknown);
    assert_eq!(view.error.unwrap().kind, ErrorKind::UnknownOutcome);
    assert!(
        view.elapsed_ms >= 3_000,
        "looked for past the deadline: {}",
        view.elapsed_ms
    );
    assert_eq!(
        fleet.peer.seen().sends.len(),
        1,
        "never sent again by itself"
    );
    let refused = fleet
        .handle()
        .resolve(id, DispatchState::Expired)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Usage);
    let view = fleet
        .handle()
        .resolve(id, DispatchState::Failed)
        .await
        .unwrap();
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Failed, Some(Reason::Resolved))
    );
    let refused = fleet
        .handle()
        .resolve(id, DispatchState::Failed)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::State);
}

#[tokio::test]
async fn a_busy_peer_is_a_duplicate() {
    let fleet = Fleet::new(FakePeer::new(hello()).await.faults(&[Fault::Busy])).await;
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Failed, Some(Reason::Duplicate))
    );
    let error = view.error.unwrap();
    assert_eq!(error.kind.exit_code(), 3);
    assert!(error.message.contains("t-0"), "{error}");
    let budget = fleet.handle().budgets(&fleet.config, None).await.unwrap();
    assert_eq!(budget[0].turns.spent, 0, "no turn began");
}

#[tokio::test]
async fn a_peer_that_cannot_be_configured_fails_at_once() {
    let fleet = Fleet::new(FakePeer::new(hello()).await).await;
    fleet.found.gone(ErrorKind::Config);
    let view = fleet.submit(ask("x")).await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(view.reason, Some(Reason::Unreachable));
    assert_eq!(view.error.unwrap().kind, ErrorKind::Config);
    assert!(view.elapsed_ms < 5_000);
}

#[tokio::test]
async fn an_unreachable_peer_is_given_up_at_the_deadline() {
    let fleet = Fleet::new(FakePeer::new(hello()).await).await;
    fleet.found.gone(ErrorKind::Unreachable);
    let view = fleet
        .submit(ask_with(json!({"instruction": "x", "deadline_s": 1})))
        .await;
    let view = ended(&fleet.handle(), view.dispatch_id).await;
    assert_eq!(
        (view.state, view.reason),
        (DispatchState::Failed, Some(Reason::Unreachable))
    );
    assert_eq!(view.error.unwrap().kind.exit_code(), 4);
}

#[tokio::test]
async fn a_peer_without_streams_is_asked_until_it_has_ended() {
    let events = vec![
        working(),
        delta("hel"),
        reply("hello"),
        end("TASK_STATE_COMPLETED", None),
    ];
    let peer = FakePeer::released(events, 2).await.without_streams();
    let fleet = Fleet::new(peer).await;
    let view = fleet.submit(ask("x")).await;
    let id = view.dispatch_id;
    let wanted = |view: &crate::control::DispatchView| {
        view.reply
            .as_ref()
            .is_some_and(|reply| reply.raw() == "hel")
    };
    super::until(&fleet.handle(), id, wanted).await;
    fleet.peer.release_all();
    let view = ended(&fleet.handle(), id).await;
    assert_eq!(
        (view.state, view.reply.unwrap().raw()),
        (DispatchState::Completed, "hello")
    );
    assert_eq!(fleet.peer.seen().sends.len(), 1);
}
