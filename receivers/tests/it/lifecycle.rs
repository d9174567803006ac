//! Starting, stopping, crashing, and what is left of a task then.

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::Secret;
use fleet_a2a::health::verify_answer;
use fleet_receivers::adapter::echo::EchoAdapter;
use fleet_receivers::adapter::exec::ExecAdapter;
use fleet_receivers::child::ChildEnv;
use fleet_receivers::folder::{Identity, ReadinessWord};
use fleet_receivers::{Mode, ServeError, Stop, serve_with};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::harness::{TOKEN, end, folder, limited, message, reply, start, until};
use crate::scripted::Scripted;

#[tokio::test]
async fn an_idle_receiver_stops_within_200_ms() {
    let dir = folder("");
    let receiver = start(dir.path(), Arc::new(EchoAdapter)).await;
    // An open connection of a client that is gone quiet must not hold it.
    receiver.send(message("x")).await;
    let began = Instant::now();
    receiver.stop.drain.cancel();
    receiver.stopped().await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn only_one_serves_a_folder() {
    let dir = folder("");
    let _first = start(dir.path(), Arc::new(EchoAdapter)).await;
    let stop = Stop::when(CancellationToken::new());
    let second = serve_with(dir.path(), Arc::new(EchoAdapter), stop).await;
    assert!(
        matches!(second, Err(ServeError::Locked { .. })),
        "{second:?}"
    );
}

#[tokio::test]
async fn a_crash_loses_nothing_and_runs_nothing_twice() {
    let dir = folder("max_concurrent_turns = 1");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let done = receiver.send(message("done")).await;
    let working = receiver.submit(message("wait")).await;
    let working = working["id"].as_str().unwrap();
    until(|| async { (reply(&receiver.task(working).await) == "so far").then_some(()) }).await;
    let waiting = receiver.submit(message("later")).await;
    let expiring = receiver
        .submit(limited(message("never"), json!({"deadline_s": 1})))
        .await;
    receiver.crash().await;
    assert_eq!(agent.count(), 2);
    // The deadline of one passes while nobody is there.
    let accepted = expiring["status"]["timestamp"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    until(|| async {
        (fleet_a2a::clock::now_ms() > accepted.as_millisecond() + 1_000).then_some(())
    })
    .await;

    let receiver = start(dir.path(), agent.clone()).await;
    assert_eq!(receiver.task(done["id"].as_str().unwrap()).await, done);
    let interrupted = receiver.task(working).await;
    assert_eq!(interrupted["status"]["state"], "TASK_STATE_FAILED");
    assert_eq!(end(&interrupted)["reason"], "interrupted");
    assert_eq!(reply(&interrupted), "so far", "the text so far is kept");
    assert_eq!(
        interrupted["metadata"]["urn:a2a-fleet:usage:v1"]["turns"],
        1
    );
    let ran = receiver
        .reaches(waiting["id"].as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
    assert_eq!(reply(&ran), "later");
    let expired = receiver
        .reaches(expiring["id"].as_str().unwrap(), "TASK_STATE_FAILED")
        .await;
    assert_eq!(end(&expired)["reason"], "deadline");
    assert_eq!(agent.count(), 3, "only what waited ran");
}

#[tokio::test]
async fn a_question_does_not_survive_a_crash() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let asked = receiver.send(message("ask")).await;
    receiver.crash().await;
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.task(asked["id"].as_str().unwrap()).await;
    assert_eq!(end(&task)["reason"], "interrupted");
}

#[tokio::test]
async fn a_drain_lets_turns_finish_and_takes_nothing_new() {
    let dir = folder("drain_grace_s = 5\nmax_concurrent_turns = 1");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let task = receiver.submit(message("gate")).await;
    receiver
        .reaches(task["id"].as_str().unwrap(), "TASK_STATE_WORKING")
        .await;
    let waiting = receiver.submit(message("later")).await;
    receiver.stop.drain.cancel();
    until(|| async { receiver.health().await.draining.then_some(()) }).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message("new")}});
    let refused = receiver.post("/jsonrpc").json(&body).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    agent.gate.notify_one();
    receiver.stopped().await.unwrap();

    let receiver = start(dir.path(), agent.clone()).await;
    let task = receiver.task(task["id"].as_str().unwrap()).await;
    assert_eq!(reply(&task), "through the gate");
    receiver
        .reaches(waiting["id"].as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
}

