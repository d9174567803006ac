//! Sending, asking, listing, cancelling: what a client sees of tasks.

use fleet_receivers::adapter::echo::EchoAdapter;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::harness::{end, folder, limited, message, reply, start, until, with};
use crate::scripted::Scripted;

#[tokio::test]
async fn echo_answers_what_it_was_told() {
    let dir = folder("");
    let echo = start(dir.path(), Arc::new(EchoAdapter)).await;
    for text in ["hello", "  a\n\u{1b}[31mb\u{202e}ü  ", "complete-task"] {
        let task = echo.send(message(text)).await;
        assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{task}");
        assert_eq!(reply(&task), text);
        assert_eq!(end(&task)["kind"], "end");
        assert_eq!(end(&task)["reason"], Value::Null);
        let usage = &task["metadata"]["urn:a2a-fleet:usage:v1"];
        assert_eq!(
            (&usage["turns"], &usage["estimated"]),
            (&json!(1), &json!(true))
        );
    }
}

#[tokio::test]
async fn the_same_message_is_the_same_task() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let once = message("hello");
    let first = receiver.send(once.clone()).await;
    let sends = (0..20).map(|_| receiver.send(once.clone()));
    for again in futures::future::join_all(sends).await {
        assert_eq!(again["id"], first["id"]);
    }
    assert_eq!(agent.count(), 1);

    let other = with(once.clone(), "parts", json!([{"text": "other"}]));
    let refused = receiver
        .call("SendMessage", json!({ "message": other }))
        .await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let elsewhere = with(once, "contextId", json!("elsewhere"));
    let refused = receiver
        .call("SendMessage", json!({ "message": elsewhere }))
        .await;
    assert_eq!(refused["error"]["code"], -32602);
}

#[tokio::test]
async fn a_storm_on_one_context_runs_one_turn() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let sends = (0..50).map(|_| {
        let message = with(message("gate"), "contextId", json!("c1"));
        let params = json!({"message": message, "configuration": {"returnImmediately": true}});
        receiver.call("SendMessage", params)
    });
    let answers = futures::future::join_all(sends).await;
    let taken: Vec<&Value> = answers.iter().filter(|a| a["error"].is_null()).collect();
    assert_eq!(taken.len(), 1);
    let id = &taken[0]["result"]["task"]["id"];
    for refused in answers.iter().filter(|a| !a["error"].is_null()) {
        assert_eq!(refused["error"]["code"], -32001);
        let info = &refused["error"]["data"][0];
        assert_eq!(
            (&info["reason"], &info["domain"]),
            (&json!("DUPLICATE_DISPATCH"), &json!("a2a-fleet"))
        );
        assert_eq!(&info["metadata"]["existingTaskId"], id);
        assert_eq!(info["metadata"]["contextId"], "c1");
    }
    until(|| async { (agent.count() == 1).then_some(()) }).await;
    agent.gate.notify_one();
    receiver
        .reaches(id.as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
    assert_eq!(agent.count(), 1);
}

#[tokio::test]
async fn messages_that_name_a_task_are_judged_by_it() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let done = receiver.send(message("done")).await;
    let table = [
        (with(message("x"), "taskId", done["id"].clone()), -32004),
        (with(message("x"), "taskId", json!("nobody")), -32001),
        (
            with(
                with(message("x"), "taskId", done["id"].clone()),
                "contextId",
                json!("other"),
            ),
            -32602,
        ),
    ];
    for (message, code) in table {
        let answer = receiver
            .call("SendMessage", json!({ "message": message }))
            .await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
}

#[tokio::test]
async fn more_contexts_than_places_wait() {
    let dir = folder("max_concurrent_turns = 2");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let task = receiver.submit(message("gate")).await;
        tasks.push(task["id"].as_str().unwrap().to_owned());
    }
    until(|| async { (agent.count() == 2).then_some(()) }).await;
    assert_eq!(
        receiver.task(&tasks[2]).await["status"]["state"],
        "TASK_STATE_SUBMITTED"
    );
    assert_eq!(receiver.health().await.open_tasks, 3);
    // One that waits can be cancelled, and spends nothing.
    let canceled = receiver.call("CancelTask", json!({"id": tasks[2]})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED");
    assert_eq!(agent.count(), 2);
    agent.gate.notify_waiters();
    for id in &tasks[..2] {
        receiver.reaches(id, "TASK_STATE_COMPLETED").await;
    }
}

#[tokio::test]
async fn tasks_are_listed_page_by_page() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let mut made = Vec::new();
    for n in 0..5 {
        let task = receiver
            .send(with(message("x"), "contextId", json!(format!("c{n}"))))
            .await;
        made.push(task["id"].clone());
    }
    let mut seen = Vec::new();
    let mut token = json!("");
    loop {
        let page = receiver
            .call("ListTasks", json!({"pageSize": 2, "pageToken": token}))
            .await;
        let page = &page["result"];
        assert_eq!(page["totalSize"], 5);
        for task in page["tasks"].as_array().unwrap() {
            assert!(task.get("artifacts").is_none());
            seen.push(task["id"].clone());
        }
        token = page["nextPageToken"].clone();
        if token == "" {
            break;
        }
    }
    made.reverse();
    assert_eq!(seen, made);
    let one = receiver
        .call(
            "ListTasks",
            json!({"contextId": "c3", "includeArtifacts": true}),
        )
        .await;
    assert_eq!(reply(&one["result"]["tasks"][0]), "x");
    let none = receiver
        .call("ListTasks", json!({"status": "TASK_STATE_FAILED"}))
        .await;
    assert_eq!(none["result"]["tasks"], json!([]));
    let rest: Value = receiver
        .get("/tasks?contextId=c3")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(rest["totalSize"], 1);
}

