//! The HTTP+JSON binding.
//!
//! Owns: its paths. Does not own: what the operations do (see `rpc` and `send`, which both bindings share).

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use fleet_a2a::rpc::{Fault, FaultKind};
use http_body_util::BodyExt;
use serde_json::Value;

use super::App;
use super::check;
use super::params::Params;
use super::reply::{Binding, Failed, fault_with, json_body};
use super::rpc;
use super::send;
use super::stream::{self, Envelope};

/// GET /tasks.
pub(super) async fn list(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    finish(async {
        version(&parts)?;
        let params = Params::of_query(parts.uri.query());
        Ok(json_body(StatusCode::OK, &rpc::list(&app, &params).await?))
    })
    .await
}

/// POST /message:send.
pub(super) async fn send(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = read(request).await;
    finish(async {
        version(&parts)?;
        let sent = send::send(&app, send::request(parse(&body)?)?).await?;
        Ok(json_body(StatusCode::OK, &sent))
    })
    .await
}

/// POST /message:stream.
pub(super) async fn stream(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = read(request).await;
    finish(async {
        version(&parts)?;
        let subscription = send::stream(&app, send::request(parse(&body)?)?).await?;
        Ok(stream::response(subscription, Envelope::Rest))
    })
    .await
}

/// Everything below /tasks/.
pub(super) async fn task(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = read(request).await;
    let path = parts
        .uri
        .path()
        .strip_prefix("/tasks/")
        .unwrap_or("")
        .to_owned();
    let get = parts.method == Method::GET;
    let post = parts.method == Method::POST;
    finish(async {
        version(&parts)?;
        if path.contains("/pushNotificationConfigs") {
            return Err(send::push_not_supported().into());
        }
        match path.rsplit_once(':') {
            Some((id, "subscribe")) if get || post => {
                let task = params(&parts, id).task()?;
                let since = stream::since(&parts.headers)?;
                let subscription = app.registry.subscribe(&task, since).await?;
                Ok(stream::response(subscription, Envelope::Rest))
            }
            Some((id, "cancel")) if post => {
                let task = rpc::cancel(&app, &params(&parts, id)).await?;
                Ok(json_body(StatusCode::OK, &task))
            }
            _ if get => {
                let params = params(&parts, &path);
                let task = app.registry.task(&params.task()?, params.detail()?).await?;
                Ok(json_body(StatusCode::OK, &task))
            }
            _ => Err(no_route(&parts).into()),
        }
    })
    .await
}

/// GET /extendedAgentCard.
pub(super) async fn extended_card() -> Response {
    Failed::from(rpc::no_extended_card()).rest()
}

/// Any other path or method.
pub(super) async fn not_found(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let fault = no_route(&parts);
    fault_with(Binding::of(parts.uri.path()), StatusCode::NOT_FOUND, &fault)
}

fn no_route(parts: &Parts) -> Fault {
    let path = fleet_a2a::contract::shown_text(parts.uri.path());
    let text = format!(
        "there is no {} {path} here; the agent card lists what there is",
        parts.method
    );
    Fault::new(FaultKind::MethodNotFound, text)
}

/// The query, with the id of the path.
fn params(parts: &Parts, id: &str) -> Params {
    // A path is no form: what separates or joins there is part of the id here.
    let id = id.replace('+', "%2B").replace('&', "%26");
    let decoded = url::form_urlencoded::parse(format!("id={id}").as_bytes())
        .next()
        .map(|(_, id)| id.into_owned())
        .unwrap_or_default();
    Params::of_query(parts.uri.query()).with_id(decoded)
}

async fn read(request: Request) -> (Parts, Bytes) {
    let (parts, body) = request.into_parts();
    // The guard has read it: it is in memory.
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    (parts, bytes)
}

fn parse(body: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| Fault::new(FaultKind::Parse, format!("the body is not JSON: {error}")))
}

fn version(parts: &Parts) -> Result<(), Failed> {
    check::version(parts).map_err(|given| Fault::version(&given).into())
}

async fn finish(work: impl Future<Output = Result<Response, Failed>>) -> Response {
    work.await.unwrap_or_else(|failed| failed.rest())
}
