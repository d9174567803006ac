//! From an agent card to an endpoint.
//!
//! Owns: which interfaces are used, which dialect a card betrays, and the rule that a token never leaves the origin it
//! was given for. Does not own: fetching, see `calls`.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use url::{Host, Url};

use crate::ext;
use crate::normalise;
use crate::types::{AgentCard, AgentInterface};

use super::endpoint::{Dialect, Endpoint, PeerCard, Secret};
use super::error::{ClientError, shown_url};

/// The names that the original fleet's receivers give themselves.
const HERMES_NAMES: [&str; 4] = ["claude-code", "opencode", "codex", "agy"];
/// Tags of its skills.
const HERMES_TAGS: [&str; 2] = ["executor", "v0.1"];

/// An endpoint out of the card found at `base`. With a token, interfaces must be of the same origin as `base`;
/// `0.0.0.0` and other loopback names of the same port count as `base` itself, because agents advertise what they
/// bound.
///
/// # Errors
/// [`ClientError::Protocol`] when it is no card; [`ClientError::Unusable`] when it lists no JSON-RPC interface, or
/// only ones that the token may not be sent to.
pub fn endpoint_of_card(
    card: Value,
    base: &Url,
    token: Option<&Secret>,
) -> Result<Endpoint, ClientError> {
    let parsed = normalise::agent_card(card.clone())
        .map_err(|error| ClientError::Protocol(error.to_string()))?;
    let find = |binding: &str| interface(&parsed, binding, base, token);
    let rpc_url = match find("JSONRPC") {
        Found::Url(url) => url,
        Found::Elsewhere(url) => return Err(elsewhere(&url, base)),
        Found::None => {
            return Err(ClientError::Unusable(format!(
                "The card at {} lists no JSON-RPC interface; fleet speaks A2A over JSON-RPC.",
                shown_url(base)
            )));
        }
    };
    let rest_url = match find("HTTP+JSON") {
        Found::Url(url) => Some(url),
        Found::Elsewhere(_) | Found::None => None,
    };
    let card = peer_card(card, &parsed);
    Ok(Endpoint::new(
        rpc_url,
        rest_url,
        token.cloned(),
        Arc::new(card),
    ))
}

enum Found {
    Url(Url),
    Elsewhere(Url),
    None,
}

/// The first usable interface of a binding; else the first one that the token may not go to.
fn interface(card: &AgentCard, binding: &str, base: &Url, token: Option<&Secret>) -> Found {
    let mut other = Found::None;
    for listed in &card.supported_interfaces {
        if !listed.protocol_binding.eq_ignore_ascii_case(binding) {
            continue;
        }
        let Some(url) = interface_url(listed, base) else {
            continue;
        };
        if token.is_none() || url.origin() == base.origin() {
            return Found::Url(url);
        }
        if matches!(other, Found::None) {
            other = Found::Elsewhere(url);
        }
    }
    other
}

fn interface_url(listed: &AgentInterface, base: &Url) -> Option<Url> {
    let mut url = base.join(&listed.url).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // Credentials in a card are not ours to send.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    let same_port = url.port_or_known_default() == base.port_or_known_default();
    let nearby = is_unspecified(&url) || (is_loopback(&url) && is_loopback(base));
    if same_port && nearby && url.scheme() == base.scheme() {
        url.set_host(base.host_str()).ok()?;
    }
    Some(url)
}

fn ip_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        Host::Domain(_) => None,
    }
}

fn is_unspecified(url: &Url) -> bool {
    ip_of(url).is_some_and(|ip| ip.is_unspecified())
}

fn is_loopback(url: &Url) -> bool {
    url.host_str() == Some("localhost") || ip_of(url).is_some_and(|ip| ip.is_loopback())
}

fn elsewhere(url: &Url, base: &Url) -> ClientError {
    ClientError::Unusable(format!(
        "The card at {} sends callers to {}, and the token is for {} only: it was not sent. Use the other address as \
         the peer's url if it is the right one.",
        shown_url(base),
        shown_url(url),
        base.origin().ascii_serialization(),
    ))
}

fn peer_card(raw: Value, parsed: &AgentCard) -> PeerCard {
    let extensions = parsed
        .capabilities
        .extensions
        .as_deref()
        .unwrap_or_default();
    PeerCard {
        name: parsed.name.clone(),
        dialect: dialect_of(&raw),
        streaming: parsed.capabilities.streaming.unwrap_or(false),
        lists_dispatch: extensions.iter().any(|e| e.uri == ext::dispatch::URI),
        raw,
    }
}

/// Which A2A a card betrays: `supportedInterfaces` is 1.0; else the original fleet's receivers say 1.0 with the fields
/// of 0.3 and are known by name, tags and path; all else with a `url` is 0.3.
fn dialect_of(card: &Value) -> Dialect {
    let text = |key: &str| card.get(key).and_then(Value::as_str).unwrap_or("");
    let interfaces = card.get("supportedInterfaces").and_then(Value::as_array);
    if let Some(interfaces) = interfaces.filter(|all| !all.is_empty()) {
        let old = interfaces.iter().all(|i| {
            let version = i.get("protocolVersion").and_then(Value::as_str);
            version.is_some_and(|v| v.starts_with("0."))
        });
        return if old { Dialect::V03 } else { Dialect::V1 };
    }
    let tagged = card
        .get("skills")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|skill| skill.get("tags")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .any(|tag| HERMES_TAGS.contains(&tag));
    let hermes = text("protocolVersion") == "1.0"
        && text("url").trim_end_matches('/').ends_with("/jsonrpc")
        && (tagged || HERMES_NAMES.contains(&text("name")));
    if hermes {
        Dialect::Hermes
    } else {
        Dialect::V03
    }
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
