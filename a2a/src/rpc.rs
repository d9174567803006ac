//! The errors that a server answers, each with its JSON-RPC code, its HTTP status and its REST body.
//!
//! Owns: the table of A2A 1.0.1 and our own reason for -32001. Does not own: reading errors, see the client.

use serde_json::{Value, json};

use crate::client::{DUPLICATE_DISPATCH, FLEET_DOMAIN};
use crate::contract::Violation;
use crate::ids::{ContextId, TaskId};
use crate::types::{JsonRpcError, TypedDetail, error_code};

/// The domain of the protocol's own reasons.
const PROTOCOL_DOMAIN: &str = "a2a-protocol.org";

/// One error, for either binding.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    kind: FaultKind,
    message: String,
    details: Vec<Value>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The body is no JSON.
    Parse,
    /// The body is no JSON-RPC request.
    InvalidRequest,
    /// No such method.
    MethodNotFound,
    /// Parameters that break their rules.
    InvalidParams,
    /// A defect of ours, or of the disk below us.
    Internal,
    /// No such task.
    TaskNotFound,
    /// Another message runs on the context.
    Duplicate,
    /// The task has ended.
    TaskNotCancelable,
    /// There are no webhooks here.
    PushNotSupported,
    /// Not possible in the state it is in.
    UnsupportedOperation,
    /// A part or a body of a type that is not taken.
    ContentTypeNotSupported,
    /// There is no extended card here.
    ExtendedCardNotConfigured,
    /// Another version of A2A.
    VersionNotSupported,
}

/// One row of the table: JSON-RPC code, HTTP status, gRPC status word, ErrorInfo reason (empty: none).
struct Row(i32, u16, &'static str, &'static str);

impl FaultKind {
    fn row(self) -> Row {
        match self {
            Self::Parse => Row(error_code::PARSE_ERROR, 400, "INVALID_ARGUMENT", ""),
            Self::InvalidRequest => Row(error_code::INVALID_REQUEST, 400, "INVALID_ARGUMENT", ""),
            Self::MethodNotFound => Row(error_code::METHOD_NOT_FOUND, 404, "UNIMPLEMENTED", ""),
            Self::InvalidParams => Row(error_code::INVALID_PARAMS, 400, "INVALID_ARGUMENT", ""),
            Self::Internal => Row(error_code::INTERNAL_ERROR, 500, "INTERNAL", ""),
            Self::TaskNotFound => Row(
                error_code::TASK_NOT_FOUND,
                404,
                "NOT_FOUND",
                "TASK_NOT_FOUND",
            ),
            Self::Duplicate => Row(
                error_code::TASK_NOT_FOUND,
                409,
                "ABORTED",
                DUPLICATE_DISPATCH,
            ),
            Self::TaskNotCancelable => Row(
                error_code::TASK_NOT_CANCELABLE,
                400,
                "FAILED_PRECONDITION",
                "TASK_NOT_CANCELABLE",
            ),
            Self::PushNotSupported => Row(
                error_code::PUSH_NOTIFICATION_NOT_SUPPORTED,
                400,
                "FAILED_PRECONDITION",
                "PUSH_NOTIFICATION_NOT_SUPPORTED",
            ),
            Self::UnsupportedOperation => Row(
                error_code::UNSUPPORTED_OPERATION,
                400,
                "FAILED_PRECONDITION",
                "UNSUPPORTED_OPERATION",
            ),
            Self::ContentTypeNotSupported => Row(
                error_code::CONTENT_TYPE_NOT_SUPPORTED,
                400,
                "INVALID_ARGUMENT",
                "CONTENT_TYPE_NOT_SUPPORTED",
            ),
            Self::ExtendedCardNotConfigured => Row(
                error_code::EXTENDED_CARD_NOT_CONFIGURED,
                400,
                "FAILED_PRECONDITION",
                "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
            ),
            Self::VersionNotSupported => Row(
                error_code::VERSION_NOT_SUPPORTED,
                400,
                "FAILED_PRECONDITION",
                "VERSION_NOT_SUPPORTED",
            ),
        }
    }
}

