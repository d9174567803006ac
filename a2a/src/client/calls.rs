//! The calls: card, health, send, get, list, cancel.
//!
//! Owns: one method per call. Each is sent once. Does not own: subscriptions, see `attach`.

use std::time::Duration;

use futures::stream;
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::contract::DEADLINE_S;
use crate::health::NONCE_PARAM;
use crate::ids::TaskId;
use crate::normalise::{self, NormaliseError};
use crate::types::{
    ListTasksRequest, ListTasksResponse, Message, SendMessageResponse, Task, methods,
};

use super::answer::{error_of, result_of, unwrap};
use super::card::endpoint_of_card;
use super::endpoint::{Endpoint, Secret};
use super::error::ClientError;
use super::http::{
    CALL_TIMEOUT, Client, JSON, MAX_ANSWER_BYTES, Post, SSE, excerpt, headers, is_type, read_body,
};
use super::rpc_error::Call;
use super::stream::{EventStream, PeerEvent};

/// Largest agent card, in bytes; real ones have a few KiB.
const MAX_CARD_BYTES: usize = 256 * 1024;
/// Largest answer of `/health`, in bytes.
const MAX_HEALTH_BYTES: usize = 64 * 1024;
/// A blocking send may take as long as the longest deadline, and a little for the way.
const BLOCKING_TIMEOUT: Duration = Duration::from_secs(*DEADLINE_S.end() as u64 + 60);
/// Streams first, but an error comes as JSON.
const SSE_OR_JSON: &str = "text/event-stream, application/json";

/// When a plain send returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnWhen {
    /// When the task has ended or waits for somebody. The caller bounds the wait.
    Done,
    /// When the peer has accepted it.
    Accepted,
}

impl Client {
    /// Fetches the public card at `base` and makes an endpoint of it. The token is not sent.
    ///
    /// # Errors
    /// [`ClientError`] when there is no card, or it cannot be used with a token, see [`endpoint_of_card`].
    pub async fn fetch_card(
        &self,
        base: &Url,
        token: Option<&Secret>,
    ) -> Result<Endpoint, ClientError> {
        let url = below(base, &[".well-known", "agent-card.json"])?;
        let response = self.get_public(url).await?;
        if !response.status().is_success() {
            return Err(error_of(response, Call::Get).await);
        }
        let body = read_body(response, MAX_CARD_BYTES).await?;
        let card: Value = serde_json::from_slice(&body).map_err(|_| {
            ClientError::Protocol(format!("the agent card is no JSON: {}", excerpt(&body)))
        })?;
        endpoint_of_card(card, base, token)
    }

    /// Asks `/health` with a nonce and returns the object it answers, red or green. The token is not sent.
    ///
    /// # Errors
    /// [`ClientError`] when nothing answers there, or something that is no health of ours.
    pub async fn health(&self, base: &Url, nonce: &str) -> Result<Value, ClientError> {
        let mut url = below(base, &["health"])?;
        url.query_pairs_mut().append_pair(NONCE_PARAM, nonce);
        let response = self.get_public(url).await?;
        let status = response.status().as_u16();
        let body = read_body(response, MAX_HEALTH_BYTES).await?;
        match serde_json::from_slice(&body) {
            // Red health is 503 with the same object.
            Ok(value @ Value::Object(_)) if matches!(status, 200 | 503) => Ok(value),
            Ok(_) | Err(_) => Err(ClientError::Http {
                status,
                excerpt: excerpt(&body),
            }),
        }
    }

    /// GETs an object of ours at `base`/`name` with the token.
    ///
    /// # Errors
    /// [`ClientError`] as the receiver answered, or when the answer is no JSON.
    pub async fn get_json(
        &self,
        endpoint: &Endpoint,
        base: &Url,
        name: &str,
    ) -> Result<Value, ClientError> {
        let url = below(base, &[name])?;
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        *request.headers_mut() = headers(endpoint, JSON)?;
        let response = self.execute(request, CALL_TIMEOUT).await?;
        if !response.status().is_success() {
            return Err(error_of(response, Call::Get).await);
        }
        let body = read_body(response, MAX_HEALTH_BYTES).await?;
        serde_json::from_slice(&body).map_err(|_| {
            ClientError::Protocol(format!("the answer is no JSON: {}", excerpt(&body)))
        })
    }

