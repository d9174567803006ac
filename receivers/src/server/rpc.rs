//! The JSON-RPC binding.
//!
//! Owns: the request's form and the methods' names, those of 0.3 among them. Does not own: what they do.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fleet_a2a::rpc::{Fault, FaultKind};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};

use super::App;
use super::check;
use super::params::{Params, write_token};
use super::reply::{Failed, json_rpc_result};
use super::send;
use super::stream::{self, Envelope};
use crate::registry::Detail;

/// The methods we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Send,
    SendStreaming,
    Get,
    List,
    Cancel,
    Subscribe,
    Push,
    ExtendedCard,
}

impl Method {
    fn of(name: &str) -> Option<Self> {
        match name {
            "SendMessage" | "message/send" => Some(Self::Send),
            "SendStreamingMessage" | "message/stream" => Some(Self::SendStreaming),
            "GetTask" | "tasks/get" => Some(Self::Get),
            "ListTasks" | "tasks/list" => Some(Self::List),
            "CancelTask" | "tasks/cancel" => Some(Self::Cancel),
            "SubscribeToTask" | "tasks/resubscribe" => Some(Self::Subscribe),
            "CreateTaskPushNotificationConfig"
            | "GetTaskPushNotificationConfig"
            | "ListTaskPushNotificationConfigs"
            | "DeleteTaskPushNotificationConfig"
            | "tasks/pushNotificationConfig/set"
            | "tasks/pushNotificationConfig/get"
            | "tasks/pushNotificationConfig/list"
            | "tasks/pushNotificationConfig/delete" => Some(Self::Push),
            "GetExtendedAgentCard" | "agent/getAuthenticatedExtendedCard" => {
                Some(Self::ExtendedCard)
            }
            _ => None,
        }
    }
}

/// A request that was read.
#[derive(Debug)]
struct Call {
    id: Value,
    method: String,
    params: Value,
}

/// A body that is no request, and the id as far as there is one.
#[derive(Debug)]
struct Unread {
    id: Value,
    fault: Fault,
}

fn unread(id: Value, kind: FaultKind, text: String) -> Box<Unread> {
    Box::new(Unread {
        id,
        fault: Fault::new(kind, text),
    })
}

/// POST /jsonrpc.
pub(super) async fn jsonrpc(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // The guard has read it: it is in memory.
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let call = match read(&bytes) {
        Ok(call) => call,
        Err(unread) => return Failed::from(unread.fault).json_rpc(&unread.id),
    };
    let id = call.id.clone();
    if let Err(given) = check::version(&parts) {
        return Failed::from(Fault::version(&given)).json_rpc(&id);
    }
    match answer(&app, &parts.headers, call).await {
        Ok(response) => response,
        Err(failed) => failed.json_rpc(&id),
    }
}

fn read(bytes: &[u8]) -> Result<Call, Box<Unread>> {
    let body: Value = serde_json::from_slice(bytes).map_err(|error| {
        let text = format!("the body is not JSON: {error}");
        unread(Value::Null, FaultKind::Parse, text)
    })?;
    let invalid = |id: Value, text: &str| unread(id, FaultKind::InvalidRequest, text.to_owned());
    let Value::Object(mut map) = body else {
        return Err(invalid(
            Value::Null,
            "the body is no JSON-RPC request object; batches are not taken",
        ));
    };
    let id = id_of(&map).map_err(|text| invalid(Value::Null, text))?;
    if map.get("jsonrpc") != Some(&json!("2.0")) {
        return Err(invalid(id, "jsonrpc must be \"2.0\""));
    }
    let Some(Value::String(method)) = map.remove("method") else {
        return Err(invalid(id, "method must be a text"));
    };
    Ok(Call {
        id,
        method,
        params: map.remove("params").unwrap_or_default(),
    })
}

fn id_of(map: &Map<String, Value>) -> Result<Value, &'static str> {
    match map.get("id") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(id @ (Value::String(_) | Value::Number(_))) => Ok(id.clone()),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err("id must be a text or a number")
        }
    }
}

async fn answer(app: &App, headers: &HeaderMap, call: Call) -> Result<Response, Failed> {
    let Some(method) = Method::of(&call.method) else {
        let shown = fleet_a2a::contract::shown_text(&call.method);
        return Err(Fault::method_not_found(&shown).into());
    };
    let id = call.id;
    let result = match method {
        Method::Send => send::send(app, send::request(call.params)?).await?,
        Method::SendStreaming => {
            let subscription = send::stream(app, send::request(call.params)?).await?;
            return Ok(stream::response(subscription, Envelope::JsonRpc(id)));
        }
        Method::Subscribe => {
            let task = Params::of(call.params)?.task()?;
            let subscription = app
                .registry
                .subscribe(&task, stream::since(headers)?)
                .await?;
            return Ok(stream::response(subscription, Envelope::JsonRpc(id)));
        }
        Method::Get => {
            let params = Params::of(call.params)?;
            app.registry.task(&params.task()?, params.detail()?).await?
        }
        Method::List => list(app, &Params::of(call.params)?).await?,
        Method::Cancel => cancel(app, &Params::of(call.params)?).await?,
        Method::Push => return Err(send::push_not_supported().into()),
        Method::ExtendedCard => return Err(no_extended_card().into()),
    };
    Ok(json_rpc_result(&id, &result))
}

/// -32007.
pub(super) fn no_extended_card() -> Fault {
    let text = "there is no extended card; the public one says all";
    Fault::new(FaultKind::ExtendedCardNotConfigured, text)
}

/// ListTasks.
pub(super) async fn list(app: &App, params: &Params) -> Result<Value, Failed> {
    let list = params.list()?;
    let page = app
        .registry
        .list(&list.filter, list.after.as_ref(), list.size, list.detail)
        .await?;
    Ok(json!({
        "tasks": page.tasks,
        "nextPageToken": page.next.as_ref().map(write_token).unwrap_or_default(),
        "pageSize": list.size,
        "totalSize": page.total,
    }))
}

/// CancelTask.
pub(super) async fn cancel(app: &App, params: &Params) -> Result<Value, Failed> {
    let task = params.task()?;
    app.registry.cancel(&task).await?;
    Ok(app.registry.task(&task, Detail::full(None)).await?)
}
