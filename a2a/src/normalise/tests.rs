use super::*;
use crate::contract::Violation;
use crate::types::{Part, PartContent, Role, TaskState};
use proptest::prelude::*;
use serde_json::json;

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).expect("a fixture is JSON")
}

fn events(text: &str) -> Vec<StreamResponse> {
    let Value::Array(all) = fixture(text) else {
        panic!("a list of events");
    };
    all.into_iter()
        .map(|event| stream_response(event, None).expect("an event"))
        .collect()
}

#[test]
fn strict_1_0_passes_unchanged() {
    let body = fixture(include_str!("../../tests/fixtures/v1_task.json"));
    assert_eq!(task_value(body.clone(), None), body);
    let task = task(body, None).expect("a task");
    assert_eq!(task.status.state, TaskState::Completed);
    let usage = crate::ext::usage_of(task.metadata.as_ref()).expect("usage as doubles");
    assert_eq!((usage.input_tokens, usage.output_tokens), (5, 7));

    let stream = include_str!("../../tests/fixtures/v1_stream.json");
    let Value::Array(all) = fixture(stream) else {
        panic!("a list of events");
    };
    for event in all {
        assert_eq!(stream_value(event.clone(), None), event);
    }
    assert_eq!(events(stream).len(), 5);
}

#[test]
fn the_events_of_0_3_become_those_of_1_0() {
    let all = events(include_str!("../../tests/fixtures/v03_stream.json"));
    let [
        StreamResponse::Task(task),
        StreamResponse::StatusUpdate(asks),
        StreamResponse::ArtifactUpdate(artifact),
        StreamResponse::StatusUpdate(end),
        StreamResponse::Message(message),
    ] = all.as_slice()
    else {
        panic!("five events of their kinds: {all:?}");
    };
    assert_eq!(task.status.state, TaskState::Submitted);
    let at = crate::types::status_time_ms(&task.status).expect("a time without zone is UTC");
    assert_eq!(crate::clock::rfc3339(at), "2026-11-21T03:40:00.123Z");
    assert_eq!(task.history.as_ref().expect("history")[0].role, Role::User);
    assert_eq!(asks.status.state, TaskState::InputRequired);
    let contents: Vec<&PartContent> = artifact.artifact.parts.iter().map(|p| &p.content).collect();
    assert_eq!(*contents[0], PartContent::Raw(b"hi".to_vec()));
    let far = "https://example.com/far.txt".to_owned();
    assert_eq!(*contents[1], PartContent::Url(far));
    assert_eq!(*contents[2], PartContent::Data(json!({"n": 1})));
    assert_eq!(
        artifact.artifact.parts[0].filename.as_deref(),
        Some("out.txt")
    );
    assert_eq!(
        artifact.artifact.parts[0].media_type.as_deref(),
        Some("text/plain")
    );
    assert_eq!(end.status.state, TaskState::Canceled);
    assert_eq!(message.text(), Some("pong"));
}

#[test]
fn the_nested_message_of_the_original_fleet_is_read() {
    let body = fixture(include_str!("../../tests/fixtures/hermes_f1_ack.json"));
    let response = send_response(body["result"].clone(), None).expect("a message");
    let SendMessageResponse::Message(message) = response else {
        panic!("a message");
    };
    assert_eq!(message.role, Role::Agent);
    assert_eq!(message.context_id.as_deref(), Some("c1"));
    assert!(message.text().expect("text").contains("[queued]"));

    let push = fixture(include_str!("../../tests/fixtures/hermes_f4_push.json"));
    let message = super::message(push["params"]["message"].clone()).expect("a message");
    assert_eq!(message.message_id, "");
    assert_eq!(message.text(), Some("done: 3 files"));
}

#[test]
fn cards_of_0_3_and_of_the_original_fleet_become_cards_of_1_0() {
    let old =
        agent_card(fixture(include_str!("../../tests/fixtures/v03_card.json"))).expect("a card");
    let listed: Vec<_> = old
        .supported_interfaces
        .iter()
        .map(|i| (i.protocol_binding.as_str(), i.url.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            ("JSONRPC", "http://0.0.0.0:9999/"),
            ("HTTP+JSON", "http://0.0.0.0:9999/rest"),
        ]
    );
    assert_eq!(old.capabilities.streaming, Some(true));
    let hermes = agent_card(fixture(include_str!(
        "../../tests/fixtures/hermes_card.json"
    )))
    .expect("a card");
    assert_eq!(
        hermes.supported_interfaces[0].url,
        "http://127.0.0.1:9310/jsonrpc"
    );
    assert_eq!(hermes.skills[0].tags, ["executor"]);
}

#[test]
fn unknown_enum_values_and_missing_fields_are_filled() {
    let task = task(
        json!({"id": 7, "status": {"state": "TASK_STATE_FUTURE"}}),
        Some("c9"),
    )
    .expect("a task");
    assert_eq!(task.id, "7");
    assert_eq!(task.context_id, "c9");
    assert_eq!(task.status.state, TaskState::Unspecified);
    for (word, state) in [
        ("working", TaskState::Working),
        ("cancelled", TaskState::Canceled),
        ("auth-required", TaskState::AuthRequired),
        ("TASK_STATE_REJECTED", TaskState::Rejected),
    ] {
        let read = super::task(json!({"id": "t", "status": word}), None).expect("a task");
        assert_eq!(read.status.state, state, "{word}");
    }
    let page = list_response(json!({"tasks": [{"id": "t"}], "pageSize": 50.0})).expect("a page");
    assert_eq!((page.page_size, page.total_size), (50, 1));
    assert_eq!(page.next_page_token, "");
}

