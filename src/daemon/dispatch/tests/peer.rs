//! A scripted peer: durable numbered events like a receiver's, and faults on demand.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fleet_a2a::client::{Dialect, Endpoint, PeerCard};
use fleet_a2a::ext::{FleetEvent, Usage, event_part, usage_metadata};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::daemon::peers::{ClientEnv, Peers, ReadyPeer};
use crate::domain::{ErrorKind, Failure, PeerName};

/// What the peer does with the next sends, first to last; then it is good.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// This status, nothing taken.
    Status(u16),
    /// Busy with another message.
    Busy,
    /// Takes the message and closes the connection without a word.
    TakeAndDrop,
    /// Closes the connection without taking it.
    Drop,
}

#[derive(Debug)]
pub(super) struct Script {
    pub faults: Vec<Fault>,
    /// Events after the first one, as `StreamResponse`.
    pub events: Vec<Value>,
    /// How many events there are yet; the others come when it is raised.
    pub released: watch::Sender<usize>,
    /// Streams break after so many events each; `None` never.
    pub drop_after: Option<usize>,
    /// The task is forgotten after it was accepted.
    pub forgets: bool,
    /// What CancelTask turns the task into: events that follow at once.
    pub on_cancel: Vec<Value>,
    /// The statuses with which the next CancelTasks are turned away.
    pub cancel_faults: Vec<u16>,
    /// Answers to permission requests that are turned down first.
    pub answer_faults: usize,
    /// What an answer to a permission request brings.
    pub on_answer: Vec<Value>,
    seen: Seen,
}

/// What the peer saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Message ids of new tasks, each once.
    pub accepted: Vec<String>,
    /// Message ids of every send without a task.
    pub sends: Vec<String>,
    /// Message ids of answers.
    pub answers: Vec<String>,
    /// What these held.
    pub answered: Vec<Value>,
    /// Whole first messages.
    pub messages: Vec<Value>,
    pub cancels: usize,
    /// `Last-Event-ID` of each subscription.
    pub resumed: Vec<Option<u64>>,
}

type Shared = Arc<Mutex<Script>>;

pub(super) struct FakePeer {
    pub script: Shared,
    pub url: Url,
    card: PeerCard,
    task: JoinHandle<()>,
}

impl Drop for FakePeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) const TASK: &str = "task-1";

impl FakePeer {
    /// One whose events are all there at once.
    pub(super) async fn new(events: Vec<Value>) -> Self {
        let count = events.len();
        Self::released(events, count).await
    }

