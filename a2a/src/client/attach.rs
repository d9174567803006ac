//! Attaching to a task that runs, and staying attached.
//!
//! Owns: the subscription over `GET {rest}/tasks/{id}:subscribe`, which may be repeated without harm, with bounded
//! reconnection from the last event. Does not own: the connections themselves, see `transport`; polling with
//! GetTask, which is the caller's way on when the stream ends with an error.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use eventsource_client::{
    BoxStream, Client as _, ClientBuilder, Error as SseError, ReconnectOptions, SSE as Sse,
};
use futures::{Stream, TryStreamExt, stream};
use serde_json::json;

use crate::ids::TaskId;
use crate::types::methods;

use super::calls::{below, open_stream};
use super::endpoint::Endpoint;
use super::error::ClientError;
use super::http::{CALL_TIMEOUT, Client, Post, SSE};
use super::rpc_error::Call;
use super::stream::{EventStream, PeerEvent, decode};
use super::transport::{Shared, Transport};

/// The longest wait between two connections.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

impl Client {
    /// Attaches to a task: a snapshot and what follows, or, with `last_event`, exactly what came after that event
    /// (0 = all; an ended task is replayed then, too). Broken connections are opened again from the last event, as
    /// long as each second or so one of them brings something; after that, or when the peer refuses, the stream ends
    /// with the error. A peer without a REST interface is asked once over JSON-RPC.
    #[must_use]
    pub fn subscribe(
        &self,
        endpoint: &Endpoint,
        task: &TaskId,
        last_event: Option<u64>,
    ) -> EventStream {
        match &endpoint.rest_url {
            Some(rest) => match self.attached(endpoint, rest, task, last_event) {
                Ok(attached) => EventStream::new(attached),
                Err(error) => EventStream::new(stream::iter([Err(error)])),
            },
            None => self.subscribe_rpc(endpoint.clone(), task.clone()),
        }
    }

    fn attached(
        &self,
        endpoint: &Endpoint,
        rest: &url::Url,
        task: &TaskId,
        last_event: Option<u64>,
    ) -> Result<Attached, ClientError> {
        let url = below(rest, &["tasks", &format!("{task}:subscribe")])?;
        let shared = Arc::new(Shared::default());
        let transport = Transport {
            client: self.clone(),
            endpoint: Arc::new(endpoint.clone()),
            url: url.clone(),
            shared: Arc::clone(&shared),
        };
        let reconnect = ReconnectOptions::reconnect(true)
            .retry_initial(true)
            .delay(self.first_delay)
            .backoff_factor(2)
            .delay_max(LONGEST_DELAY)
            .build();
        let mut builder = ClientBuilder::for_url(url.as_str())
            .map_err(|e| ClientError::Unusable(format!("The task cannot be addressed: {e}")))?
            .redirect_limit(0)
            .reconnect(reconnect);
        if let Some(last) = last_event {
            builder = builder.last_event_id(last.to_string());
        }
        Ok(Attached {
            inner: builder.build_with_transport(transport).stream(),
            shared,
        })
    }

    fn subscribe_rpc(&self, endpoint: Endpoint, task: TaskId) -> EventStream {
        let client = self.clone();
        let opened = async move {
            let params = json!({"id": task.as_str()});
            let response = client
                .post_rpc(
                    &endpoint,
                    Post {
                        method: methods::SUBSCRIBE_TO_TASK,
                        params,
                        accept: SSE,
                        limit: CALL_TIMEOUT,
                    },
                )
                .await?;
            open_stream(response, Call::Subscribe).await
        };
        EventStream::new(stream::once(opened).try_flatten())
    }
}

/// The events of all connections of one subscription.
struct Attached {
    inner: BoxStream<Result<Sse, SseError>>,
    shared: Arc<Shared>,
}

impl Stream for Attached {
    type Item = Result<PeerEvent, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let polled = self.inner.as_mut().poll_next(cx);
            match polled {
                Poll::Ready(Some(Ok(Sse::Event(event)))) => {
                    self.shared.progress();
                    let id = event.id.as_deref().and_then(|id| id.parse().ok());
                    return Poll::Ready(Some(decode(&event.data, id, Call::Subscribe)));
                }
                Poll::Ready(Some(Ok(Sse::Connected(_) | Sse::Comment(_)))) => {}
                Poll::Ready(Some(Err(error))) => {
                    if let Some(end) = self.shared.take_end().or_else(|| hopeless(&error)) {
                        return Poll::Ready(Some(Err(end)));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(self.shared.take_end().map(Err)),
                // The end may have come in this very poll, before eventsource-client began to wait for its next try.
                Poll::Pending => {
                    return match self.shared.take_end() {
                        Some(end) => Poll::Ready(Some(Err(end))),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }
}

/// Errors that no further connection mends. Lost connections are followed by another one.
fn hopeless(error: &SseError) -> Option<ClientError> {
    match error {
        SseError::TimedOut
        | SseError::Transport(_)
        | SseError::HttpStream(_)
        | SseError::Eof
        | SseError::UnexpectedEof => None,
        SseError::UnexpectedResponse(response, _) => Some(ClientError::Http {
            status: response.status(),
            excerpt: String::new(),
        }),
        SseError::InvalidParameter(_)
        | SseError::InvalidLine(_)
        | SseError::InvalidEvent
        | SseError::MalformedLocationHeader(_)
        | SseError::MaxRedirectLimitReached(_) => Some(ClientError::Protocol(error.to_string())),
    }
}
