use super::*;
use crate::client::{Dialect, PeerCard};
use crate::ids::{ContextId, MessageId, TaskId};
use crate::types::{Message, Part, Role};
use serde_json::json;

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

pub(super) fn validated(value: Value) -> Result<Contract, ContractError> {
    let (peers, hosts) = (
        names(&["app", "lint"]),
        names(&["hooks.example.com", "10.0.0.5:9220"]),
    );
    let rules = ContractRules {
        default_deadline_s: 900,
        peers: &peers,
        hosts: &hosts,
    };
    RawContract::from_value(value)
        .map_err(|violations| ContractError { violations })?
        .validate(&rules)
}

pub(super) fn contract(value: Value) -> Contract {
    validated(value).expect("a good contract")
}

/// The one violation of a contract that is wrong in one way.
#[allow(
    clippy::needless_pass_by_value,
    reason = "json! reads better in a call"
)]
fn only_violation(value: Value) -> Violation {
    let error = validated(value.clone()).expect_err("a wrong contract");
    assert_eq!(error.violations.len(), 1, "{value}: {error}");
    error.violations[0].clone()
}

#[test]
fn each_wrong_contract_is_one_clear_sentence() {
    let with = |key: &str, value: Value| {
        let mut contract = json!({"instruction": "do it"});
        contract[key] = value;
        contract
    };
    let output = |key: &str, value: Value| with("expected_output", json!({ key: value }));
    let table = [
        (with("instruction", json!("")), "instruction", "empty text"),
        (
            with("instruction", json!(" \n\t")),
            "instruction",
            "only white space",
        ),
        (json!({"context": "x"}), "instruction", "nothing"),
        (with("deadline_s", json!(0)), "deadline_s", "0"),
        (with("deadline_s", json!(1e9)), "deadline_s", "1000000000.0"),
        (with("deadline_s", json!("soon")), "deadline_s", "\"soon\""),
        (with("deadline_s", json!(1.5)), "deadline_s", "1.5"),
        (with("deadline_s", json!(-3)), "deadline_s", "-3"),
        (with("reply_to", json!("nobody")), "reply_to", "\"nobody\""),
        (
            with("reply_to", json!("https://evil.example/x")),
            "reply_to",
            "\"https://evil.example/x\"",
        ),
        (
            with("reply_to", json!("ftp://hooks.example.com/")),
            "reply_to",
            "\"ftp://hooks.example.com/\"",
        ),
        (
            with("reply_to", json!("https://u:pw@hooks.example.com/")),
            "reply_to",
            "a URL with a user name, a password or a fragment",
        ),
        (
            output("schema", json!("no schema")),
            "expected_output.schema",
            "\"no schema\"",
        ),
        (
            output(
                "checks",
                json!([{"min_chars": 3}, {"matches": "(unclosed"}]),
            ),
            "expected_output.checks[1].matches",
            "\"(unclosed\" (unclosed group)",
        ),
        (
            output("checks", json!([{"matches": "a", "min_chars": 3}])),
            "expected_output.checks[0]",
            "an object with 2 keys",
        ),
        (
            with("context", json!("x".repeat(MAX_BRIEF_BYTES))),
            "context",
            "262146 bytes when encoded",
        ),
        (with("context", json!(5)), "context", "5"),
        (
            with("context", json!({"files": []})),
            "context.text",
            "nothing",
        ),
        (
            with("context", json!({"text": "", "files": [1]})),
            "context.files[0]",
            "1",
        ),
        (
            with("context", json!({"text": "", "notes": 1})),
            "context.\"notes\"",
            "1",
        ),
        (
            output("format", json!("yaml")),
            "expected_output.format",
            "\"yaml\"",
        ),
        (
            with("expected_output", json!([])),
            "expected_output",
            "a list of 0",
        ),
        (
            with("expected_output", json!({"schema": {}, "format": "text"})),
            "expected_output.format",
            "another form beside a schema",
        ),
    ];
    for (value, field, held) in table {
        let violation = only_violation(value);
        assert_eq!(
            (violation.field.as_str(), violation.held.as_str()),
            (field, held)
        );
        let sentence = violation.to_string();
        assert!(
            sentence.contains("; it takes ") && sentence.ends_with('.'),
            "{sentence}"
        );
        assert!(
            sentence.len() < 400 && !sentence.contains('\n'),
            "{sentence}"
        );
    }
}

