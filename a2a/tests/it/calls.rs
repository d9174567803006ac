//! Calls that are sent once: streams, sends, cards, tasks, health.

use crate::peer::{
    COMPLETED, Peer, Reply, TOKEN, WORKING, card, client, drained, message, rpc_event, status,
    task_id,
};
use fleet_a2a::client::{ClientError, Delivery, ReturnWhen, Secret};
use fleet_a2a::types::{ListTasksRequest, SendMessageResponse, StreamResponse, TaskState};
use futures::StreamExt;
use serde_json::{Value, json};

#[tokio::test]
async fn a_stream_is_read_to_the_end_of_its_task() {
    let events = vec![
        ": keepalive\n\n".to_owned(),
        rpc_event(
            1,
            json!({"task": {"id": "t1", "contextId": "c1", "status": {"state": WORKING}}}),
        ),
        rpc_event(2, status(COMPLETED)),
        rpc_event(3, status(WORKING)),
    ];
    let peer = Peer::start(vec![Reply::Sse(events)]).await;
    let mut stream = client()
        .send_streaming(&peer.endpoint(), &message())
        .await
        .expect("a stream");
    let first = stream.next().await.expect("an event").expect("good");
    assert_eq!(first.id, Some(1));
    assert!(matches!(first.body, StreamResponse::Task(task) if task.id == "t1"));
    let (rest, end) = drained(stream).await;
    assert_eq!(rest, [Some(2)], "nothing follows the end of a task");
    assert!(end.is_none(), "{end:?}");

    let [seen] = peer.seen().try_into().expect("one request");
    assert_eq!(
        (seen.method.as_str(), seen.uri.path()),
        ("POST", "/jsonrpc")
    );
    assert_eq!(seen.header("a2a-version"), Some("1.0"));
    assert_eq!(
        seen.header("a2a-extensions"),
        Some("urn:a2a-fleet:dispatch:v1,urn:a2a-fleet:events:v1")
    );
    assert_eq!(
        seen.header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    assert_eq!(seen.body["method"], "SendStreamingMessage");
    assert_eq!(seen.body["params"]["message"]["parts"][0]["text"], "do it");
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_is_typed() {
    let fault = fleet_a2a::rpc::Fault::duplicate(&task_id(), &"c1".parse().expect("an id"));
    let body = json!({"jsonrpc": "2.0", "id": "1", "error": fault.to_json_rpc()});
    let in_stream = format!("data: {body}\n\n");
    let peer = Peer::start(vec![Reply::Json(200, body), Reply::Sse(vec![in_stream])]).await;
    let error = client()
        .send_streaming(&peer.endpoint(), &message())
        .await
        .expect_err("busy");
    let busy = error.is_duplicate().expect("a duplicate");
    assert_eq!(busy.existing_task_id.as_deref(), Some("t1"));
    assert_eq!(error.delivery(), Delivery::Refused);

    let stream = client().send_streaming(&peer.endpoint(), &message()).await;
    let (_, end) = drained(stream.expect("a stream")).await;
    assert!(end.expect("an error").is_duplicate().is_some());
}

#[tokio::test]
async fn a_plain_answer_to_a_streaming_call_is_one_event() {
    let task = json!({"task": {"id": "t1", "contextId": "c1", "status": {"state": COMPLETED}}});
    let body = json!({"jsonrpc": "2.0", "id": "1", "result": task});
    let peer = Peer::start(vec![Reply::Json(200, body)]).await;
    let stream = client().send_streaming(&peer.endpoint(), &message()).await;
    let (ids, end) = drained(stream.expect("a stream")).await;
    assert_eq!((ids, end.is_none()), (vec![None], true));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_goes_nowhere() {
    let elsewhere = Peer::start(vec![]).await;
    let to = elsewhere.url.join("/jsonrpc").expect("url");
    let replies = vec![Reply::Redirect(to.clone()), Reply::Redirect(to)];
    let peer = Peer::start(replies).await;
    let error = client()
        .send_streaming(&peer.endpoint(), &message())
        .await
        .expect_err("a redirect");
    assert!(
        matches!(error, ClientError::Http { status: 307, .. }),
        "{error}"
    );
    assert_eq!(error.delivery(), Delivery::Refused);
    let (_, end) = drained(client().subscribe(&peer.endpoint(), &task_id(), None)).await;
    assert!(
        matches!(end, Some(ClientError::Http { status: 307, .. })),
        "{end:?}"
    );
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_wrong_token_was_not_accepted() {
    let body = json!({"error": "invalid bearer token"});
    let peer = Peer::start(vec![Reply::Json(401, body)]).await;
    let error = client()
        .send(&peer.endpoint(), &message(), ReturnWhen::Done)
        .await
        .expect_err("401");
    assert!(error.is_unauthenticated());
    assert_eq!(error.delivery(), Delivery::NotAccepted);
}

#[tokio::test]
async fn nobody_there_was_not_accepted() {
    let peer = Peer::start(vec![]).await;
    let mut endpoint = peer.endpoint();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let free = listener.local_addr().expect("an address");
    drop(listener);
    endpoint.rpc_url = format!("http://{free}/jsonrpc").parse().expect("a url");
    let error = client()
        .send_streaming(&endpoint, &message())
        .await
        .expect_err("nobody");
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
    assert_eq!(error.delivery(), Delivery::NotAccepted);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_broken_stream_was_perhaps_accepted_and_is_sent_once() {
    for reply in [
        Reply::Torn(vec![
            rpc_event(1, status(WORKING)),
            "data: {\"half".to_owned(),
        ]),
        Reply::Sse(vec![
            rpc_event(1, status(WORKING)),
            "data: {\"half".to_owned(),
        ]),
    ] {
        let peer = Peer::start(vec![reply]).await;
        let stream = client().send_streaming(&peer.endpoint(), &message()).await;
        let (ids, end) = drained(stream.expect("a stream")).await;
        assert_eq!(ids, [Some(1)]);
        let end = end.expect("an error");
        assert!(matches!(end, ClientError::Closed(_)), "{end:?}");
        assert_eq!(end.delivery(), Delivery::PerhapsAccepted);
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_card_is_fetched_without_the_token_and_must_not_send_it_elsewhere() {
    let elsewhere = Peer::start(vec![]).await;
    let large = json!({"name": "x".repeat(300 * 1024)});
    let peer = Peer::start(vec![
        Reply::Json(200, card(&elsewhere.url)),
        Reply::Json(200, large),
        Reply::Json(404, json!({})),
    ])
    .await;
    let token = Secret::new(TOKEN);
    let fetch = async || client().fetch_card(&peer.url, Some(&token)).await;
    let error = fetch().await.expect_err("another origin");
    assert!(error.to_string().contains("was not sent"), "{error}");
    let error = fetch().await.expect_err("too large");
    assert!(
        error.to_string().contains("larger than 262144 bytes"),
        "{error}"
    );
    let error = fetch().await.expect_err("no card");
    assert!(
        matches!(error, ClientError::Http { status: 404, .. }),
        "{error}"
    );
    for request in peer.seen() {
        assert_eq!(request.uri.path(), "/.well-known/agent-card.json");
        assert_eq!(request.header("authorization"), None);
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_card_makes_an_endpoint_that_works() {
    let result =
        json!({"message": {"kind": "message", "role": "agent", "parts": [{"text": "pong"}]}});
    let peer = Peer::start(vec![]).await;
    let replies = [
        Reply::Json(200, card(&peer.url)),
        Reply::Json(200, json!({"jsonrpc": "2.0", "id": "1", "result": result})),
    ];
    peer.script.replies.lock().expect("lock").extend(replies);
    let token = Secret::new(TOKEN);
    let endpoint = client()
        .fetch_card(&peer.url, Some(&token))
        .await
        .expect("a card");
    let response = client()
        .send(&endpoint, &message(), ReturnWhen::Accepted)
        .await;
    let SendMessageResponse::Message(reply) = response.expect("an answer") else {
        panic!("a message");
    };
    assert_eq!(reply.text(), Some("pong"));
    let configuration = &peer.seen()[1].body["params"]["configuration"];
    assert_eq!(configuration["returnImmediately"], true);
}

#[tokio::test]
async fn tasks_are_got_listed_and_canceled() {
    let task = |state: &str| json!({"id": "t1", "contextId": "c1", "status": {"state": state}});
    let result =
        |value: Value| Reply::Json(200, json!({"jsonrpc": "2.0", "id": "1", "result": value}));
    let fault = fleet_a2a::rpc::Fault::not_cancelable(&task_id(), COMPLETED);
    let peer = Peer::start(vec![
        result(task(WORKING)),
        result(json!({"task": task("completed")})),
        result(json!({"tasks": [task(WORKING)], "nextPageToken": "", "pageSize": 50.0, "totalSize": 1.0})),
        Reply::Json(200, json!({"jsonrpc": "2.0", "id": "1", "error": fault.to_json_rpc()})),
        Reply::Json(200, json!("nonsense")),
    ])
    .await;
    let (client, endpoint) = (client(), peer.endpoint());
    let got = client
        .get_task(&endpoint, &task_id())
        .await
        .expect("a task");
    assert_eq!(got.status.state, TaskState::Working);
    let got = client
        .get_task(&endpoint, &task_id())
        .await
        .expect("a wrapped task");
    assert_eq!(got.status.state, TaskState::Completed);
    let request = ListTasksRequest {
        context_id: Some("c1".to_owned()),
        status: None,
        page_size: Some(5),
        page_token: None,
        history_length: None,
        status_timestamp_after: None,
        include_artifacts: None,
        tenant: None,
    };
    let page = client
        .list_tasks(&endpoint, &request)
        .await
        .expect("a page");
    assert_eq!((page.tasks.len(), page.page_size), (1, 50));
    let error = client
        .cancel_task(&endpoint, &task_id())
        .await
        .expect_err("ended");
    assert!(
        matches!(&error, ClientError::Rpc(e) if e.code == -32002),
        "{error}"
    );
    let error = client
        .cancel_task(&endpoint, &task_id())
        .await
        .expect_err("nonsense");
    assert!(matches!(error, ClientError::Protocol(_)), "{error}");
    let seen = peer.seen();
    let methods: Vec<_> = seen.iter().map(|s| s.body["method"].as_str()).collect();
    let wanted = [
        "GetTask",
        "GetTask",
        "ListTasks",
        "CancelTask",
        "CancelTask",
    ]
    .map(Some);
    assert_eq!(methods, wanted);
    assert_eq!(
        seen[2].body["params"],
        json!({"contextId": "c1", "pageSize": 5})
    );
}

#[tokio::test]
async fn red_health_is_an_answer() {
    let red = json!({"ok": false, "reason": "the work loop does not turn"});
    let peer = Peer::start(vec![
        Reply::Json(503, red.clone()),
        Reply::Json(404, json!({})),
    ])
    .await;
    let got = client().health(&peer.url, "n").await.expect("an answer");
    assert_eq!(got, red);
    assert_eq!(peer.seen()[0].uri.query(), Some("nonce=n"));
    assert!(client().health(&peer.url, "n").await.is_err());
}