#[tokio::test]
async fn a_cancel_is_done_within_a_second_and_once() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    for text in ["wait", "stubborn"] {
        let task = receiver.submit(message(text)).await;
        let id = task["id"].as_str().unwrap().to_owned();
        receiver.reaches(&id, "TASK_STATE_WORKING").await;
        let began = tokio::time::Instant::now();
        let canceled = receiver.call("CancelTask", json!({"id": id})).await;
        assert!(began.elapsed().as_millis() < 1_000);
        let canceled = &canceled["result"];
        assert_eq!(canceled["status"]["state"], "TASK_STATE_CANCELED");
        assert_eq!(end(canceled)["reason"], "canceled");
        let again = receiver.call("CancelTask", json!({"id": id})).await;
        assert_eq!(again["result"]["status"]["state"], "TASK_STATE_CANCELED");
    }
    let done = receiver.send(message("done")).await;
    let late = receiver.call("CancelTask", json!({"id": done["id"]})).await;
    assert_eq!(late["error"]["code"], -32002);
    let nobody = receiver.call("CancelTask", json!({"id": "nobody"})).await;
    assert_eq!(nobody["error"]["code"], -32001);
}

#[tokio::test]
async fn every_method_we_do_not_have_says_so() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let table = [
        ("CreateTaskPushNotificationConfig", -32003),
        ("DeleteTaskPushNotificationConfig", -32003),
        ("GetExtendedAgentCard", -32007),
        ("MakeCoffee", -32601),
    ];
    for (method, code) in table {
        assert_eq!(
            receiver.call(method, json!({})).await["error"]["code"],
            code,
            "{method}"
        );
    }
    let push = json!({"message": message("x"), "configuration": {"taskPushNotificationConfig": {"url": "http://x"}}});
    assert_eq!(
        receiver.call("SendMessage", push).await["error"]["code"],
        -32003
    );
    let invalid = limited(message("x"), json!({"deadline_s": 0}));
    let invalid = receiver
        .call("SendMessage", json!({ "message": invalid }))
        .await;
    assert_eq!(invalid["error"]["code"], -32602);
    assert!(
        invalid["error"]["data"][0]["fieldViolations"][0]["field"]
            .as_str()
            .unwrap()
            .contains("deadline_s")
    );
    assert_eq!(
        receiver.call("ListTasks", json!({})).await["result"]["totalSize"],
        0,
        "nothing was stored"
    );
}

#[tokio::test]
async fn history_is_as_long_as_asked_for() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.send(message("x")).await;
    assert_eq!(task["history"].as_array().unwrap().len(), 1);
    let none = receiver
        .call("GetTask", json!({"id": task["id"], "historyLength": 0}))
        .await;
    assert!(none["result"].get("history").is_none());
    let rest = receiver.get(&format!(
        "/tasks/{}?historyLength=0",
        task["id"].as_str().unwrap()
    ));
    let rest: Value = rest.send().await.unwrap().json().await.unwrap();
    assert_eq!(rest["id"], task["id"]);
    assert!(rest.get("history").is_none());
}

#[tokio::test]
async fn echo_knows_the_prefixes_of_the_conformance_suites() {
    let dir = folder("");
    let echo = start(dir.path(), Arc::new(EchoAdapter)).await;
    let by_id = |prefix: &str| {
        let id = format!("{prefix}-{}", uuid::Uuid::now_v7());
        with(message("x"), "messageId", json!(id))
    };
    let rejected = echo.send(by_id("tck-reject-task")).await;
    assert_eq!(rejected["status"]["state"], "TASK_STATE_REJECTED");
    let done = echo.send(message("tck-complete-task please")).await;
    assert_eq!(done["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(
        reply(&echo.send(by_id("tck-artifact-text")).await),
        "Generated text content"
    );
    let data = echo.send(by_id("tck-artifact-data")).await;
    assert_eq!(
        data["artifacts"][0]["parts"][0]["data"],
        json!({"key": "value", "count": 42})
    );
    let file = echo.send(by_id("tck-artifact-file")).await;
    assert_eq!(file["artifacts"][0]["parts"][0]["filename"], "output.txt");

    let asked = echo.send(by_id("tck-input-required")).await;
    assert_eq!(asked["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
    let more = with(by_id("tck-complete-task"), "taskId", asked["id"].clone());
    assert_eq!(
        echo.send(more).await["status"]["state"],
        "TASK_STATE_COMPLETED"
    );
}
