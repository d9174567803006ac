//! One HTTP client for all calls, with its bounds.
//!
//! Owns: connecting, headers, the token, timeouts, bounded bodies. Does not own: what the bodies mean.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::ext;

use super::endpoint::{Endpoint, Secret};
use super::error::ClientError;

/// Longest wait for a TCP and TLS connection: a peer on the same continent needs a tenth.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: shorter than our receivers keep it (5 s), so that none closes just as a message
/// is written to it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest wait for the answer to a call that does not wait for work.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Before the first reconnection of a subscription; it doubles. A receiver restarts in less.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// Largest answer, in bytes: a task with its history and artifacts.
pub(super) const MAX_ANSWER_BYTES: usize = super::frames::MAX_EVENT_BYTES;
/// Largest error body that is read, in bytes.
pub(super) const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How many characters of a body that is no A2A an error repeats.
const EXCERPT_CHARS: usize = 300;

pub(super) const JSON: &str = "application/json";
pub(super) const SSE: &str = "text/event-stream";

/// One JSON-RPC call.
pub(super) struct Post {
    pub(super) method: &'static str,
    pub(super) params: Value,
    pub(super) accept: &'static str,
    /// Longest wait for the head of the answer.
    pub(super) limit: Duration,
}

/// Talks to peers. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) first_delay: Duration,
}

impl Client {
    /// A client that follows no redirect, retries nothing and uses no proxy.
    ///
    /// # Errors
    /// [`ClientError::Unusable`] when the platform's TLS cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|e| ClientError::Unusable(format!("the HTTP client cannot start: {e}")))?;
        Ok(Self {
            http,
            first_delay: FIRST_DELAY,
        })
    }

    /// The same, with another wait before the first reconnection of a subscription; it doubles from there.
    #[must_use]
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// POSTs one JSON-RPC call and returns the response as it came, within its limit for the head.
    pub(super) async fn post_rpc(
        &self,
        endpoint: &Endpoint,
        call: Post,
    ) -> Result<Response, ClientError> {
        let id = uuid::Uuid::now_v7().to_string();
        let body =
            json!({"jsonrpc": "2.0", "id": id, "method": call.method, "params": call.params});
        let mut request = reqwest::Request::new(Method::POST, endpoint.rpc_url.clone());
        *request.headers_mut() = headers(endpoint, call.accept)?;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        *request.body_mut() = Some(body.to_string().into());
        self.execute(request, call.limit).await
    }

    /// Sends a request and returns its head within `limit`.
    pub(super) async fn execute(
        &self,
        request: reqwest::Request,
        limit: Duration,
    ) -> Result<Response, ClientError> {
        let url = request.url().clone();
        match tokio::time::timeout(limit, self.http.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(ClientError::of_reqwest(error, &url)),
            Err(_) => Err(ClientError::Timeout {
                what: "the peer's answer",
                limit_s: limit.as_secs(),
            }),
        }
    }
}

/// The headers of every call to a peer's interface.
pub(super) fn headers(endpoint: &Endpoint, accept: &'static str) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(
        HeaderName::from_static("a2a-version"),
        HeaderValue::from_static("1.0"),
    );
    if endpoint.card.lists_dispatch {
        let ours = format!("{},{}", ext::dispatch::URI, ext::events::URI);
        if let Ok(value) = HeaderValue::from_str(&ours) {
            headers.insert(HeaderName::from_static("a2a-extensions"), value);
        }
    }
    if let Some(token) = &endpoint.token {
        headers.insert(AUTHORIZATION, bearer(token)?);
    }
    Ok(headers)
}

fn bearer(token: &Secret) -> Result<HeaderValue, ClientError> {
    let text = format!("Bearer {}", token.expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        ClientError::Unusable("The token holds characters that no HTTP header can carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the response is of a content type, whatever its parameters.
pub(super) fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}

/// Reads a whole body of at most `max` bytes within [`CALL_TIMEOUT`].
pub(super) async fn read_body(response: Response, max: usize) -> Result<Bytes, ClientError> {
    match tokio::time::timeout(CALL_TIMEOUT, collect(response, max)).await {
        Ok(body) => body,
        Err(_) => Err(ClientError::Timeout {
            what: "the rest of the answer",
            limit_s: CALL_TIMEOUT.as_secs(),
        }),
    }
}

async fn collect(response: Response, max: usize) -> Result<Bytes, ClientError> {
    let url = response.url().clone();
    let mut body = BytesMut::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| ClientError::of_reqwest(e, &url))?;
        if body.len() + chunk.len() > max {
            return Err(ClientError::Protocol(format!(
                "the answer is larger than {max} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The beginning of a body as an error repeats it, with a note when it is longer.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let mut short: String = text.chars().take(EXCERPT_CHARS).collect();
    if short.len() < text.len() {
        short.push_str(&format!("… ({} bytes)", body.len()));
    }
    short
}
