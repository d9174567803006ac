//! Subscriptions: from the last event, bounded, and never with the token to a stranger.

use crate::peer::{
    COMPLETED, Peer, Reply, TOKEN, WORKING, client, drained, message, rest_event, rpc_event,
    status, task_id,
};
use axum::http::Method;
use fleet_a2a::client::{ClientError, MAX_EVENT_BYTES};
use serde_json::json;

#[tokio::test]
async fn an_event_past_the_bound_ends_the_stream() {
    let peer = Peer::start(vec![Reply::Endless, Reply::Endless]).await;
    let stream = client().send_streaming(&peer.endpoint(), &message()).await;
    let (_, sent) = drained(stream.expect("a stream")).await;
    let (_, attached) = drained(client().subscribe(&peer.endpoint(), &task_id(), None)).await;
    for end in [sent, attached] {
        let end = end.expect("an error");
        let said = format!("larger than {MAX_EVENT_BYTES} bytes");
        assert!(
            matches!(&end, ClientError::Protocol(text) if text.contains(&said)),
            "{end:?}"
        );
    }
    assert_eq!(peer.seen().len(), 2, "a hostile stream is not opened again");
}

#[tokio::test]
async fn a_subscription_goes_on_from_the_last_event() {
    let replies = vec![
        Reply::Torn(vec![
            rest_event(1, status(WORKING)),
            rest_event(2, status(WORKING)),
        ]),
        Reply::Sse(vec![rest_event(3, status(WORKING))]),
        Reply::Sse(vec![rest_event(4, status(COMPLETED))]),
    ];
    let peer = Peer::start(replies).await;
    let stream = client().subscribe(&peer.endpoint(), &task_id(), Some(0));
    let (ids, end) = drained(stream).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(ids, [Some(1), Some(2), Some(3), Some(4)]);
    let seen = peer.seen();
    let last: Vec<_> = seen.iter().map(|s| s.header("last-event-id")).collect();
    assert_eq!(last, [Some("0"), Some("2"), Some("3")]);
    for request in &seen {
        assert_eq!(request.method, Method::GET);
        assert_eq!(request.uri.path(), "/tasks/t1:subscribe");
        assert_eq!(request.header("a2a-version"), Some("1.0"));
        assert_eq!(
            request.header("authorization"),
            Some(&*format!("Bearer {TOKEN}"))
        );
        assert_eq!(request.header("accept"), Some("text/event-stream"));
    }
}

#[tokio::test]
async fn a_subscription_without_a_last_event_asks_for_a_snapshot() {
    let task = json!({"task": {"id": "t1", "contextId": "c1", "status": {"state": COMPLETED}}});
    let peer = Peer::start(vec![Reply::Sse(vec![rest_event(9, task)])]).await;
    let (ids, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), None)).await;
    assert_eq!((ids, end.is_none()), (vec![Some(9)], true));
    assert_eq!(peer.seen()[0].header("last-event-id"), None);
}

#[tokio::test]
async fn a_subscription_that_the_peer_refuses_ends_with_its_words() {
    let unknown = fleet_a2a::rpc::Fault::task_not_found("t1");
    let ended = fleet_a2a::rpc::Fault::unsupported("the task has ended");
    let replies = [&unknown, &ended].map(|f| Reply::Json(f.http_status(), f.to_rest()));
    let peer = Peer::start(replies.into()).await;
    let (_, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), None)).await;
    assert!(end.expect("an error").is_task_not_found());
    let (_, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), None)).await;
    assert!(end.expect("an error").is_unsupported());
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn a_peer_that_wants_post_gets_post() {
    let replies = vec![
        Reply::Json(405, json!({})),
        Reply::Sse(vec![rest_event(1, status(COMPLETED))]),
    ];
    let peer = Peer::start(replies).await;
    let (ids, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), Some(0))).await;
    assert_eq!((ids, end.is_none()), (vec![Some(1)], true));
    let seen = peer.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[1].method.as_str()),
        ("GET", "POST")
    );
    assert_eq!(seen[1].header("last-event-id"), Some("0"));
}

#[tokio::test]
async fn a_subscription_gives_up_when_nothing_comes() {
    let busy = || Reply::Json(503, json!({"error": "starting"}));
    let peer = Peer::start((0..20).map(|_| busy()).collect()).await;
    let (ids, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), Some(3))).await;
    assert!(ids.is_empty());
    assert!(
        matches!(end, Some(ClientError::Http { status: 503, .. })),
        "{end:?}"
    );
    assert_eq!(peer.seen().len(), 5);

    let empty = Peer::start((0..20).map(|_| Reply::Sse(vec![])).collect()).await;
    let (_, end) = drained(client().subscribe(&empty.endpoint(), &task_id(), Some(3))).await;
    assert!(matches!(end, Some(ClientError::Closed(_))), "{end:?}");
    assert_eq!(empty.seen().len(), 5);
}

#[tokio::test]
async fn a_receiver_proves_itself_before_it_gets_the_token_again() {
    let replies = vec![
        Reply::Torn(vec![rest_event(1, status(WORKING))]),
        Reply::Health(TOKEN),
        Reply::Torn(vec![rest_event(2, status(WORKING))]),
        Reply::Health("the squatter's guess"),
    ];
    let peer = Peer::start(replies).await;
    let endpoint = peer.endpoint().proving();
    let (ids, end) = drained(client().subscribe(&endpoint, &task_id(), Some(0))).await;
    assert_eq!(ids, [Some(1), Some(2)]);
    assert!(matches!(end, Some(ClientError::Unproven { .. })), "{end:?}");
    let seen = peer.seen();
    let paths: Vec<_> = seen.iter().map(|s| s.uri.path()).collect();
    let task = "/tasks/t1:subscribe";
    assert_eq!(paths, [task, "/health", task, "/health"]);
    for question in [&seen[1], &seen[3]] {
        assert_eq!(question.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_peer_without_rest_is_attached_over_json_rpc() {
    let peer = Peer::start(vec![Reply::Sse(vec![rpc_event(1, status(COMPLETED))])]).await;
    let mut endpoint = peer.endpoint();
    endpoint.rest_url = None;
    let (ids, end) = drained(client().subscribe(&endpoint, &task_id(), None)).await;
    assert_eq!((ids, end.is_none()), (vec![Some(1)], true));
    assert_eq!(peer.seen()[0].body["method"], "SubscribeToTask");
}
