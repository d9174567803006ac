//! A scripted peer: it answers one reply per request and keeps what it saw.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use fleet_a2a::client::{Client, ClientError, Endpoint, EventStream, Secret, endpoint_of_card};
use fleet_a2a::types::{Message, Part, Role};
use fleet_a2a::{TaskId, health};
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

pub(crate) const TOKEN: &str = "t0ken-of-the-receiver";

pub(crate) enum Reply {
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
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("text"))
    }
}

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    addr: String,
}

pub(crate) struct Peer {
    pub(crate) url: Url,
    pub(crate) script: Script,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
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

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().expect("lock").clone()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
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

pub(crate) fn card(base: &Url) -> Value {
    json!({
        "name": "peer", "description": "", "version": "1",
        "supportedInterfaces": [
            {"url": base.join("/jsonrpc").expect("url"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": base.as_str(), "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        ],
        "capabilities": {"streaming": true, "extensions": [{"uri": "urn:a2a-fleet:dispatch:v1"}]},
    })
}

pub(crate) fn client() -> Client {
    Client::new()
        .expect("a client")
        .with_first_delay(Duration::from_millis(5))
}

pub(crate) fn message() -> Message {
    Message::new(Role::User, vec![Part::text("do it")])
}

pub(crate) fn task_id() -> TaskId {
    "t1".parse().expect("an id")
}

pub(crate) fn status(state: &str) -> Value {
    json!({"statusUpdate": {"taskId": "t1", "contextId": "c1", "status": {"state": state}}})
}

/// An event of the JSON-RPC binding.
pub(crate) fn rpc_event(id: u64, body: Value) -> String {
    let data = json!({"jsonrpc": "2.0", "id": "1", "result": body});
    format!("id: {id}\ndata: {data}\n\n")
}

/// An event of the REST binding.
pub(crate) fn rest_event(id: u64, body: Value) -> String {
    format!("id: {id}\ndata: {body}\n\n")
}

pub(crate) const WORKING: &str = "TASK_STATE_WORKING";
pub(crate) const COMPLETED: &str = "TASK_STATE_COMPLETED";

pub(crate) async fn drained(mut events: EventStream) -> (Vec<Option<u64>>, Option<ClientError>) {
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
