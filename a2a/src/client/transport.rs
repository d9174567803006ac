//! Our HTTP below eventsource-client: one request per connection of a subscription.
//!
//! Owns: the proof before a reconnection, the count of tries, and typed errors, which eventsource-client would lose.
//! Does not own: the parsing of events and the delays between connections; those are eventsource-client's.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use launchdarkly_sdk_transport::{
    ByteStream, HttpTransport, Request, Response, ResponseFuture, TransportError,
};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use sync_wrapper::{SyncFuture, SyncStream};
use url::Url;

use crate::health::verify_answer;

use super::answer::{error_of, error_of_body};
use super::endpoint::{Endpoint, ProofRule};
use super::error::{ClientError, shown_url};
use super::frames::whole_events;
use super::http::{CALL_TIMEOUT, Client, MAX_ERROR_BYTES, SSE, headers, is_type, read_body};
use super::rpc_error::Call;

/// Connections in a row without any event before a subscription gives up: about three seconds, after which it is for
/// the caller to ask whether the peer is still the same.
pub(super) const MAX_TRIES: u32 = 5;

/// What the connections of one subscription share with its stream.
#[derive(Debug, Default)]
pub(super) struct Shared {
    tries: AtomicU32,
    by_post: AtomicBool,
    connected_before: AtomicBool,
    end: Mutex<Option<ClientError>>,
}

impl Shared {
    /// An event arrived: the tries count from the beginning.
    pub(super) fn progress(&self) {
        self.tries.store(0, Ordering::Relaxed);
    }

    /// Why the subscription is over, once.
    pub(super) fn take_end(&self) -> Option<ClientError> {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn finish(&self, error: ClientError) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert(error);
    }

    /// An error that another connection may mend, unless it was the last try.
    fn failed(&self, error: ClientError) {
        if self.tries.load(Ordering::Relaxed) >= MAX_TRIES {
            self.finish(error);
        }
    }
}

/// Opens the connections of one subscription.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) client: Client,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) url: Url,
    pub(super) shared: Arc<Shared>,
}

impl HttpTransport for Transport {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let this = self.clone();
        let extra = request.headers().clone();
        Box::pin(SyncFuture::new(async move { this.connect(extra).await }))
    }
}

impl Transport {
    async fn connect(&self, extra: HeaderMap) -> Result<Response<ByteStream>, TransportError> {
        let tries = self.shared.tries.fetch_add(1, Ordering::Relaxed);
        if tries >= MAX_TRIES {
            self.shared.finish(ClientError::Closed(format!(
                "{MAX_TRIES} connections in a row brought no event"
            )));
            return Err(lost());
        }
        match self.open(&extra).await {
            Ok(response) => {
                self.shared.connected_before.store(true, Ordering::Relaxed);
                self.body(response)
            }
            Err(error) => {
                if worth_another(&error) {
                    self.shared.failed(error);
                } else {
                    self.shared.finish(error);
                }
                Err(lost())
            }
        }
    }

    /// One connection whose answer is an event stream. The token goes to a receiver of ours only when it has proven
    /// itself since the last connection broke.
    async fn open(&self, extra: &HeaderMap) -> Result<reqwest::Response, ClientError> {
        let again = self.shared.tries.load(Ordering::Relaxed) > 1
            || self.shared.connected_before.load(Ordering::Relaxed);
        if again {
            self.prove().await?;
        }
        let by_post = self.shared.by_post.load(Ordering::Relaxed);
        let method = if by_post { Method::POST } else { Method::GET };
        let response = self.request_once(method, extra).await?;
        if !by_post && misses_get(response.status()) {
            // Both are in use: the protocol buffer says GET, the text of the specification says POST.
            let error = error_of(response, Call::Subscribe).await;
            if matches!(error, ClientError::Rpc(_)) {
                return Err(error);
            }
            self.shared.by_post.store(true, Ordering::Relaxed);
            let response = self.request_once(Method::POST, extra).await?;
            return streaming(response).await;
        }
        streaming(response).await
    }

    async fn request_once(
        &self,
        method: Method,
        extra: &HeaderMap,
    ) -> Result<reqwest::Response, ClientError> {
        let mut request = reqwest::Request::new(method, self.url.clone());
        let mut all = headers(&self.endpoint, SSE)?;
        if let Some(last) = extra.get("last-event-id") {
            all.insert("last-event-id", last.clone());
        }
        *request.headers_mut() = all;
        self.client.execute(request, CALL_TIMEOUT).await
    }

    async fn prove(&self) -> Result<(), ClientError> {
        let (ProofRule::Health, Some(token)) = (self.endpoint.proof, &self.endpoint.token) else {
            return Ok(());
        };
        let unproven = || ClientError::Unproven {
            url: shown_url(&self.url),
        };
        let mut base = self.url.clone();
        base.set_path("/");
        base.set_query(None);
        let addr = bound_addr(&base).ok_or_else(unproven)?;
        let nonce = uuid::Uuid::new_v4().to_string();
        let answer = match self.client.health(&base, &nonce).await {
            Ok(answer) => answer,
            Err(error) if worth_another(&error) => return Err(error),
            Err(_) => return Err(unproven()),
        };
        if verify_answer(token, &nonce, &addr, &answer) {
            Ok(())
        } else {
            Err(unproven())
        }
    }

    fn body(&self, response: reqwest::Response) -> Result<Response<ByteStream>, TransportError> {
        let status = response.status();
        let shared = Arc::clone(&self.shared);
        let body = whole_events(Box::pin(response.bytes_stream())).map(move |block| {
            block.map_err(|error| {
                if !worth_another(&error) {
                    shared.finish(error);
                }
                lost()
            })
        });
        let body: ByteStream = Box::pin(SyncStream::new(body));
        Response::builder()
            .status(status)
            .body(body)
            .map_err(TransportError::new)
    }
}

/// The address as the receiver bound it, `127.0.0.1:9390` or `[::1]:9390`.
pub(super) fn bound_addr(base: &Url) -> Option<String> {
    let port = base.port_or_known_default()?;
    Some(format!("{}:{port}", base.host_str()?))
}

fn misses_get(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

async fn streaming(response: reqwest::Response) -> Result<reqwest::Response, ClientError> {
    if !response.status().is_success() {
        return Err(error_of(response, Call::Subscribe).await);
    }
    if is_type(response.headers(), SSE) {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let body = read_body(response, MAX_ERROR_BYTES).await?;
    Err(error_of_body(&body, status, Call::Subscribe))
}

/// Whether another connection may mend it: it broke, it timed out, or the peer is overloaded or starting.
fn worth_another(error: &ClientError) -> bool {
    match error {
        ClientError::Connect { .. } | ClientError::Timeout { .. } | ClientError::Closed(_) => true,
        ClientError::Http { status, .. } => *status == 429 || *status >= 500,
        ClientError::Rpc(error) => error.status == 429 || error.status >= 500,
        ClientError::Protocol(_) | ClientError::Unusable(_) | ClientError::Unproven { .. } => false,
    }
}

/// What eventsource-client is told; the typed error travels in [`Shared`].
fn lost() -> TransportError {
    TransportError::new(io::Error::new(io::ErrorKind::ConnectionAborted, "lost"))
}
