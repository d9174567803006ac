//! The agent card.
//!
//! Owns: what it says, strictly A2A 1.0, and its caching. It is public: it holds nothing that only the owner may know.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use fleet_a2a::ext::{dispatch, events};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::App;
use super::reply::json_body;
use crate::Mode;
use crate::folder::ReadinessWord;

/// How long a card may be kept, in seconds: short, because it tells whether the agent can work.
const MAX_AGE_S: u32 = 60;

/// GET /.well-known/agent-card.json.
pub(super) async fn card(State(app): State<App>, headers: HeaderMap) -> Response {
    let card = card_of(&app);
    let hash = Sha256::digest(card.to_string().as_bytes());
    let hash: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{hash}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.contains(&tag)) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json_body(StatusCode::OK, &card)
    };
    let texts = [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={MAX_AGE_S}"),
        ),
        (header::ETAG, tag),
        (header::LAST_MODIFIED, http_date(app.started_at_ms)),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn card_of(app: &App) -> Value {
    let config = &app.registry.shared().config;
    let mut description = format!("{} behind A2A, hosted by fleet.", agent_name(config.mode));
    let state = app.agent.borrow().clone();
    let (word, detail, remedy) = state.verdict();
    if word != ReadinessWord::Ready && word != ReadinessWord::Checking {
        description.push_str(&format!(" It cannot work now: {detail}. Remedy: {remedy}."));
    }
    let extension = |uri: &str, description: &str| json!({"uri": uri, "description": description, "required": false});
    let interface = |url: String, binding: &str| json!({"url": url, "protocolBinding": binding, "protocolVersion": "1.0"});
    json!({
        "name": config.peer,
        "description": description,
        "version": crate::version(),
        "supportedInterfaces": [
            interface(format!("{}/jsonrpc", app.url), "JSONRPC"),
            interface(app.url.clone(), "HTTP+JSON"),
        ],
        "capabilities": {
            "streaming": true,
            "pushNotifications": false,
            "extendedAgentCard": false,
            "extensions": [
                extension(dispatch::URI, "Deadline, grant, brief and expected output of a dispatch; sends are idempotent by messageId."),
                extension(events::URI, "Tool calls, thoughts, permission requests and the reason of an end, as data parts of status messages."),
            ],
        },
        "securitySchemes": {"bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
        "securityRequirements": [{"schemes": {"bearer": {"list": []}}}],
        "defaultInputModes": ["text/plain", "application/json"],
        "defaultOutputModes": ["text/plain", "application/json"],
        "skills": [{
            "id": "work",
            "name": format!("Work in {}", config.repo.file_name().map_or_else(|| "its repo".into(), |name| name.to_string_lossy())),
            "description": "Takes an instruction in plain text, works on it in its repo, and replies in text.",
            "tags": ["coding", config.mode.word()],
        }],
    })
}

fn agent_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Cc => "Claude Code",
        Mode::Oc => "OpenCode",
        Mode::Codex => "Codex CLI",
        Mode::Agy => "Google Antigravity CLI",
        Mode::Hermes => "Hermes agent",
        Mode::Exec => "A command",
        Mode::Echo => "An echo",
    }
}

/// As HTTP writes dates: `Sat, 31 Jan 2026 12:00:00 GMT`.
fn http_date(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(
            super::http_date(784_111_777_000),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }
}