#[test]
fn a_schema_that_is_no_schema_is_refused() {
    let schema = |schema: Value| {
        let value = json!({"instruction": "x", "expected_output": {"schema": schema}});
        only_violation(value).held
    };
    let no_schema = schema(json!({"type": "strnig"}));
    assert!(
        no_schema.starts_with("a schema that is no schema ("),
        "{no_schema}"
    );
    let remote = schema(json!({"$ref": "https://evil.example/s.json"}));
    assert_eq!(remote, "a reference to \"https://evil.example/s.json\"");
    assert!(schema(json!({"pattern": "(?=look)around"})).starts_with("a schema that is no schema"));
    assert!(
        schema(json!({"properties": {"a": {"$ref": "#/$defs/none"}}}))
            .starts_with("a schema that is no schema")
    );
    assert!(schema(json!({"const": "x".repeat(MAX_SCHEMA_BYTES)})).ends_with("bytes when encoded"));
    let hidden = json!({"properties": {"a": {"$id": "urn:x", "allOf": [{"$ref": "#"}]}}});
    assert_eq!(schema(hidden), "a subschema with the id \"urn:x\"");
    let mut deep = json!({});
    for _ in 0..70 {
        deep = json!({"not": deep});
    }
    assert_eq!(schema(deep), "a schema nested too deep");
}

#[test]
fn references_that_never_end_are_refused_and_trees_are_not() {
    let looping = [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"properties": {"a": {"$ref": "#/properties/a"}}}),
        json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
        json!({"$defs": {"a": {"$anchor": "me", "$ref": "#me"}}, "items": {"$ref": "#/$defs/a"}}),
    ];
    for schema in looping {
        let value = json!({"instruction": "x", "expected_output": {"schema": schema}});
        assert_eq!(
            only_violation(value).held,
            "references that lead back to themselves"
        );
    }
    let tree = json!({
        "type": "object",
        "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    });
    let good = contract(json!({"instruction": "x", "expected_output": {"schema": tree}}));
    let reply = r#"{"value": 1, "children": [{"value": 2, "children": []}]}"#;
    assert_eq!(check_reply(&good, reply), Verdict::Verified);
}

#[test]
fn every_wrong_field_is_listed_at_once() {
    let error = validated(json!({
        "instruction": "", "deadline_s": 0, "reply_to": "nobody",
        "expected_output": {"format": "yaml", "checks": [{"matches": "("}], "extra": 1},
    }))
    .expect_err("all wrong");
    let fields: Vec<_> = error.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "instruction",
            "expected_output.format",
            "expected_output.checks[0].matches",
            "expected_output.\"extra\"",
            "reply_to",
            "deadline_s",
        ]
    );
    assert_eq!(error.to_string().lines().count(), 6);
}

#[test]
fn unknown_keys_are_refused_by_name() {
    let error =
        validated(json!({"instruction": "x", "deadline": 5, "budget": {}})).expect_err("unknown");
    let text = error.to_string();
    assert!(text.contains("\"deadline\" held 5"), "{text}");
    assert!(text.contains("\"budget\""), "{text}");
    assert!(validated(json!("do it")).is_err());
}

#[test]
fn good_contracts_are_taken_as_they_are() {
    let minimal = contract(json!({"instruction": "do it"}));
    assert_eq!(minimal.deadline_s, 900);
    assert_eq!(minimal.reply_to, ReplyTo::Console);
    let full = json!({
        "instruction": "do it",
        "context": {"text": "why", "files": ["a.rs"], "constraints": ["no unsafe"]},
        "expected_output": {"description": "a list", "schema": {"type": "array"}, "checks": [{"min_chars": 2.0}]},
        "reply_to": "app",
        "deadline_s": 900.0,
    });
    let full = contract(full);
    assert_eq!(full.reply_to, ReplyTo::Peer("app".to_owned()));
    assert_eq!(full.deadline_s, 900);
    for url in [
        "https://HOOKS.example.com/x?y=1",
        "http://10.0.0.5:9220/jsonrpc",
    ] {
        let good = contract(json!({"instruction": "x", "reply_to": url}));
        assert_eq!(good.reply_to, ReplyTo::Url(url.to_owned()));
    }
    assert!(validated(json!({"instruction": "x", "reply_to": "http://10.0.0.5:1/"})).is_err());
    let empty = contract(json!({"instruction": "x", "context": null, "deadline_s": null}));
    assert_eq!(empty.context, None);
}

pub(super) fn card(lists_dispatch: bool) -> PeerCard {
    PeerCard {
        name: "p".to_owned(),
        dialect: Dialect::V1,
        streaming: true,
        lists_dispatch,
        raw: Value::Null,
    }
}

pub(super) fn encoded(contract: &Contract, card: &PeerCard) -> Result<Message, ContractError> {
    let (message_id, context_id) = (MessageId::mint(), ContextId::mint());
    encode_message(
        contract,
        &Outbound {
            card,
            message_id: &message_id,
            context_id: Some(&context_id),
            grant: Some(crate::ext::Grant {
                tokens: Some(50_000.0),
                turns: Some(1.0),
                cost_usd: None,
            }),
            remaining_s: contract.deadline_s,
            default_deadline_s: 900,
        },
    )
}