impl Fault {
    /// A fault with the reason of its kind and no further details.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self::with(kind, message, &json!({}))
    }

    fn with(kind: FaultKind, message: impl Into<String>, metadata: &Value) -> Self {
        let Row(_, _, _, reason) = kind.row();
        let domain = match kind {
            FaultKind::Duplicate => FLEET_DOMAIN,
            FaultKind::Parse
            | FaultKind::InvalidRequest
            | FaultKind::MethodNotFound
            | FaultKind::InvalidParams
            | FaultKind::Internal
            | FaultKind::TaskNotFound
            | FaultKind::TaskNotCancelable
            | FaultKind::PushNotSupported
            | FaultKind::UnsupportedOperation
            | FaultKind::ContentTypeNotSupported
            | FaultKind::ExtendedCardNotConfigured
            | FaultKind::VersionNotSupported => PROTOCOL_DOMAIN,
        };
        let details = if reason.is_empty() {
            Vec::new()
        } else {
            vec![json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": domain,
                "metadata": metadata,
            })]
        };
        Self {
            kind,
            message: message.into(),
            details,
        }
    }

    /// -32001 for another message on a busy context, naming the task that runs.
    #[must_use]
    pub fn duplicate(existing: &TaskId, context: &ContextId) -> Self {
        let metadata = json!({
            "existingTaskId": existing.as_str(),
            "contextId": context.as_str(),
        });
        let message = format!(
            "duplicate dispatch: context {context} already has task {existing} in flight; retry after it completes"
        );
        Self::with(FaultKind::Duplicate, message, &metadata)
    }

    /// -32001 for a task nobody knows. `task` is repeated as the caller gave it.
    #[must_use]
    pub fn task_not_found(task: &str) -> Self {
        let metadata = json!({"taskId": task});
        Self::with(
            FaultKind::TaskNotFound,
            format!("task not found: {task}"),
            &metadata,
        )
    }

    /// -32002: the task has ended in `state`, as the wire names it.
    #[must_use]
    pub fn not_cancelable(task: &TaskId, state: &str) -> Self {
        let metadata = json!({"taskId": task.as_str(), "state": state});
        let message = format!("task {task} cannot be canceled: it is {state}");
        Self::with(FaultKind::TaskNotCancelable, message, &metadata)
    }

    /// -32004.
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(FaultKind::UnsupportedOperation, message)
    }

    /// -32602 with every field that is wrong.
    #[must_use]
    pub fn invalid_params(violations: &[Violation]) -> Self {
        let message = match violations {
            [] => "invalid parameters".to_owned(),
            [only] => format!("invalid parameters: {only}"),
            [first, rest @ ..] => {
                format!("invalid parameters: {first} And {} more.", rest.len())
            }
        };
        let mut fault = Self::new(FaultKind::InvalidParams, message);
        if !violations.is_empty() {
            let fields = violations.iter().map(Violation::to_field_violation);
            let detail = TypedDetail::bad_request(fields.collect());
            fault.details.push(json!(detail));
        }
        fault
    }

    /// -32005 for a content type, as it was given.
    #[must_use]
    pub fn content_type(given: &str) -> Self {
        let message = format!("content type {given} is not supported; send application/json");
        Self::new(FaultKind::ContentTypeNotSupported, message)
    }

    /// -32009 for a version of A2A, as it was given; empty when none was.
    #[must_use]
    pub fn version(given: &str) -> Self {
        let given = if given.is_empty() {
            "0.3 (no A2A-Version header)"
        } else {
            given
        };
        let message = format!("A2A version {given} is not supported; this agent speaks 1.0");
        Self::with(
            FaultKind::VersionNotSupported,
            message,
            &json!({"supportedVersions": "1.0"}),
        )
    }

    /// -32601. `method` is repeated as the caller gave it.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(
            FaultKind::MethodNotFound,
            format!("method not found: {method}"),
        )
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The status in the REST binding. The JSON-RPC binding answers 200.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        let Row(_, status, _, _) = self.kind.row();
        status
    }

    /// The `error` of a JSON-RPC response.
    #[must_use]
    pub fn to_json_rpc(&self) -> JsonRpcError {
        let Row(code, _, _, _) = self.kind.row();
        JsonRpcError {
            code,
            message: self.message.clone(),
            data: (!self.details.is_empty()).then(|| Value::Array(self.details.clone())),
        }
    }

    /// The body in the REST binding.
    #[must_use]
    pub fn to_rest(&self) -> Value {
        let Row(_, status, word, _) = self.kind.row();
        json!({"error": {
            "code": status,
            "status": word,
            "message": self.message,
            "details": self.details,
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<T: std::str::FromStr>(text: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        text.parse().expect("a good id")
    }

    #[test]
    fn a_duplicate_names_the_task_that_runs_in_both_bindings() {
        let fault = Fault::duplicate(&id("t1"), &id("c1"));
        let rpc = fault.to_json_rpc();
        assert_eq!(rpc.code, -32001);
        let info = &rpc.data.expect("details")[0];
        assert_eq!(info["reason"], "DUPLICATE_DISPATCH");
        assert_eq!(info["domain"], "a2a-fleet");
        assert_eq!(info["metadata"]["existingTaskId"], "t1");
        assert_eq!(info["metadata"]["contextId"], "c1");
        assert_eq!(fault.http_status(), 409);
        let rest = fault.to_rest();
        assert_eq!(rest["error"]["status"], "ABORTED");
        assert_eq!(rest["error"]["details"][0], *info);
    }

    #[test]
    fn bad_params_list_every_field() {
        let wrong = [
            Violation::new("message.parts", "no part", "a list of at least one part"),
            Violation::new("message.role", "no known role", "ROLE_USER or ROLE_AGENT"),
        ];
        let rpc = Fault::invalid_params(&wrong).to_json_rpc();
        assert_eq!(rpc.code, -32602);
        assert!(
            rpc.message.contains("message.parts held no part"),
            "{}",
            rpc.message
        );
        let detail = &rpc.data.expect("details")[0];
        assert_eq!(detail["@type"], "type.googleapis.com/google.rpc.BadRequest");
        assert_eq!(detail["fieldViolations"][1]["field"], "message.role");
    }

    #[test]
    fn the_table_keeps_to_the_protocol() {
        let rows = [
            (Fault::task_not_found("x"), -32001, 404, "TASK_NOT_FOUND"),
            (
                Fault::not_cancelable(&id("t"), "TASK_STATE_FAILED"),
                -32002,
                400,
                "TASK_NOT_CANCELABLE",
            ),
            (
                Fault::unsupported("no"),
                -32004,
                400,
                "UNSUPPORTED_OPERATION",
            ),
            (
                Fault::content_type("text/plain"),
                -32005,
                400,
                "CONTENT_TYPE_NOT_SUPPORTED",
            ),
            (Fault::version(""), -32009, 400, "VERSION_NOT_SUPPORTED"),
        ];
        for (fault, code, status, reason) in rows {
            let rpc = fault.to_json_rpc();
            assert_eq!((rpc.code, fault.http_status()), (code, status));
            let info = &rpc.data.expect("details")[0];
            assert_eq!(info["reason"], reason);
            assert_eq!(info["domain"], "a2a-protocol.org");
        }
    }
}
