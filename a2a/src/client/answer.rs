//! From a response to a result: status first, then content type, then the body.
//!
//! Owns: telling a result from an error in both bindings. Does not own: the types of results.

use reqwest::Response;
use serde_json::Value;

use super::error::ClientError;
use super::http::{MAX_ANSWER_BYTES, MAX_ERROR_BYTES, excerpt, read_body};
use super::rpc_error::{Call, RpcError};

/// The `result` of a JSON-RPC response.
pub(super) async fn result_of(response: Response, call: Call) -> Result<Value, ClientError> {
    let status = response.status();
    if !status.is_success() {
        return Err(error_of(response, call).await);
    }
    let body = read_body(response, MAX_ANSWER_BYTES).await?;
    let value: Value = serde_json::from_slice(&body)
        .map_err(|_| ClientError::Protocol(format!("the answer is no JSON: {}", excerpt(&body))))?;
    unwrap(value, call, status.as_u16())
}

/// The error of a response that is no success.
pub(super) async fn error_of(response: Response, call: Call) -> ClientError {
    let status = response.status().as_u16();
    // A body that cannot be read changes nothing about the status.
    let body = read_body(response, MAX_ERROR_BYTES)
        .await
        .unwrap_or_default();
    error_of_body(&body, status, call)
}

/// The error in a body; for a status of success it is a breach of the protocol.
pub(super) fn error_of_body(body: &[u8], status: u16, call: Call) -> ClientError {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let error = parsed
        .as_ref()
        .and_then(|value| RpcError::read(call, status, value.get("error")?));
    match error {
        Some(error) => ClientError::Rpc(Box::new(error)),
        None if (200..300).contains(&status) => ClientError::Protocol(format!(
            "a stream was wanted, and it answered: {}",
            excerpt(body)
        )),
        None => ClientError::Http {
            status,
            excerpt: excerpt(body),
        },
    }
}

/// What a JSON body says: the `result` of JSON-RPC, or the bare value of REST.
pub(super) fn unwrap(value: Value, call: Call, status: u16) -> Result<Value, ClientError> {
    let Value::Object(mut map) = value else {
        return Err(ClientError::Protocol(
            "the answer is no JSON object".to_owned(),
        ));
    };
    if let Some(error) = map.get("error").filter(|error| !error.is_null()) {
        return Err(match RpcError::read(call, status, error) {
            Some(error) => ClientError::Rpc(Box::new(error)),
            None => ClientError::Protocol(format!(
                "an error without a code: {}",
                excerpt(error.to_string().as_bytes())
            )),
        });
    }
    if map.contains_key("jsonrpc") || map.contains_key("result") {
        map.remove("result").ok_or_else(|| {
            ClientError::Protocol("a JSON-RPC answer without result and error".to_owned())
        })
    } else {
        Ok(Value::Object(map))
    }
}