#[test]
fn a_peer_that_lists_the_extension_gets_data_and_any_other_gets_text() {
    let full = contract(json!({
        "instruction": "do it", "context": "because", "expected_output": "a list", "deadline_s": 60,
    }));
    let ours = encoded(&full, &card(true)).expect("encodes");
    let wire = serde_json::to_value(&ours).expect("JSON");
    assert_eq!(wire["parts"][0], json!({"text": "do it"}));
    assert_eq!(
        wire["parts"][1]["data"],
        json!({"context": "because", "expected_output": "a list"})
    );
    assert_eq!(wire["parts"][1]["mediaType"], "application/json");
    let control = &wire["metadata"]["urn:a2a-fleet:dispatch:v1"];
    assert_eq!(control["deadline_s"], 60.0);
    assert_eq!(control["grant"], json!({"tokens": 50000.0, "turns": 1.0}));
    assert!(
        ours.extensions
            .expect("listed")
            .contains(&crate::ext::dispatch::URI.to_owned())
    );

    let foreign = encoded(&full, &card(false)).expect("encodes");
    assert_eq!(foreign.parts.len(), 1);
    assert_eq!((foreign.metadata, foreign.extensions), (None, None));
    let text = foreign.parts[0].as_text().expect("text");
    for given in ["do it", "because", "a list", "60 seconds"] {
        assert!(text.contains(given), "{given}: {text}");
    }
    let bare = encoded(&contract(json!({"instruction": "do it"})), &card(false)).expect("encodes");
    assert_eq!(bare.parts[0].as_text(), Some("do it"));
}

#[test]
fn a_message_past_the_limit_is_refused() {
    let big = contract(json!({"instruction": "x".repeat(MAX_MESSAGE_BYTES)}));
    for card in [card(true), card(false)] {
        let error = encoded(&big, &card).expect_err("too large");
        assert!(
            error
                .to_string()
                .contains("bytes when encoded; it takes at most"),
            "{error}"
        );
    }
}

fn plain(parts: Vec<Part>) -> Message {
    Message::new(Role::User, parts)
}

#[test]
fn a_foreign_caller_needs_no_extension() {
    let message = plain(vec![
        Part::text("hi"),
        Part::data(json!({"n": 1})),
        Part::url("https://a.b/c"),
    ]);
    let got = Contract::from_message(&message, 600).expect("a dispatch");
    assert_eq!(got.caller, Caller::Foreign);
    assert_eq!(got.contract.instruction, "hi\n\n{\"n\":1}\n\nhttps://a.b/c");
    assert_eq!(got.contract.deadline_s, 600);
    assert!(Contract::from_message(&plain(vec![Part::text("  ")]), 600).is_err());
    let file = plain(vec![Part::text("hi"), Part::raw(vec![1, 2])]);
    let error = Contract::from_message(&file, 600).expect_err("a file");
    assert_eq!(error.violations[0].field, "message.parts[1]");
}

#[test]
fn a_receiver_names_the_wrong_fields_as_on_the_wire() {
    let mut message =
        encoded(&contract(json!({"instruction": "x"})), &card(true)).expect("encodes");
    message.parts.push(Part::data(
        json!({"context": 5, "expected_output": {"format": "yaml"}, "more": 1}),
    ));
    let control =
        json!({"deadline_s": "soon", "reply_to": "https://u:p@h/", "grant": {"tokens": -1}});
    message.metadata = Some([(crate::ext::dispatch::URI.to_owned(), control)].into());
    let error = Contract::from_message(&message, 600).expect_err("all wrong");
    let fields: Vec<_> = error.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "message.parts[1].data.context",
            "message.parts[1].data.expected_output.format",
            "message.parts[1].data.\"more\"",
            "message.metadata.urn:a2a-fleet:dispatch:v1.deadline_s",
            "message.metadata.urn:a2a-fleet:dispatch:v1.reply_to",
            "message.metadata.urn:a2a-fleet:dispatch:v1.grant.tokens",
        ]
    );
}

#[test]
fn an_answer_goes_to_its_task_and_is_read_back() {
    use crate::ext::{Answer, Decision, PermissionAnswer, answer_of};
    let answer = PermissionAnswer {
        request_id: "r1".to_owned(),
        decision: Decision::Deny,
        reason: Some("not there".to_owned()),
        answers: Vec::new(),
    };
    let (task, id) = (TaskId::mint(), MessageId::mint());
    let message = answer_message(&task, None, &id, &answer);
    assert_eq!(message.task_id.as_deref(), Some(task.as_str()));
    assert_eq!(message.message_id, id.to_string());
    assert_eq!(answer_of(&message), Some(Answer::Named(answer)));
}

#[test]
fn a_schema_that_doubles_at_each_step_is_refused() {
    let mut defs = serde_json::Map::new();
    for level in 0..200 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        defs.insert(format!("l{level}"), json!({"allOf": [next, next]}));
    }
    defs.insert("l200".to_owned(), json!({}));
    let schema = json!({"$defs": defs, "$ref": "#/$defs/l0"});
    let value = json!({"instruction": "x", "expected_output": {"schema": schema}});
    assert_eq!(only_violation(value).held, "references that multiply");
}