#[test]
fn what_is_none_of_it_is_refused_with_its_name() {
    let error = stream_response(json!({"hello": 1}), None).expect_err("no event");
    assert!(
        error.to_string().starts_with("not a stream event: "),
        "{error}"
    );
    assert!(task(json!([]), None).is_err());
    assert!(message(json!("text")).is_err());
}

fn violated(value: Value) -> Vec<String> {
    inbound_message(value)
        .expect_err("a bad message")
        .into_iter()
        .map(|Violation { field, .. }| field)
        .collect()
}

#[test]
fn a_caller_hears_which_field_of_a_message_is_wrong() {
    let good = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]});
    assert!(inbound_message(good.clone()).is_ok());
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed
    };
    for (value, field) in [
        (json!(null), "message"),
        (json!({}), "message.role"),
        (with("parts", json!([])), "message.parts"),
        (with("parts", json!("hi")), "message.parts"),
        (with("parts", json!([5])), "message.parts[0]"),
        (with("parts", json!([{}])), "message"),
        (with("contextId", json!(5)), "message.contextId"),
        (with("messageId", json!("")), "message.messageId"),
        (with("taskId", json!("x".repeat(300))), "message.taskId"),
        (with("messageId", json!("a\nb")), "message.messageId"),
        (with("role", json!("boss")), "message.role"),
        (with("metadata", json!([])), "message.metadata"),
        (with("extensions", json!([1])), "message.extensions"),
    ] {
        let fields = violated(value.clone());
        assert!(fields.iter().any(|f| f == field), "{value}: {fields:?}");
    }
    // What protobuf writes for "none".
    for key in ["contextId", "taskId"] {
        let read = inbound_message(with(key, json!(""))).expect("an id that is left out");
        assert_eq!((read.context_id, read.task_id), (None, None));
    }
}

#[test]
fn the_params_of_a_send_are_read_in_each_dialect() {
    let message = json!({"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]});
    let request = inbound_send_request(json!({
        "message": message,
        "configuration": {"blocking": false, "historyLength": 3.0},
    }))
    .expect("a request");
    let configuration = request.configuration.expect("a configuration");
    assert_eq!(configuration.return_immediately, Some(true));
    assert_eq!(configuration.history_length, Some(3));
    assert_eq!(request.message.parts, [Part::text("hi")]);

    let root = json!({"message": message, "contextId": "c"});
    let wrong = inbound_send_request(root).expect_err("contextId at the root");
    assert_eq!(wrong[0].field, "params.contextId");
    assert!(inbound_send_request(json!([])).is_err());
    assert!(inbound_send_request(json!({"message": message, "configuration": 1})).is_err());
}

/// Any JSON, with the keys and words of the protocol where they hurt most.
fn hostile() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "[ -~]{0,8}".prop_map(Value::String),
        proptest::sample::select(vec![
            "working",
            "message",
            "task",
            "status-update",
            "user",
            "ROLE_AGENT",
            "text",
            "file",
            "TASK_STATE_COMPLETED",
            "2026-11-21T03:40:00",
            "-009999-01-01T00:00:00Z",
        ])
        .prop_map(|w| json!(w)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        word,
    ];
    let key = proptest::sample::select(vec![
        "kind",
        "id",
        "taskId",
        "contextId",
        "messageId",
        "role",
        "parts",
        "status",
        "state",
        "message",
        "task",
        "statusUpdate",
        "artifactUpdate",
        "artifact",
        "artifacts",
        "history",
        "metadata",
        "timestamp",
        "file",
        "bytes",
        "text",
        "data",
        "extensions",
        "append",
        "url",
        "supportedInterfaces",
        "capabilities",
        "skills",
        "tasks",
        "pageSize",
        "configuration",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn normalising_never_panics_and_the_second_time_changes_nothing(value in hostile()) {
        let once = stream_value(value.clone(), Some("c"));
        prop_assert_eq!(&stream_value(once.clone(), Some("c")), &once);
        let once = task_value(value.clone(), None);
        prop_assert_eq!(&task_value(once.clone(), None), &once);
        let once = message_value(value.clone());
        prop_assert_eq!(&message_value(once.clone()), &once);
        let once = list_response_value(value.clone());
        prop_assert_eq!(&list_response_value(once.clone()), &once);
        let once = agent_card_value(value.clone());
        prop_assert_eq!(&agent_card_value(once.clone()), &once);
        let _ = inbound_send_request(value.clone());
        let _ = inbound_send_request(json!({"message": value}));
    }

    #[test]
    fn a_message_that_is_let_in_keeps_its_rules(value in hostile()) {
        if let Ok(message) = inbound_message(value) {
            prop_assert!(!message.parts.is_empty());
            prop_assert!(crate::MessageId::new(message.message_id.as_str()).is_ok());
            prop_assert!(message.role != Role::Unspecified);
        }
    }
}