#[tokio::test]
async fn a_drain_ends_turns_that_go_on() {
    let dir = folder("drain_grace_s = 0");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.submit(message("stubborn")).await;
    receiver
        .reaches(task["id"].as_str().unwrap(), "TASK_STATE_WORKING")
        .await;
    receiver.stop.drain.cancel();
    receiver.stopped().await.unwrap();
    let receiver = start(dir.path(), Scripted::new()).await;
    assert_eq!(
        end(&receiver.task(task["id"].as_str().unwrap()).await)["reason"],
        "interrupted"
    );
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_grace() {
    let dir = folder("drain_grace_s = 600");
    let receiver = start(dir.path(), Scripted::new()).await;
    let task = receiver.submit(message("wait")).await;
    receiver
        .reaches(task["id"].as_str().unwrap(), "TASK_STATE_WORKING")
        .await;
    receiver.stop.drain.cancel();
    receiver.stop.kill.cancel();
    receiver.stopped().await.unwrap();
}

#[tokio::test]
async fn an_idle_receiver_stops_itself_but_not_while_it_works() {
    let dir = folder("idle_timeout_s = 1");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let began = Instant::now();
    let task = receiver.submit(message("gate")).await;
    until(|| async { (began.elapsed() > Duration::from_millis(2_500)).then_some(()) }).await;
    assert_eq!(
        receiver.task(task["id"].as_str().unwrap()).await["status"]["state"],
        "TASK_STATE_WORKING"
    );
    agent.gate.notify_one();
    receiver.stopped().await.unwrap();
}

#[tokio::test]
async fn health_tells_and_proves() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let health = until(|| async {
        let health = receiver.health().await;
        (health.readiness != ReadinessWord::Checking).then_some(health)
    })
    .await;
    assert!(health.ok && health.loop_age_ms < 5_000 && !health.draining);
    assert_eq!(health.readiness, ReadinessWord::Missing);
    assert_eq!(
        (health.detail.as_str(), health.remedy.as_str()),
        ("no script", "write one")
    );
    assert_eq!(health.cli_version.as_deref(), Some("1.2.3"));
    assert_eq!(health.instance, receiver.instance);
    let identity = Identity::read(dir.path()).unwrap().unwrap();
    assert!(identity.is_running());

    let url = format!("{}/health?nonce=abc", receiver.url);
    let answer: Value = receiver
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let addr = identity.addr.to_string();
    assert!(verify_answer(&Secret::new(TOKEN), "abc", &addr, &answer));
    assert!(!verify_answer(&Secret::new("other"), "abc", &addr, &answer));
}

#[tokio::test]
async fn the_card_is_public_cached_and_strict() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    until(|| async { (receiver.health().await.readiness == ReadinessWord::Missing).then_some(()) })
        .await;
    let url = format!("{}/.well-known/agent-card.json", receiver.url);
    let answer = receiver.http.get(&url).send().await.unwrap();
    for name in ["cache-control", "etag", "last-modified"] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
    let tag = answer.headers()["etag"].clone();
    let card: Value = answer.json().await.unwrap();
    let typed: fleet_a2a::types::AgentCard = serde_json::from_value(card.clone()).unwrap();
    assert_eq!(typed.supported_interfaces.len(), 2);
    assert_eq!(
        card["supportedInterfaces"][0]["url"],
        format!("{}/jsonrpc", receiver.url)
    );
    let extensions = card["capabilities"]["extensions"].as_array().unwrap();
    assert_eq!(extensions.len(), 2);
    assert!(card["description"].as_str().unwrap().contains("write one"));
    assert!(!card.to_string().contains(TOKEN));
    let again = receiver
        .http
        .get(&url)
        .header("If-None-Match", tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn nothing_of_a_turn_outlives_it() {
    let script = "setsid sleep 600 & echo $! > pid; trap '' TERM; sleep 600";
    let dir = folder(&format!("command = ['/bin/sh', '-c', \"{script}\"]"));
    let (config, _) = fleet_receivers::folder::load(dir.path()).unwrap();
    let env = ChildEnv::pick_own(Mode::Exec, &[]);
    let receiver = start(dir.path(), Arc::new(ExecAdapter::new(&config, env))).await;
    let began = Instant::now();
    let task = receiver
        .send(limited(message("x"), json!({"deadline_s": 1})))
        .await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(end(&task)["reason"], "deadline");
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    assert!(
        !std::path::Path::new("/proc").join(pid.trim()).exists(),
        "the process is still there"
    );
}

#[tokio::test]
async fn a_mode_that_is_not_built_in_is_refused_at_start() {
    let dir = folder("");
    let path = dir.path().join("receiver.toml");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"echo\"", "\"codex\"");
    std::fs::write(&path, text).unwrap();
    let refused = fleet_receivers::serve(dir.path(), CancellationToken::new()).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("mode codex is not built in yet")
    );
}
