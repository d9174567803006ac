//! What a request must pass before any handler sees it.
//!
//! Owns: the order: host, origin, content type, token, size, depth. What fails costs no more than its head.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use fleet_a2a::contract::MAX_MESSAGE_BYTES;
use fleet_a2a::ext::{dispatch, events};
use fleet_a2a::rpc::{Fault, FaultKind};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::App;
use super::check;
use super::reply::{Binding, fault_with};

/// A body must be complete in this time; a message of 1 MiB on a poor line takes seconds.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Why a request goes no further.
#[derive(Debug)]
enum Stop {
    Host,
    Origin,
    ContentType(String),
    Token,
    Size,
    Slow,
    Depth,
    Broken,
}

/// Checks, reads the body, passes on, and finishes the answer's headers.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let binding = Binding::of(parts.uri.path());
    let wants_a2a = names_a2a_json(&parts) && binding == Binding::Rest;
    let activated = activated(&parts);
    let mut response = match admit(&app, &parts, body).await {
        Ok(bytes) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Err(stop) => refuse(binding, &stop),
    };
    let headers = response.headers_mut();
    if wants_a2a
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|given| given == "application/json")
    {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/a2a+json"),
        );
    }
    if let Some(activated) = activated {
        headers.insert("a2a-extensions", activated);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn admit(app: &App, parts: &Parts, body: Body) -> Result<Bytes, Stop> {
    if !app.hosts.admit(parts) {
        return Err(Stop::Host);
    }
    if parts.headers.contains_key(header::ORIGIN) {
        return Err(Stop::Origin);
    }
    let path = parts.uri.path();
    if matches!(path, "/health" | "/.well-known/agent-card.json") {
        return Ok(Bytes::new());
    }
    if needs_json(parts) && !check::is_json(&parts.headers) {
        let given = parts.headers.get(header::CONTENT_TYPE);
        let given = given
            .and_then(|value| value.to_str().ok())
            .unwrap_or("(none)");
        return Err(Stop::ContentType(given.to_owned()));
    }
    if !app.token_hash.admit(&parts.headers) {
        return Err(Stop::Token);
    }
    let bytes = read(body).await?;
    if check::is_shallow(&bytes) {
        Ok(bytes)
    } else {
        Err(Stop::Depth)
    }
}

/// Bodies must be JSON; cancel and subscribe have none, and then no type either.
fn needs_json(parts: &Parts) -> bool {
    let may_be_bare = parts.uri.path().starts_with("/tasks/");
    parts.method == Method::POST
        && (!may_be_bare || parts.headers.contains_key(header::CONTENT_TYPE))
}

async fn read(body: Body) -> Result<Bytes, Stop> {
    let collected =
        tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_MESSAGE_BYTES).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Stop::Size),
        Ok(Err(_)) => Err(Stop::Broken),
        Err(_) => Err(Stop::Slow),
    }
}

fn refuse(binding: Binding, stop: &Stop) -> Response {
    let invalid = |message: &str| Fault::new(FaultKind::InvalidRequest, message);
    let (status, fault) = match stop {
        Stop::Host => (
            StatusCode::FORBIDDEN,
            invalid(
                "this receiver is not known under the host name in the request; use the address of its card",
            ),
        ),
        Stop::Origin => (
            StatusCode::FORBIDDEN,
            invalid("requests from web pages are not taken"),
        ),
        Stop::ContentType(given) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::content_type(given),
        ),
        Stop::Token => (
            StatusCode::UNAUTHORIZED,
            invalid("the bearer token is missing or wrong; send `Authorization: Bearer <token>`"),
        ),
        Stop::Size => (
            StatusCode::PAYLOAD_TOO_LARGE,
            invalid("the body is over 1 MiB, the most that is taken"),
        ),
        Stop::Slow => (
            StatusCode::REQUEST_TIMEOUT,
            invalid("the body was not complete within 10 s"),
        ),
        Stop::Depth => (
            StatusCode::BAD_REQUEST,
            invalid("the body is nested deeper than 64 levels, the most that is taken"),
        ),
        Stop::Broken => (
            StatusCode::BAD_REQUEST,
            invalid("the body could not be read"),
        ),
    };
    let mut response = fault_with(binding, status, &fault);
    if matches!(stop, Stop::Token) {
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn names_a2a_json(parts: &Parts) -> bool {
    [header::ACCEPT, header::CONTENT_TYPE].iter().any(|name| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains("application/a2a+json"))
    })
}

/// The extensions of ours that a request asks for: those it gets.
fn activated(parts: &Parts) -> Option<HeaderValue> {
    let mut ours = Vec::new();
    for value in parts.headers.get_all("a2a-extensions") {
        for uri in value.to_str().unwrap_or("").split(',').map(str::trim) {
            if [dispatch::URI, events::URI].contains(&uri) && !ours.contains(&uri) {
                ours.push(uri);
            }
        }
    }
    HeaderValue::from_str(&ours.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}
