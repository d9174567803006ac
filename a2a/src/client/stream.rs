//! The events of one task, as a stream.
//!
//! Owns: [`EventStream`], the decoding of one event, and when a stream is over. Does not own: where the events come
//! from, see `calls` (a POST, once) and `attach` (a subscription, with reconnection).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use eventsource_stream::{EventStreamError, Eventsource};
use futures::{Stream, StreamExt};
use serde_json::Value;

use crate::normalise;
use crate::types::StreamResponse;

use super::answer;
use super::error::ClientError;
use super::frames::whole_events;
use super::http::excerpt;
use super::rpc_error::Call;

/// One event of a peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerEvent {
    /// The peer's number of the event, where it numbers them; a subscription can go on from it.
    pub id: Option<u64>,
    /// The event.
    pub body: StreamResponse,
}

/// The events of one task. It ends (`None`) after the event that ends the task, or after one error.
pub struct EventStream {
    inner: Pin<Box<dyn Stream<Item = Result<PeerEvent, ClientError>> + Send>>,
    ended: bool,
}

impl EventStream {
    /// Wraps a source of events. A source that runs dry before the task has ended counts as a broken connection.
    pub fn new(
        source: impl Stream<Item = Result<PeerEvent, ClientError>> + Send + 'static,
    ) -> Self {
        Self {
            inner: Box::pin(source),
            ended: false,
        }
    }

    /// The events of a body whose content type is SSE.
    pub(super) fn of_response(response: reqwest::Response, call: Call) -> Self {
        let body = Box::pin(response.bytes_stream());
        let events = Box::pin(whole_events(body)).eventsource();
        Self::new(events.map(move |event| match event {
            Ok(event) => decode(&event.data, event.id.parse().ok(), call),
            Err(EventStreamError::Transport(error)) => Err(error),
            Err(EventStreamError::Utf8(_)) => Err(ClientError::Protocol(
                "a stream that is no UTF-8".to_owned(),
            )),
            Err(EventStreamError::Parser(_)) => Err(ClientError::Protocol(
                "a stream that is no event stream".to_owned(),
            )),
        }))
    }
}

impl Stream for EventStream {
    type Item = Result<PeerEvent, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = match self.inner.as_mut().poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(item)) => item,
            Poll::Ready(None) => Err(ClientError::Closed(
                "the stream ended before the task did".to_owned(),
            )),
        };
        self.ended = match &item {
            Ok(event) => is_final(&event.body),
            Err(_) => true,
        };
        Poll::Ready(Some(item))
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Whether nothing follows this event: a terminal state, or a sole message.
#[must_use]
pub fn is_final(body: &StreamResponse) -> bool {
    match body {
        StreamResponse::Message(_) => true,
        StreamResponse::Task(task) => task.status.state.is_terminal(),
        StreamResponse::StatusUpdate(update) => update.status.state.is_terminal(),
        StreamResponse::ArtifactUpdate(_) => false,
    }
}

/// One event's data, of either binding and any dialect.
pub(super) fn decode(data: &str, id: Option<u64>, call: Call) -> Result<PeerEvent, ClientError> {
    let value: Value = serde_json::from_str(data).map_err(|_| {
        ClientError::Protocol(format!(
            "an event that is no JSON: {}",
            excerpt(data.as_bytes())
        ))
    })?;
    let value = answer::unwrap(value, call, 200)?;
    let body = normalise::stream_response(value, None)
        .map_err(|error| ClientError::Protocol(error.to_string()))?;
    Ok(PeerEvent { id, body })
}
