//! What is enforced in a turn, for every caller, watched or not.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::harness::{end, folder, limited, message, reply, start, with};
use crate::scripted::Scripted;

#[tokio::test]
async fn the_deadline_ends_a_turn_that_does_not_hear() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let began = Instant::now();
    let task = receiver
        .send(limited(message("stubborn"), json!({"deadline_s": 1.0})))
        .await;
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(3),
        "{took:?}"
    );
    assert_eq!(task["status"]["state"], "TASK_STATE_FAILED");
    assert_eq!(end(&task)["reason"], "deadline");
    assert_eq!(reply(&task), "so far", "the text so far is kept");
}

#[tokio::test]
async fn the_receivers_own_deadline_is_the_most_anybody_gets() {
    let dir = folder("max_deadline_s = 1");
    let receiver = start(dir.path(), Scripted::new()).await;
    for message in [
        message("wait"),
        limited(message("wait"), json!({"deadline_s": 500})),
    ] {
        assert_eq!(end(&receiver.send(message).await)["reason"], "deadline");
    }
}

#[tokio::test]
async fn the_deadline_counts_while_a_task_waits() {
    let dir = folder("max_concurrent_turns = 1");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let first = receiver.submit(message("wait")).await;
    receiver
        .reaches(first["id"].as_str().unwrap(), "TASK_STATE_WORKING")
        .await;
    let second = receiver
        .send(limited(message("x"), json!({"deadline_s": 1})))
        .await;
    assert_eq!(end(&second)["reason"], "deadline");
    assert_eq!(agent.count(), 1);
}

#[tokio::test]
async fn the_grant_stops_a_turn_that_reports_and_one_that_does_not() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    for (text, estimated) in [("spend", false), ("talk", true)] {
        let began = Instant::now();
        let task = receiver
            .send(limited(message(text), json!({"grant": {"tokens": 2_500}})))
            .await;
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!(task["status"]["state"], "TASK_STATE_CANCELED");
        assert_eq!(end(&task)["reason"], "budget");
        let usage = &task["metadata"]["urn:a2a-fleet:usage:v1"];
        assert!(usage["output_tokens"].as_u64().unwrap() > 2_400, "{usage}");
        assert_eq!(usage["estimated"], estimated);
    }
}

#[tokio::test]
async fn the_ceiling_holds_for_callers_without_a_grant() {
    let dir = folder("ceiling = { tokens = 2500 }");
    let receiver = start(dir.path(), Scripted::new()).await;
    for message in [
        message("spend"),
        limited(message("spend"), json!({"grant": {"tokens": 1e9}})),
    ] {
        assert_eq!(end(&receiver.send(message).await)["reason"], "budget");
    }
}

#[tokio::test]
async fn a_question_waits_for_its_answer() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let asked = receiver.send(message("ask")).await;
    assert_eq!(asked["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
    let question = end(&asked);
    assert_eq!(
        (&question["kind"], &question["request_id"]),
        (&json!("permission_request"), &json!("r1"))
    );
    assert!(question["expires_at"].as_str().unwrap().ends_with('Z'));

    let on_task = |message| with(message, "taskId", asked["id"].clone());
    let wrong = receiver
        .call("SendMessage", json!({"message": on_task(message("maybe"))}))
        .await;
    assert_eq!(wrong["error"]["code"], -32602);
    let busy = with(message("more"), "contextId", asked["contextId"].clone());
    let busy = receiver
        .call("SendMessage", json!({ "message": busy }))
        .await;
    assert_eq!(busy["error"]["code"], -32001);

    let data = json!({"request_id": "r1", "decision": "deny", "reason": "no"});
    let answer = on_task(with(message(""), "parts", json!([{ "data": data }])));
    let done = receiver.send(answer.clone()).await;
    assert_eq!(reply(&done), "Deny no[]");
    assert_eq!(end(&done)["refused"][0]["tool"], "Write");
    assert_eq!(done["history"].as_array().unwrap().len(), 2);
    // The answer again is the same answer, and runs nothing.
    assert_eq!(receiver.send(answer).await["id"], asked["id"]);
}

#[tokio::test]
async fn questions_take_an_answer_to_each_from_any_client() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let asked = receiver.send(message("questions")).await;
    assert_eq!(asked["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
    let request = end(&asked);
    assert_eq!(request["questions"][1]["multi_select"], true, "{request}");
    // A client that knows no extension of ours reads the same in words.
    let said = asked["status"]["message"]["parts"].to_string();
    for word in ["Which colour?", "Red: warm", "the text deny", "answers"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let on_task = |parts| {
        let message = with(message(""), "parts", parts);
        with(message, "taskId", asked["id"].clone())
    };
    let data = |answers: serde_json::Value| json!([{"data": {"request_id": "r1", "decision": "allow", "answers": answers}}]);
    for (parts, field) in [
        (json!([{"text": "allow"}]), "answers"),
        (json!([{"text": "Red"}]), "message.parts[0].text"),
        (data(json!([])), "answers"),
        (data(json!(["Red"])), "answers"),
        (data(json!([["Red", "Blue"], "Red"])), "answers[0]"),
        (data(json!(["Red", ["Red", ""]])), "answers[1][1]"),
        (data(json!(["x".repeat(40_000), "Red"])), "answers"),
    ] {
        let wrong = receiver
            .call("SendMessage", json!({"message": on_task(parts)}))
            .await;
        assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
        let named = &wrong["error"]["data"][0]["fieldViolations"][0]["field"];
        assert_eq!(named, field, "{wrong}");
    }
    let done = receiver
        .send(on_task(data(json!(["green", ["Red", "Blue"]]))))
        .await;
    assert_eq!(reply(&done), r#"Allow [["green"],["Red","Blue"]]"#);
    assert_eq!(end(&done)["refused"], json!([]));
}

#[tokio::test]
async fn silence_is_a_denial_and_the_turn_goes_on() {
    let dir = folder("permission_timeout_s = 1");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.submit(message("ask")).await;
    let done = receiver
        .reaches(task["id"].as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
    assert!(reply(&done).starts_with("Deny"), "{done}");
    assert_eq!(end(&done)["refused"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_session_of_a_context_is_known_to_its_next_turn() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let in_context = || with(message("session"), "contextId", json!("c1"));
    assert_eq!(reply(&receiver.send(in_context()).await), "s1");
    assert_eq!(reply(&receiver.send(in_context()).await), "s1+");
    assert_eq!(reply(&receiver.send(message("session")).await), "s1");
}

#[tokio::test]
async fn every_way_to_fail_is_told() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let table = [
        ("panic", "TASK_STATE_FAILED", json!("agent_error")),
        ("huge", "TASK_STATE_FAILED", json!("agent_error")),
        ("login", "TASK_STATE_FAILED", json!("unauthenticated")),
        ("decline", "TASK_STATE_REJECTED", json!(null)),
    ];
    for (text, state, reason) in table {
        let task = receiver.send(message(text)).await;
        assert_eq!(task["status"]["state"], state, "{text}");
        assert_eq!(end(&task)["reason"], reason, "{text}");
        assert_ne!(end(&task)["detail"], "", "{text}");
    }
    assert_eq!(
        reply(&receiver.send(message("still there")).await),
        "still there"
    );
}
