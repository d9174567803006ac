//! Server-sent events.
//!
//! Owns: frames, keep-alives, `Last-Event-ID`. Frames carry the event's number in the task, so that any of them can be gone
//! on from.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use fleet_a2a::contract::Violation;
use fleet_a2a::rpc::Fault;
use futures::stream::unfold;
use serde_json::Value;

use crate::registry::{Feed, Since, Subscription};

/// Silence after which a comment is sent, so that both sides notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What is put around each event.
#[derive(Debug, Clone)]
pub(super) enum Envelope {
    /// Nothing.
    Rest,
    /// A JSON-RPC response to this id.
    JsonRpc(Value),
}

impl Envelope {
    fn frame(&self, seq: i64, event: &str) -> Bytes {
        let data = match self {
            Self::Rest => event.to_owned(),
            Self::JsonRpc(id) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{event}}}"#),
        };
        Bytes::from(format!("id: {seq}\ndata: {data}\n\n"))
    }
}

/// Where a caller wants to go on: its `Last-Event-ID`, else with a snapshot.
pub(super) fn since(headers: &HeaderMap) -> Result<Since, Fault> {
    let Some(given) = headers.get("last-event-id") else {
        return Ok(Since::Snapshot);
    };
    let text = given.to_str().unwrap_or("");
    text.parse::<i64>()
        .ok()
        .filter(|seq| *seq >= 0)
        .map(Since::Event)
        .ok_or_else(|| {
            let held = fleet_a2a::contract::shown_text(text);
            Fault::invalid_params(&[Violation::new(
                "Last-Event-ID",
                held,
                "the id of an event of this task, or 0",
            )])
        })
}

struct Frames {
    envelope: Envelope,
    first: Option<(i64, String)>,
    feed: Feed,
}

/// Streams a subscription to its end.
pub(super) fn response(subscription: Subscription, envelope: Envelope) -> Response {
    let frames = Frames {
        envelope,
        first: subscription.first,
        feed: subscription.feed,
    };
    let stream = unfold(frames, |mut frames| async move {
        let frame = frames.next().await?;
        Some((Ok::<_, Infallible>(frame), frames))
    });
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl Frames {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some((seq, event)) = self.first.take() {
            return Some(self.envelope.frame(seq, &event));
        }
        match tokio::time::timeout(KEEP_ALIVE, self.feed.next()).await {
            Ok(Ok(Some(event))) => Some(self.envelope.frame(event.seq, &event.json)),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => {
                // The caller sees a stream that broke, and asks again from its last event.
                tracing::error!(%error, "the events of a task could not be read");
                None
            }
            Err(_) => Some(Bytes::from_static(b": keepalive\n\n")),
        }
    }
}