    /// One that has told only the first events yet.
    pub(super) async fn released(events: Vec<Value>, count: usize) -> Self {
        let script = Arc::new(Mutex::new(Script {
            faults: Vec::new(),
            events,
            released: watch::Sender::new(count + 1),
            drop_after: None,
            forgets: false,
            on_cancel: Vec::new(),
            cancel_faults: Vec::new(),
            answer_faults: 0,
            on_answer: Vec::new(),
            seen: Seen::default(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new()
            .route("/rpc", post(rpc))
            .route("/rest/tasks/{*rest}", get(subscribe))
            .with_state(Arc::clone(&script));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            script,
            url,
            card: PeerCard {
                name: "fake".to_owned(),
                dialect: Dialect::V1,
                streaming: true,
                lists_dispatch: true,
                raw: Value::Null,
            },
            task,
        }
    }

    /// The same as somebody else's agent, which knows nothing of ours.
    pub(super) fn foreign(mut self) -> Self {
        self.card.lists_dispatch = false;
        self
    }

    /// The same without streaming.
    pub(super) fn without_streams(mut self) -> Self {
        self.card.streaming = false;
        self
    }

    pub(super) fn faults(self, faults: &[Fault]) -> Self {
        self.script.lock().unwrap().faults = faults.to_vec();
        self
    }

    pub(super) fn with(self, change: impl FnOnce(&mut Script)) -> Self {
        change(&mut self.script.lock().unwrap());
        self
    }

    pub(super) fn seen(&self) -> Seen {
        self.script.lock().unwrap().seen.clone()
    }

    /// Tells everything that there is.
    pub(super) fn release_all(&self) {
        let script = self.script.lock().unwrap();
        let all = script.events.len() + 1;
        script.released.send_replace(all);
    }
}

/// Answers the dispatcher's question with the scripted peer.
#[derive(Debug)]
pub(super) struct FoundPeer {
    ready: Mutex<Result<ReadyPeer, Failure>>,
    doubts: AtomicUsize,
}

impl FoundPeer {
    pub(super) fn at(peer: &FakePeer) -> Self {
        let rpc = peer.url.join("/rpc").unwrap();
        let rest = peer
            .card
            .lists_dispatch
            .then(|| peer.url.join("/rest").unwrap());
        let endpoint = Endpoint::new(rpc, rest, None, Arc::new(peer.card.clone()));
        let instance = peer.card.lists_dispatch.then(|| "instance-1".to_owned());
        Self {
            ready: Mutex::new(Ok(ReadyPeer { endpoint, instance })),
            doubts: AtomicUsize::new(0),
        }
    }

    /// How often the peer was to be proven again.
    pub(super) fn doubts(&self) -> usize {
        self.doubts.load(Ordering::SeqCst)
    }

    pub(super) fn gone(&self, kind: ErrorKind) {
        *self.ready.lock().unwrap() = Err(Failure::new(kind, "It is not there.", ""));
    }
}

impl Peers for FoundPeer {
    fn ready<'a>(
        &'a self,
        _peer: &'a PeerName,
        _env: &'a ClientEnv,
    ) -> Pin<Box<dyn Future<Output = Result<ReadyPeer, Failure>> + Send + 'a>> {
        let ready = self.ready.lock().unwrap().clone();
        Box::pin(std::future::ready(ready))
    }

    fn doubt<'a>(&'a self, _peer: &'a PeerName) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.doubts.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

pub(super) fn working() -> Value {
    status("TASK_STATE_WORKING", None, None)
}

pub(super) fn delta(text: &str) -> Value {
    json!({"artifactUpdate": {"taskId": TASK, "contextId": "c", "append": true,
        "artifact": {"artifactId": "r", "name": "reply", "parts": [{"text": text}]}}})
}

pub(super) fn reply(text: &str) -> Value {
    json!({"artifactUpdate": {"taskId": TASK, "contextId": "c", "append": false, "lastChunk": true,
        "artifact": {"artifactId": "r", "name": "reply", "parts": [{"text": text}]}}})
}

pub(super) fn used(tokens: u64) -> Value {
    let usage = Usage {
        output_tokens: tokens,
        turns: 1,
        ..Usage::default()
    };
    status("TASK_STATE_WORKING", None, Some(usage))
}

pub(super) fn event(state: &str, event: &FleetEvent) -> Value {
    status(state, Some(event), None)
}

pub(super) fn status(state: &str, event: Option<&FleetEvent>, usage: Option<Usage>) -> Value {
    let mut status = json!({"state": state});
    if let Some(event) = event {
        status["message"] =
            json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [event_part(event)]});
    }
    let mut update = json!({"taskId": TASK, "contextId": "c", "status": status});
    if let Some(usage) = usage {
        update["metadata"] = json!(usage_metadata(&usage));
    }
    json!({"statusUpdate": update})
}

pub(super) fn end(state: &str, reason: Option<fleet_a2a::ext::EndReason>) -> Value {
    let end = FleetEvent::End {
        reason,
        detail: String::new(),
        refused: Vec::new(),
    };
    event(state, &end)
}

/// A whole short turn.
pub(super) fn hello() -> Vec<Value> {
    vec![
        working(),
        delta("hel"),
        delta("lo"),
        used(7),
        reply("hello"),
        end("TASK_STATE_COMPLETED", None),
    ]
}

fn accepted() -> Value {
    json!({"task": {"id": TASK, "contextId": "c", "status": {"state": "TASK_STATE_SUBMITTED"}}})
}

