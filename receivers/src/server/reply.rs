//! Answers in the form of each binding.
//!
//! Owns: envelopes and statuses. Does not own: which fault it is (fleet-a2a's `rpc`).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use fleet_a2a::rpc::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::registry::Refused;

/// Which binding a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    JsonRpc,
    Rest,
}

impl Binding {
    pub(super) fn of(path: &str) -> Self {
        if path == "/jsonrpc" {
            Self::JsonRpc
        } else {
            Self::Rest
        }
    }
}

/// A fault, and the HTTP status where it is not the binding's usual one.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) fault: Fault,
    status: Status,
}

#[derive(Debug, Clone, Copy)]
enum Status {
    Usual,
    /// Nothing was taken; the same message may be sent again later.
    Unavailable,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            status: Status::Usual,
        }
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        let usual = |fault: Fault| Self::from(fault);
        let later = |kind| Self {
            fault: Fault::new(kind, text.clone()),
            status: Status::Unavailable,
        };
        match &refused {
            Refused::Invalid(violations) => usual(Fault::invalid_params(violations)),
            Refused::Conflict(_) | Refused::OtherContext(_) => {
                usual(Fault::new(FaultKind::InvalidParams, text))
            }
            Refused::Busy { task, context } => usual(Fault::duplicate(task, context)),
            Refused::NoTask(task) => usual(Fault::task_not_found(task.as_str())),
            Refused::Ended(_) => usual(Fault::unsupported(text)),
            Refused::NotCancelable(task, state) => usual(Fault::not_cancelable(task, state.wire())),
            Refused::Full(_) | Refused::Draining => later(FaultKind::Internal),
            Refused::Store(error) => {
                tracing::error!(%error, "the task database refused");
                later(FaultKind::Internal)
            }
        }
    }
}

impl Failed {
    /// The JSON-RPC answer. A2A errors are 200 there; what was surely not taken is 503, so that callers may try again.
    pub(super) fn json_rpc(&self, id: &Value) -> Response {
        let status = match self.status {
            Status::Usual => StatusCode::OK,
            Status::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        json_rpc_error(status, id, &self.fault)
    }

    /// The REST answer.
    pub(super) fn rest(&self) -> Response {
        let status = match self.status {
            Status::Usual => StatusCode::from_u16(self.fault.http_status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Status::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        json_body(status, &self.fault.to_rest())
    }
}

/// A fault with a status of its own, before any id is known.
pub(super) fn fault_with(binding: Binding, status: StatusCode, fault: &Fault) -> Response {
    match binding {
        Binding::JsonRpc => json_rpc_error(status, &Value::Null, fault),
        Binding::Rest => {
            let mut body = fault.to_rest();
            body["error"]["code"] = json!(status.as_u16());
            if let Some(word) = word(status) {
                body["error"]["status"] = json!(word);
            }
            json_body(status, &body)
        }
    }
}

/// The gRPC word of a status that the table of faults does not have.
fn word(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("UNAUTHENTICATED"),
        StatusCode::FORBIDDEN => Some("PERMISSION_DENIED"),
        StatusCode::NOT_FOUND => Some("NOT_FOUND"),
        _ => None,
    }
}

fn json_rpc_error(status: StatusCode, id: &Value, fault: &Fault) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": id, "error": fault.to_json_rpc()});
    json_body(status, &body)
}

/// A JSON-RPC result.
pub(super) fn json_rpc_result(id: &Value, result: &Value) -> Response {
    json_body(
        StatusCode::OK,
        &json!({"jsonrpc": "2.0", "id": id, "result": result}),
    )
}

/// A JSON body.
pub(super) fn json_body(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
