//! Tests of cards: dialects, origins, and what is refused.

use super::*;
use serde_json::json;

fn url(text: &str) -> Url {
    text.parse().expect("a url")
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "json! reads better in a call"
)]
fn card(interfaces: Value) -> Value {
    json!({
        "name": "echo", "version": "1", "supportedInterfaces": interfaces,
        "capabilities": {"streaming": true, "extensions": [{"uri": "urn:a2a-fleet:dispatch:v1"}]},
    })
}

fn interface(binding: &str, url: &str) -> Value {
    json!({"url": url, "protocolBinding": binding, "protocolVersion": "1.0"})
}

#[test]
fn the_interfaces_of_a_card_become_an_endpoint() {
    let base = url("http://127.0.0.1:9390");
    let card = card(json!([
        interface("GRPC", "http://127.0.0.1:9391"),
        interface("HTTP+JSON", "http://127.0.0.1:9390/"),
        interface("JSONRPC", "http://127.0.0.1:9390/jsonrpc"),
    ]));
    let token = Secret::new("t");
    let endpoint = endpoint_of_card(card, &base, Some(&token)).expect("usable");
    assert_eq!(endpoint.rpc_url.as_str(), "http://127.0.0.1:9390/jsonrpc");
    assert_eq!(
        endpoint.rest_url.expect("REST").as_str(),
        "http://127.0.0.1:9390/"
    );
    assert!(endpoint.card.lists_dispatch && endpoint.card.streaming);
    assert_eq!(endpoint.card.dialect, Dialect::V1);
}

#[test]
fn a_token_never_goes_to_another_origin() {
    let base = url("http://127.0.0.1:9390");
    let token = Secret::new("t");
    for other in [
        "http://127.0.0.1:9391/jsonrpc",
        "https://127.0.0.1:9390/jsonrpc",
        "http://evil.example:9390/jsonrpc",
        "http://127.0.0.1.evil.example:9390/",
        "//evil.example/jsonrpc",
    ] {
        let card = card(json!([interface("JSONRPC", other)]));
        let error = endpoint_of_card(card.clone(), &base, Some(&token)).expect_err(other);
        assert!(
            matches!(error, ClientError::Unusable(_)),
            "{other}: {error}"
        );
        assert!(error.to_string().contains("was not sent"), "{error}");
        assert!(endpoint_of_card(card, &base, None).is_ok(), "{other}");
    }
    let mixed = card(json!([
        interface("JSONRPC", "/jsonrpc"),
        interface("HTTP+JSON", "http://evil.example/"),
    ]));
    let endpoint = endpoint_of_card(mixed, &base, Some(&token)).expect("usable");
    assert_eq!(endpoint.rest_url, None);
}

#[test]
fn what_an_agent_bound_is_where_we_found_it() {
    let base = url("http://127.0.0.1:9999");
    let token = Secret::new("t");
    for advertised in [
        "http://0.0.0.0:9999/",
        "http://localhost:9999/",
        "http://[::1]:9999/",
    ] {
        let card = card(json!([interface("JSONRPC", advertised)]));
        let endpoint = endpoint_of_card(card, &base, Some(&token)).expect(advertised);
        assert_eq!(endpoint.rpc_url.as_str(), "http://127.0.0.1:9999/");
    }
}

#[test]
fn credentials_and_other_schemes_in_a_card_are_not_used() {
    let base = url("http://127.0.0.1:1");
    let card_with = |text: &str| card(json!([interface("JSONRPC", text)]));
    let endpoint =
        endpoint_of_card(card_with("http://u:p@127.0.0.1:1/x"), &base, None).expect("usable");
    assert_eq!(endpoint.rpc_url.as_str(), "http://127.0.0.1:1/x");
    let error = endpoint_of_card(card_with("file:///etc/passwd"), &base, None).expect_err("no");
    assert!(
        error.to_string().contains("no JSON-RPC interface"),
        "{error}"
    );
}

#[test]
fn a_card_betrays_its_dialect() {
    let base = url("http://127.0.0.1:9310");
    let read = |text: &str| {
        let card = serde_json::from_str(text).expect("JSON");
        endpoint_of_card(card, &base, None).expect("usable")
    };
    let hermes = read(include_str!("../../tests/fixtures/hermes_card.json"));
    assert_eq!(hermes.card.dialect, Dialect::Hermes);
    assert_eq!(hermes.rpc_url.as_str(), "http://127.0.0.1:9310/jsonrpc");
    let old = read(include_str!("../../tests/fixtures/v03_card.json"));
    assert_eq!(old.card.dialect, Dialect::V03);
    assert!(!old.card.lists_dispatch);
}

#[test]
fn what_is_no_card_is_refused() {
    let base = url("http://127.0.0.1:1");
    assert!(endpoint_of_card(json!([]), &base, None).is_err());
    assert!(endpoint_of_card(json!({}), &base, None).is_err());
    assert!(endpoint_of_card(card(json!("x")), &base, None).is_err());
}