async fn rpc(State(script): State<Shared>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let id = request["id"].clone();
    let answer = |result: Value| {
        axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
    };
    let fail = |code: i32, message: &str, data: Value| {
        let error = json!({"code": code, "message": message, "data": data});
        axum::Json(json!({"jsonrpc": "2.0", "id": id, "error": error})).into_response()
    };
    let method = request["method"].as_str().unwrap();
    let message = &request["params"]["message"];
    let message_id = message["messageId"].as_str().unwrap_or("").to_owned();
    let mut guard = script.lock().unwrap();
    match method {
        "SendMessage" if message["taskId"].is_string() && guard.answer_faults > 0 => {
            guard.answer_faults -= 1;
            fail(-32602, "not one of mine \u{1b}[2J", json!(null))
        }
        "SendMessage" if message["taskId"].is_string() => {
            if !guard.seen.answers.contains(&message_id) {
                guard.seen.answers.push(message_id);
                let held = message["parts"][0]["data"].clone();
                guard.seen.answered.push(held);
                let more = guard.on_answer.clone();
                guard.events.extend(more);
                let all = guard.events.len() + 1;
                guard.released.send_replace(all);
            }
            answer(accepted())
        }
        "SendMessage" | "SendStreamingMessage" => {
            guard.seen.sends.push(message_id.clone());
            guard.seen.messages.push(message.clone());
            let fault = (!guard.faults.is_empty()).then(|| guard.faults.remove(0));
            let take = |guard: &mut Script| {
                if !guard.seen.accepted.contains(&message_id) {
                    guard.seen.accepted.push(message_id.clone());
                }
            };
            match fault {
                Some(Fault::Status(status)) => {
                    StatusCode::from_u16(status).unwrap().into_response()
                }
                Some(Fault::Busy) => fail(
                    -32001,
                    "busy",
                    json!([{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "DUPLICATE_DISPATCH",
                    "domain": "a2a-fleet", "metadata": {"existingTaskId": "t-0", "contextId": "c"}}]),
                ),
                Some(Fault::TakeAndDrop) => {
                    take(&mut guard);
                    broken()
                }
                Some(Fault::Drop) => broken(),
                None => {
                    take(&mut guard);
                    if method == "SendMessage" {
                        return answer(accepted());
                    }
                    drop(guard);
                    stream(
                        script,
                        0,
                        move |value| json!({"jsonrpc": "2.0", "id": id, "result": value}),
                    )
                }
            }
        }
        "CancelTask" => {
            guard.seen.cancels += 1;
            if !guard.cancel_faults.is_empty() {
                let status = StatusCode::from_u16(guard.cancel_faults.remove(0)).unwrap();
                return (status, fail(-32600, "turned away", json!([]))).into_response();
            }
            let all = guard.on_cancel.clone();
            guard.events.extend(all);
            let all = guard.events.len() + 1;
            guard.released.send_replace(all);
            answer(snapshot(&guard))
        }
        "SubscribeToTask" => fail(-32004, "it has ended", json!([])),
        "GetTask" if guard.forgets => fail(
            -32001,
            "no such task",
            json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_FOUND",
            "domain": "a2a-protocol.org", "metadata": {}}]),
        ),
        "GetTask" => answer(snapshot(&guard)),
        "ListTasks" => {
            let tasks: Vec<Value> = guard.seen.accepted.iter().map(|message_id| {
                let mut task = snapshot(&guard);
                task["history"] = json!([{"messageId": message_id, "role": "ROLE_USER", "parts": [{"text": "x"}]}]);
                task
            }).collect();
            answer(json!({"tasks": tasks, "nextPageToken": "", "pageSize": 100, "totalSize": 1}))
        }
        other => panic!("{other} is not in the script"),
    }
}

/// A response whose body breaks off.
fn broken() -> Response {
    let body = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    let headers = [
        ("content-type", "text/event-stream"),
        ("content-length", "100"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// The task as the released events have made it.
fn snapshot(script: &Script) -> Value {
    let told = *script.released.borrow() - 1;
    let (mut status, mut text) = (json!({"state": "TASK_STATE_SUBMITTED"}), String::new());
    for event in &script.events[..told.min(script.events.len())] {
        if let Some(update) = event.get("statusUpdate") {
            status = update["status"].clone();
        }
        if let Some(update) = event.get("artifactUpdate") {
            let part = update["artifact"]["parts"][0]["text"]
                .as_str()
                .unwrap_or("");
            if update["append"] == json!(true) {
                text.push_str(part)
            } else {
                text = part.to_owned()
            }
        }
    }
    let mut task = json!({"id": TASK, "contextId": "c", "status": status});
    if !text.is_empty() {
        task["artifacts"] =
            json!([{"artifactId": "r", "name": "reply", "parts": [{"text": text}]}]);
    }
    task
}

async fn subscribe(
    State(script): State<Shared>,
    Path(_rest): Path<String>,
    headers: HeaderMap,
) -> Response {
    let last = headers
        .get("last-event-id")
        .and_then(|v| v.to_str().ok()?.parse().ok());
    {
        let mut script = script.lock().unwrap();
        if script.forgets {
            let error = json!({"error": {"code": 404, "status": "NOT_FOUND", "message": "no such task", "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_FOUND",
                "domain": "a2a-protocol.org", "metadata": {}}]}});
            return (StatusCode::NOT_FOUND, axum::Json(error)).into_response();
        }
        script.seen.resumed.push(last);
    }
    stream(script, last.unwrap_or(0), |value| value)
}

fn stream(script: Shared, after: u64, wrap: impl Fn(Value) -> Value + Send + 'static) -> Response {
    let released = script.lock().unwrap().released.subscribe();
    let limit = script.lock().unwrap().drop_after;
    let state = (
        script,
        released,
        usize::try_from(after).unwrap(),
        0_usize,
        wrap,
    );
    let events = futures::stream::unfold(
        state,
        move |(script, mut released, at, sent, wrap)| async move {
            if limit.is_some_and(|limit| sent >= limit) {
                return None;
            }
            released.wait_for(|count| *count > at).await.ok()?;
            let body = {
                let script = script.lock().unwrap();
                if at == 0 {
                    accepted()
                } else {
                    script.events.get(at - 1)?.clone()
                }
            };
            let frame = format!("id: {}\ndata: {}\n\n", at + 1, wrap(body));
            Some((
                Ok::<_, Infallible>(Bytes::from(frame)),
                (script, released, at + 1, sent + 1, wrap),
            ))
        },
    );
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(events),
    )
        .into_response()
}
