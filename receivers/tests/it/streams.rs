//! Streams: what is seen, in which order, and how to come back.

use std::sync::Arc;

use fleet_receivers::adapter::echo::EchoAdapter;
use serde_json::{Value, json};

use crate::harness::{Frame, Receiver, folder, frames, message, start, until};
use crate::scripted::Scripted;

async fn stream(receiver: &Receiver, message: Value) -> reqwest::Response {
    let body = json!({"jsonrpc": "2.0", "id": "s", "method": "SendStreamingMessage", "params": {"message": message}});
    receiver.post("/jsonrpc").json(&body).send().await.unwrap()
}

async fn subscribe(receiver: &Receiver, id: &str, last: Option<&str>) -> reqwest::Response {
    let mut request = receiver.get(&format!("/tasks/{id}:subscribe"));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}

fn text(frame: &Frame) -> &str {
    frame.data["result"]["artifactUpdate"]["artifact"]["parts"][0]["text"]
        .as_str()
        .unwrap_or("")
}

#[tokio::test]
async fn echo_streams_pieces_then_the_whole_then_the_end() {
    let dir = folder("");
    let echo = start(dir.path(), Arc::new(EchoAdapter)).await;
    let seen = frames(stream(&echo, message("hello world")).await, 99).await;
    assert!(seen.iter().all(|frame| frame.data["id"] == "s"));
    assert!(seen[0].data["result"]["task"]["id"].is_string());
    let updates: Vec<&Frame> = seen
        .iter()
        .filter(|f| !f.data["result"]["artifactUpdate"].is_null())
        .collect();
    let (whole, pieces) = updates.split_last().unwrap();
    assert!(pieces.len() > 1);
    assert_eq!(
        pieces.iter().map(|frame| text(frame)).collect::<String>(),
        "hello world"
    );
    assert_eq!(text(whole), "hello world");
    let update = &whole.data["result"]["artifactUpdate"];
    assert_eq!(
        (&update["append"], &update["lastChunk"]),
        (&json!(false), &json!(true))
    );
    let last = &seen.last().unwrap().data["result"]["statusUpdate"];
    assert_eq!(last["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(last["metadata"]["urn:a2a-fleet:usage:v1"]["turns"], 1);
}

#[tokio::test]
async fn all_subscribers_see_the_same_in_the_same_order() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let task = receiver.submit(message("steps")).await;
    let id = task["id"].as_str().unwrap();
    let watch = || async { frames(subscribe(&receiver, id, Some("0")).await, 999).await };
    let (one, two, three) = tokio::join!(watch(), watch(), watch());
    assert_eq!(one, two);
    assert_eq!(one, three);
    let ids: Vec<i64> = one.iter().map(|frame| frame.id.parse().unwrap()).collect();
    assert_eq!(
        ids,
        (1..=i64::try_from(ids.len()).unwrap()).collect::<Vec<_>>(),
        "no gap, no repeat"
    );
    assert!(one.len() > 60, "{}", one.len());
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.submit(message("steps")).await;
    let id = task["id"].as_str().unwrap();
    // The connection breaks after a few frames, again and again.
    let mut seen = frames(subscribe(&receiver, id, Some("0")).await, 3).await;
    loop {
        let last = seen.last().unwrap().id.clone();
        let more = frames(subscribe(&receiver, id, Some(&last)).await, 7).await;
        if more.is_empty() {
            break;
        }
        seen.extend(more);
    }
    let whole = frames(subscribe(&receiver, id, Some("0")).await, 999).await;
    assert_eq!(seen, whole);
    assert_eq!(
        whole.last().unwrap().data["statusUpdate"]["status"]["state"],
        "TASK_STATE_COMPLETED"
    );
}

#[tokio::test]
async fn without_a_last_event_a_stream_begins_with_the_task() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let task = receiver.submit(message("gate")).await;
    let id = task["id"].as_str().unwrap();
    receiver.reaches(id, "TASK_STATE_WORKING").await;
    let post = receiver
        .post(&format!("/tasks/{id}:subscribe"))
        .send()
        .await
        .unwrap();
    let get = subscribe(&receiver, id, None).await;
    until(|| async { (agent.count() == 1).then_some(()) }).await;
    agent.gate.notify_one();
    for response in [get, post] {
        let seen = frames(response, 99).await;
        assert_eq!(
            seen[0].data["task"]["status"]["state"],
            "TASK_STATE_WORKING"
        );
        assert_eq!(
            seen.last().unwrap().data["statusUpdate"]["status"]["state"],
            "TASK_STATE_COMPLETED"
        );
    }
}

#[tokio::test]
async fn an_ended_task_is_replayed_only_from_an_event() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.send(message("x")).await;
    let id = task["id"].as_str().unwrap();
    let refused = receiver.call("SubscribeToTask", json!({"id": id})).await;
    assert_eq!(refused["error"]["code"], -32004);
    assert_eq!(subscribe(&receiver, id, None).await.status(), 400);
    assert_eq!(subscribe(&receiver, "nobody", None).await.status(), 404);
    assert_eq!(subscribe(&receiver, id, Some("soon")).await.status(), 400);
    let all = frames(subscribe(&receiver, id, Some("0")).await, 99).await;
    assert!(all[0].data["task"].is_object());
    let last = all.last().unwrap().id.clone();
    assert!(
        frames(subscribe(&receiver, id, Some(&last)).await, 99)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_repeated_streaming_message_shows_its_task() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let once = message("x");
    frames(stream(&receiver, once.clone()).await, 99).await;
    let again = frames(stream(&receiver, once).await, 99).await;
    assert_eq!(
        again[0].data["result"]["task"]["status"]["state"],
        "TASK_STATE_COMPLETED"
    );
    assert_eq!(agent.count(), 1);
}
