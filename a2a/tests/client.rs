//! The client against real HTTP: a scripted peer answers one reply per request and keeps what it saw.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "helpers of tests, where json! reads better in a call"
)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use fleet_a2a::client::{
    Client, ClientError, Delivery, Endpoint, EventStream, MAX_EVENT_BYTES, ReturnWhen, Secret,
    endpoint_of_card,
};
use fleet_a2a::types::{
    ListTasksRequest, Message, Part, Role, SendMessageResponse, StreamResponse, TaskState,
};
use fleet_a2a::{TaskId, health};
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

const TOKEN: &str = "t0ken-of-the-receiver";

enum Reply {
    Json(u16, Value),
    /// Events, then the end of the body.
    Sse(Vec<String>),
    /// Events, then the connection breaks.
    Torn(Vec<String>),
    /// Bytes without an end.
    Endless,
    Redirect(Url),
    /// `/health` as the receiver with this token answers it.
    Health(&'static str),
}

#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("text"))
    }
}

#[derive(Clone)]
struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    addr: String,
}

struct Peer {
    url: Url,
    script: Script,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let addr = listener.local_addr().expect("an address").to_string();
        let script = Script {
            replies: Arc::new(Mutex::new(replies.into())),
            seen: Arc::default(),
            addr: addr.clone(),
        };
        let app = Router::new().fallback(answer).with_state(script.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serves");
        });
        Self {
            url: format!("http://{addr}").parse().expect("a url"),
            script,
            task,
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().expect("lock").clone()
    }

    fn endpoint(&self) -> Endpoint {
        let token = Secret::new(TOKEN);
        endpoint_of_card(card(&self.url), &self.url, Some(&token)).expect("usable")
    }
}

async fn answer(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let nonce = uri
        .query()
        .and_then(|query| query.strip_prefix("nonce="))
        .map(str::to_owned);
    script.seen.lock().expect("lock").push(Seen {
        method,
        uri,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    let reply = script.replies.lock().expect("lock").pop_front();
    let json = |status: u16, value: Value| {
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Body::from(value.to_string()))
            .expect("a response")
    };
    match reply {
        None => json(500, json!({"script": "over"})),
        Some(Reply::Json(status, value)) => json(status, value),
        Some(Reply::Sse(events)) => sse(Body::from(events.concat())),
        Some(Reply::Torn(events)) => {
            let events = events.into_iter().map(Ok);
            let torn = [Err(std::io::Error::other("torn"))];
            // A pause lets what came before leave the socket.
            let torn = futures::stream::iter(torn).then(|e| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                e
            });
            sse(Body::from_stream(futures::stream::iter(events).chain(torn)))
        }
        Some(Reply::Endless) => {
            let block = Bytes::from("data: ".to_owned() + &"x".repeat(64 * 1024));
            let all = futures::stream::repeat(block).map(Ok::<_, Infallible>);
            sse(Body::from_stream(all))
        }
        Some(Reply::Redirect(to)) => Response::builder()
            .status(307)
            .header("location", to.as_str())
            .body(Body::empty())
            .expect("a response"),
        Some(Reply::Health(token)) => {
            let nonce = nonce.expect("a nonce");
            let proof = health::proof(&Secret::new(token), &nonce, "i1", &script.addr);
            json(200, json!({"instance": "i1", "proof": proof}))
        }
    }
}

fn sse(body: Body) -> Response<Body> {
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .body(body)
        .expect("a response")
}

fn card(base: &Url) -> Value {
    json!({
        "name": "peer", "description": "", "version": "1",
        "supportedInterfaces": [
            {"url": base.join("/jsonrpc").expect("url"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": base.as_str(), "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        ],
        "capabilities": {"streaming": true, "extensions": [{"uri": "urn:a2a-fleet:dispatch:v1"}]},
    })
}

fn client() -> Client {
    Client::new()
        .expect("a client")
        .with_first_delay(Duration::from_millis(5))
}

fn message() -> Message {
    Message::new(Role::User, vec![Part::text("do it")])
}

fn task_id() -> TaskId {
    "t1".parse().expect("an id")
}

fn status(state: &str) -> Value {
    json!({"statusUpdate": {"taskId": "t1", "contextId": "c1", "status": {"state": state}}})
}

/// An event of the JSON-RPC binding.
fn rpc_event(id: u64, body: Value) -> String {
    let data = json!({"jsonrpc": "2.0", "id": "1", "result": body});
    format!("id: {id}\ndata: {data}\n\n")
}

/// An event of the REST binding.
fn rest_event(id: u64, body: Value) -> String {
    format!("id: {id}\ndata: {body}\n\n")
}

const WORKING: &str = "TASK_STATE_WORKING";
const COMPLETED: &str = "TASK_STATE_COMPLETED";

async fn drained(mut events: EventStream) -> (Vec<Option<u64>>, Option<ClientError>) {
    let mut ids = Vec::new();
    let all = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => ids.push(event.id),
                Err(error) => {
                    assert!(events.next().await.is_none(), "nothing after an error");
                    return Some(error);
                }
            }
        }
        None
    };
    let end = tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("the stream ends");
    (ids, end)
}

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