    /// Sends a message and streams what comes of it. It is sent once; what broke is for the caller to look into.
    ///
    /// # Errors
    /// [`ClientError`] as the peer answered before the stream began; [`ClientError::delivery`] says what it means.
    pub async fn send_streaming(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<EventStream, ClientError> {
        let call = call_of(message);
        let params = json!({"message": to_value(message)?});
        let response = self
            .post_rpc(
                endpoint,
                Post {
                    method: methods::SEND_STREAMING_MESSAGE,
                    params,
                    accept: SSE_OR_JSON,
                    limit: CALL_TIMEOUT,
                },
            )
            .await?;
        open_stream(response, call).await
    }

    /// Sends a message and waits for its task as `until` says.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::delivery`] says whether the peer took it.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        message: &Message,
        until: ReturnWhen,
    ) -> Result<SendMessageResponse, ClientError> {
        let call = call_of(message);
        let (limit, at_once) = match until {
            ReturnWhen::Done => (BLOCKING_TIMEOUT, false),
            ReturnWhen::Accepted => (CALL_TIMEOUT, true),
        };
        let params = json!({
            "message": to_value(message)?,
            "configuration": {"returnImmediately": at_once},
        });
        let response = self
            .post_rpc(
                endpoint,
                Post {
                    method: methods::SEND_MESSAGE,
                    params,
                    accept: JSON,
                    limit,
                },
            )
            .await?;
        let result = result_of(response, call).await?;
        normalise::send_response(result, message.context_id.as_deref()).map_err(not_a2a)
    }

    /// The task as it is now, with its artifacts.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_task_not_found`] when the peer knows no such task.
    pub async fn get_task(&self, endpoint: &Endpoint, task: &TaskId) -> Result<Task, ClientError> {
        let params = json!({"id": task.as_str()});
        let result = self
            .call(endpoint, methods::GET_TASK, params, Call::Get)
            .await?;
        bare_task(result)
    }

    /// One page of tasks.
    ///
    /// # Errors
    /// [`ClientError`] as the peer answered.
    pub async fn list_tasks(
        &self,
        endpoint: &Endpoint,
        request: &ListTasksRequest,
    ) -> Result<ListTasksResponse, ClientError> {
        let params = to_value(request)?;
        let result = self
            .call(endpoint, methods::LIST_TASKS, params, Call::List)
            .await?;
        normalise::list_response(result).map_err(not_a2a)
    }

    /// Asks the peer to end a task and returns it as it is then.
    ///
    /// # Errors
    /// [`ClientError`]: the task is unknown, or it has ended.
    pub async fn cancel_task(
        &self,
        endpoint: &Endpoint,
        task: &TaskId,
    ) -> Result<Task, ClientError> {
        let params = json!({"id": task.as_str()});
        let result = self
            .call(endpoint, methods::CANCEL_TASK, params, Call::Cancel)
            .await?;
        bare_task(result)
    }

    async fn call(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: Value,
        call: Call,
    ) -> Result<Value, ClientError> {
        let response = self
            .post_rpc(
                endpoint,
                Post {
                    method,
                    params,
                    accept: JSON,
                    limit: CALL_TIMEOUT,
                },
            )
            .await?;
        result_of(response, call).await
    }

    /// A GET without the token.
    async fn get_public(&self, url: Url) -> Result<reqwest::Response, ClientError> {
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static(JSON));
        self.execute(request, CALL_TIMEOUT).await
    }
}

/// A stream out of a response: its status first, then its content type. A peer that answers a streaming call with
/// plain JSON gives a stream of one event.
pub(super) async fn open_stream(
    response: reqwest::Response,
    call: Call,
) -> Result<EventStream, ClientError> {
    if !response.status().is_success() {
        return Err(error_of(response, call).await);
    }
    if is_type(response.headers(), SSE) {
        return Ok(EventStream::of_response(response, call));
    }
    let body = read_body(response, MAX_ANSWER_BYTES).await?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| {
        ClientError::Protocol(format!(
            "a stream was wanted, and it answered: {}",
            excerpt(&body)
        ))
    })?;
    let body = normalise::stream_response(unwrap(value, call, 200)?, None).map_err(not_a2a)?;
    let event = PeerEvent { id: None, body };
    Ok(EventStream::new(stream::iter([Ok(event)])))
}

/// A path below a base address, whatever its trailing slash.
pub(super) fn below(base: &Url, segments: &[&str]) -> Result<Url, ClientError> {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(segments);
        }
        Err(()) => {
            let text = format!("{base} is no address of an agent; it takes http:// or https://.");
            return Err(ClientError::Unusable(text));
        }
    }
    Ok(url)
}

fn call_of(message: &Message) -> Call {
    if message.task_id.is_some() {
        Call::SendToTask
    } else {
        Call::Send
    }
}

/// GetTask and CancelTask answer a bare task; some peers wrap it.
fn bare_task(result: Value) -> Result<Task, ClientError> {
    match normalise::send_response(result, None).map_err(not_a2a)? {
        SendMessageResponse::Task(task) => Ok(task),
        SendMessageResponse::Message(_) => Err(ClientError::Protocol(
            "a message where a task was wanted".to_owned(),
        )),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_a2a(error: NormaliseError) -> ClientError {
    ClientError::Protocol(error.to_string())
}

fn to_value(value: &impl Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(value)
        .map_err(|e| ClientError::Unusable(format!("The message cannot be encoded: {e}")))
}
