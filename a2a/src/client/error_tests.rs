//! Tests of what an error says about delivery.

use super::*;
use crate::client::answer::{error_of_body, unwrap};
use crate::client::rpc_error::Call;
use serde_json::{Value, json};

#[allow(
    clippy::needless_pass_by_value,
    reason = "json! reads better in a call"
)]
fn rpc(call: Call, error: Value) -> ClientError {
    let body = json!({"jsonrpc": "2.0", "id": "1", "error": error});
    unwrap(body, call, 200).expect_err("an error")
}

fn http(status: u16, body: &str) -> ClientError {
    error_of_body(body.as_bytes(), status, Call::Send)
}

#[test]
fn what_an_error_says_of_delivery() {
    for status in [401, 403, 429, 503] {
        assert_eq!(
            http(status, "no").delivery(),
            Delivery::NotAccepted,
            "{status}"
        );
    }
    for status in [301, 307, 400, 404, 409, 413] {
        assert_eq!(http(status, "no").delivery(), Delivery::Refused, "{status}");
    }
    for status in [500, 502, 504] {
        assert_eq!(
            http(status, "").delivery(),
            Delivery::PerhapsAccepted,
            "{status}"
        );
    }
    let refused = rpc(Call::Send, json!({"code": -32602, "message": "bad"}));
    assert_eq!(refused.delivery(), Delivery::Refused);
    let broken = ClientError::Closed("reset".to_owned());
    assert_eq!(broken.delivery(), Delivery::PerhapsAccepted);
    let squatter = ClientError::Unproven {
        url: "u".to_owned(),
    };
    assert_eq!(squatter.delivery(), Delivery::NotAccepted);
}

#[test]
fn minus_32001_is_told_apart_by_reason_call_and_words() {
    let info = |domain: &str, reason: &str| {
        json!({"code": -32001, "message": "x", "data": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain,
            "metadata": {"existingTaskId": "t9", "contextId": "c9"}}]})
    };
    let bare = |message: &str| json!({"code": -32001, "message": message});
    let table = [
        (Call::Send, info("a2a-fleet", "DUPLICATE_DISPATCH"), true),
        (
            Call::SendToTask,
            info("a2a-fleet", "DUPLICATE_DISPATCH"),
            true,
        ),
        (
            Call::Send,
            info("a2a-protocol.org", "TASK_NOT_FOUND"),
            false,
        ),
        (Call::Send, bare("whatever"), true),
        (Call::SendToTask, bare("peer Busy on this context"), true),
        (Call::SendToTask, bare("task not found"), false),
        (Call::Get, bare("duplicate dispatch"), false),
        (Call::Cancel, bare("x"), false),
        (Call::Subscribe, bare("x"), false),
    ];
    for (call, error, busy) in table {
        let error = rpc(call, error);
        assert_eq!(error.is_duplicate().is_some(), busy, "{error} {call:?}");
        assert_eq!(error.is_task_not_found(), !busy, "{error} {call:?}");
    }
    let named = rpc(Call::Send, info("a2a-fleet", "DUPLICATE_DISPATCH"));
    let duplicate = named.is_duplicate().expect("a duplicate");
    assert_eq!(duplicate.existing_task_id.as_deref(), Some("t9"));
    assert_eq!(duplicate.context_id.as_deref(), Some("c9"));
}

#[test]
fn the_errors_of_the_original_fleet_are_read() {
    let duplicate: Value = serde_json::from_str(include_str!(
        "../../tests/fixtures/hermes_f2_duplicate.json"
    ))
    .expect("JSON");
    let error = unwrap(duplicate, Call::Send, 200).expect_err("an error");
    assert!(
        error
            .is_duplicate()
            .expect("busy")
            .message
            .starts_with("duplicate dispatch")
    );

    let root: Value = serde_json::from_str(include_str!(
        "../../tests/fixtures/hermes_f3_root_context.json"
    ))
    .expect("JSON");
    let error = unwrap(root, Call::Send, 200).expect_err("an error");
    assert!(error.is_duplicate().is_none());
    assert_eq!(error.delivery(), Delivery::Refused);

    let token = http(401, include_str!("../../tests/fixtures/hermes_f5_401.json"));
    assert!(token.is_unauthenticated());
    assert_eq!(
        token.to_string(),
        r#"HTTP 401: {"error":"invalid bearer token"}"#
    );
    let large = http(413, include_str!("../../tests/fixtures/hermes_f6_413.json"));
    assert_eq!(large.delivery(), Delivery::Refused);
}

#[test]
fn rest_errors_are_read_by_their_reason() {
    let fault = crate::rpc::Fault::task_not_found("t1");
    let error = http(fault.http_status(), &fault.to_rest().to_string());
    assert!(matches!(&error, ClientError::Rpc(e) if e.code == -32001 && e.status == 404));
    let fault =
        crate::rpc::Fault::duplicate(&"t1".parse().expect("id"), &"c1".parse().expect("id"));
    let error = http(fault.http_status(), &fault.to_rest().to_string());
    assert_eq!(
        error
            .is_duplicate()
            .expect("busy")
            .existing_task_id
            .as_deref(),
        Some("t1")
    );
}

#[test]
fn field_violations_are_kept_and_shown() {
    let wrong = [crate::contract::Violation::new(
        "message.role",
        "no known role",
        "ROLE_USER",
    )];
    let error = crate::rpc::Fault::invalid_params(&wrong).to_json_rpc();
    let error = rpc(Call::Send, json!(error));
    let ClientError::Rpc(inner) = &error else {
        panic!("an error of the protocol");
    };
    assert_eq!(inner.violations[0].field, "message.role");
    assert!(
        error
            .to_string()
            .contains("message.role: held no known role"),
        "{error}"
    );
}

#[test]
fn bodies_are_repeated_in_excerpt_only() {
    let error = http(500, &"x".repeat(5000)).to_string();
    assert!(
        error.len() < 400 && error.ends_with("… (5000 bytes)"),
        "{error}"
    );
}
