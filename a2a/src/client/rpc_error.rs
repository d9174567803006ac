//! Errors that a peer answered in the protocol's own form, from either binding.
//!
//! Owns: the reading of JSON-RPC and REST error bodies with their details. Does not own: failures of the transport.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::types::{FieldViolation, error_code};

/// The domain of our own ErrorInfo reasons.
pub const FLEET_DOMAIN: &str = "a2a-fleet";
/// The domain of the protocol's reasons.
const PROTOCOL_DOMAIN: &str = "a2a-protocol.org";
/// Our reason for -32001 on a busy context.
pub const DUPLICATE_DISPATCH: &str = "DUPLICATE_DISPATCH";

/// Which call an error answers; what -32001 means depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A message that names no task.
    Send,
    /// A message that goes on with a task.
    SendToTask,
    /// GetTask.
    Get,
    /// ListTasks.
    List,
    /// CancelTask.
    Cancel,
    /// SubscribeToTask.
    Subscribe,
}

/// `google.rpc.ErrorInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorInfo {
    /// Upper-case word.
    pub reason: String,
    /// Who defines the reason.
    pub domain: String,
    /// What belongs to it; values that are no text are kept as JSON.
    pub metadata: BTreeMap<String, String>,
}

/// An error that the peer answered.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// Which call it answers.
    pub call: Call,
    /// The HTTP status it came with.
    pub status: u16,
    /// The JSON-RPC code; for REST the code that its reason stands for.
    pub code: i32,
    /// The peer's words: untrusted text.
    pub message: String,
    /// The first ErrorInfo, when there is one.
    pub info: Option<ErrorInfo>,
    /// The fields of BadRequest.
    pub violations: Vec<FieldViolation>,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.message, self.code)?;
        if let Some(info) = &self.info {
            write!(f, " {}", info.reason)?;
        }
        write!(f, ")")?;
        for violation in &self.violations {
            write!(f, "; {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl RpcError {
    /// Reads the `error` of a JSON-RPC or REST body; `None` when it is neither.
    pub(super) fn read(call: Call, status: u16, error: &Value) -> Option<Self> {
        let map = error.as_object()?;
        let message = map.get("message").and_then(Value::as_str).unwrap_or("");
        let details = match map.get("data").or_else(|| map.get("details")) {
            Some(Value::Array(details)) => details.as_slice(),
            Some(_) | None => &[],
        };
        let info = details.iter().find_map(error_info);
        let number = map.get("code").and_then(Value::as_i64)?;
        let code = if number < 0 {
            i32::try_from(number).ok()?
        } else {
            rest_code(status, info.as_ref())
        };
        Some(Self {
            call,
            status,
            code,
            message: message.to_owned(),
            info,
            violations: details.iter().flat_map(violations).collect(),
        })
    }
}

/// REST carries HTTP codes; the JSON-RPC code follows from the reason, else from the status.
fn rest_code(status: u16, info: Option<&ErrorInfo>) -> i32 {
    let reason = info.map_or("", |info| info.reason.as_str());
    match reason {
        "TASK_NOT_FOUND" | DUPLICATE_DISPATCH => error_code::TASK_NOT_FOUND,
        "TASK_NOT_CANCELABLE" => error_code::TASK_NOT_CANCELABLE,
        "PUSH_NOTIFICATION_NOT_SUPPORTED" => error_code::PUSH_NOTIFICATION_NOT_SUPPORTED,
        "UNSUPPORTED_OPERATION" => error_code::UNSUPPORTED_OPERATION,
        "CONTENT_TYPE_NOT_SUPPORTED" => error_code::CONTENT_TYPE_NOT_SUPPORTED,
        "VERSION_NOT_SUPPORTED" => error_code::VERSION_NOT_SUPPORTED,
        "EXTENSION_SUPPORT_REQUIRED" => error_code::EXTENSION_SUPPORT_REQUIRED,
        _ if status == 400 => error_code::INVALID_PARAMS,
        _ => error_code::INTERNAL_ERROR,
    }
}

fn error_info(detail: &Value) -> Option<ErrorInfo> {
    let map = detail.as_object()?;
    let reason = map.get("reason")?.as_str()?.to_owned();
    let domain = map.get("domain").and_then(Value::as_str).unwrap_or("");
    let metadata = match map.get("metadata") {
        Some(Value::Object(metadata)) => texts(metadata),
        Some(_) | None => BTreeMap::new(),
    };
    Some(ErrorInfo {
        reason,
        domain: domain.to_owned(),
        metadata,
    })
}

fn texts(map: &Map<String, Value>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (key.clone(), text)
        })
        .collect()
}

fn violations(detail: &Value) -> Vec<FieldViolation> {
    detail
        .get("fieldViolations")
        .and_then(Value::as_array)
        .map(|all| {
            all.iter()
                .filter_map(|v| serde_json::from_value(v.clone()).ok())
                .collect()
        })
        .unwrap_or_default()
}

/// What -32001 means, in the order that holds over all peers: a trusted reason, then what the call can mean at all,
/// then the words.
pub(super) fn is_busy(error: &RpcError) -> bool {
    if let Some(info) = &error.info {
        if info.domain == FLEET_DOMAIN {
            return info.reason == DUPLICATE_DISPATCH;
        }
        if info.domain == PROTOCOL_DOMAIN {
            return false;
        }
    }
    if error.code != error_code::TASK_NOT_FOUND {
        return false;
    }
    match error.call {
        Call::Send => true,
        Call::SendToTask => {
            let words = error.message.to_ascii_lowercase();
            ["duplicate", "busy", "in flight"]
                .iter()
                .any(|word| words.contains(word))
        }
        Call::Get | Call::List | Call::Cancel | Call::Subscribe => false,
    }
}
