//! Processes that are kept between turns, with the real Claude Code.

#![cfg(target_os = "linux")]

use std::time::Duration;

use fleet_a2a::ContextId;
use fleet_a2a::ext::Usage;
use fleet_testkit::model_server::{
    CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};

use super::scene::{BOUND, Scene, asks, reply, usage};
use crate::adapter::{Adapter, AdapterEvent, SessionState, TurnCommand, TurnOutcome};
use crate::child::sweep;
use crate::config::Permissions;

const SANDBOX: [(&str, &str); 1] = [("IS_SANDBOX", "1")];

/// The environments and command lines of all processes that bear this receiver's marker.
fn bearers(scene: &Scene) -> Vec<(i32, String)> {
    let marker = format!("FLEET_TURN={}/", scene.config.receiver_id);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environ).contains(&marker) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// The Claude Code processes of a scene.
fn leaders(scene: &Scene) -> Vec<i32> {
    let all = bearers(scene).into_iter();
    all.filter(|(_, line)| line.contains("--permission-prompt-tool"))
        .map(|(pid, _)| pid)
        .collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    timeout(BOUND, async {
        while !holds() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{what}"));
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

fn known(events: &[AdapterEvent]) -> SessionState {
    let AdapterEvent::Session(id) = &events[0] else {
        panic!("{events:?}")
    };
    SessionState::Known(id.clone())
}

#[tokio::test]
async fn a_second_turn_runs_in_the_same_process_and_two_contexts_do_not_mix() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let (one, other) = (ContextId::mint(), ContextId::mint());
    let (first, second) = tokio::join!(
        scene.run(&one, SessionState::New, "PONG of one"),
        scene.run(&other, SessionState::New, "PONG of other"),
    );
    let before = leaders(&scene);
    assert_eq!(before.len(), 2);
    let (one, other) = tokio::join!(
        scene.run(&one, known(&first.0), "HISTORY"),
        scene.run(&other, known(&second.0), "HISTORY"),
    );
    assert_eq!(reply(&one.1), "HISTORY n=2 :: PONG of one | HISTORY");
    assert_eq!(reply(&other.1), "HISTORY n=2 :: PONG of other | HISTORY");
    assert_eq!(leaders(&scene), before, "no other process");
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn usage_is_to_the_token_for_each_turn_of_a_process() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    let context = ContextId::mint();
    let mut sum = Usage::default();
    let mut costs = Vec::new();
    let mut answered = 0;
    for prompt in ["PONG", "BASH it", "THINK", "PONG"] {
        let (events, end) = scene.run(&context, SessionState::New, prompt).await;
        reply(&end);
        let spent = usage(&events);
        let calls = scene.model.answered() - answered;
        answered = scene.model.answered();
        assert_eq!(
            (spent.input_tokens, spent.output_tokens, spent.turns),
            (calls * INPUT_TOKENS, calls * OUTPUT_TOKENS, 1),
            "{prompt}"
        );
        sum.cache_read_tokens += spent.cache_read_tokens;
        sum.cache_write_tokens += spent.cache_write_tokens;
        costs.push(spent.cost_usd.unwrap() / calls as f64);
    }
    assert_eq!(leaders(&scene).len(), 1);
    assert_eq!(
        (sum.cache_read_tokens, sum.cache_write_tokens),
        (answered * CACHE_READ_TOKENS, answered * CACHE_WRITE_TOKENS)
    );
    // The cost is that of the turn, not of the process so far: the same for each call.
    assert!(
        costs
            .iter()
            .all(|cost| (cost - costs[0]).abs() < 1e-9 && *cost > 0.0),
        "{costs:?}"
    );
}

#[tokio::test]
async fn an_interrupt_in_a_tool_leaves_the_tool_dead_and_the_process_warm() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    let before = leaders(&scene);
    let mut running = scene.start(&context, SessionState::New, "SLEEP");
    running
        .until(|event| matches!(event, AdapterEvent::ToolCall { .. }).then_some(()))
        .await;
    until("the tool runs", || {
        bearers(&scene)
            .iter()
            .any(|(_, line)| line.starts_with("tail "))
    })
    .await;
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let spawner = running.spawner.clone();
    let (_, end) = running.finish().await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert!(spawner.owes().is_empty(), "the adapter has swept itself");
    let left = bearers(&scene);
    assert!(
        left.iter().all(|(_, line)| !line.contains("tail ")),
        "{left:?}"
    );
    assert_eq!(leaders(&scene), before, "the process stays");
    let (_, end) = scene.run(&context, SessionState::New, "BASH now").await;
    assert_eq!(reply(&end), "DONE after the tool");
    assert_eq!(leaders(&scene), before);
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn a_process_that_died_between_turns_is_replaced_and_the_turn_runs_once() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let context = ContextId::mint();
    let (events, _) = scene.run(&context, SessionState::New, "PONG").await;
    let session = known(&events);
    // Noticed, and not yet noticed.
    for n in [2, 3] {
        let [pid] = leaders(&scene)[..] else {
            panic!("{:?}", leaders(&scene))
        };
        kill(pid);
        if n == 2 {
            until("it is noticed", || scene.adapter.pool.waiting() == 0).await;
        }
        let (_, end) = scene.run(&context, session.clone(), "HISTORY").await;
        assert!(
            reply(&end).starts_with(&format!("HISTORY n={n} ")),
            "{end:?}"
        );
        assert_ne!(leaders(&scene), [pid]);
    }
    assert_eq!(
        scene
            .model
            .requests()
            .iter()
            .filter(|one| !one.tools.is_empty())
            .count(),
        3
    );
}

#[tokio::test]
async fn a_process_that_dies_during_a_turn_fails_it_and_is_not_asked_again() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    let [pid] = leaders(&scene)[..] else { panic!() };
    let mut running = scene.start(&context, SessionState::New, "SLOW");
    running
        .until(|event| matches!(event, AdapterEvent::TextDelta(_)).then_some(()))
        .await;
    kill(pid);
    let (_, end) = running.finish().await;
    let TurnOutcome::Failed { detail } = &end.outcome else {
        panic!("{end:?}")
    };
    assert!(detail.contains("killed by signal 9"), "{detail}");
    assert_eq!(
        scene
            .model
            .requests()
            .iter()
            .filter(|one| !one.tools.is_empty())
            .count(),
        2
    );
    let (_, end) = scene.run(&context, SessionState::New, "PONG again").await;
    assert_eq!(reply(&end), "PONG");
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn the_process_that_was_unused_longest_makes_room() {
    let Some(mut scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    scene.again(|config| config.max_concurrent_turns = 2);
    let contexts = [ContextId::mint(), ContextId::mint(), ContextId::mint()];
    scene.run(&contexts[0], SessionState::New, "PONG 0").await;
    let oldest = leaders(&scene);
    scene.run(&contexts[1], SessionState::New, "PONG 1").await;
    scene.run(&contexts[0], SessionState::New, "PONG 0").await;
    let both = leaders(&scene);
    assert_eq!(both.len(), 2);
    scene.run(&contexts[2], SessionState::New, "PONG 2").await;
    let now = leaders(&scene);
    assert_eq!(now.len(), 2, "{both:?} {now:?}");
    assert!(now.contains(&oldest[0]), "it was used since");
    let (_, end) = scene.run(&contexts[1], SessionState::New, "HISTORY").await;
    assert!(reply(&end).starts_with("HISTORY n=2 "), "{end:?}");
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn an_idle_process_is_ended_after_its_time_and_none_is_kept_when_told_so() {
    let Some(mut scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    scene.again(|config| config.warm_idle_s = 1);
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    until("it is ended", || bearers(&scene).is_empty()).await;
    until("nothing waits", || scene.adapter.pool.waiting() == 0).await;
    let (_, end) = scene.run(&context, SessionState::New, "HISTORY").await;
    assert!(reply(&end).starts_with("HISTORY n=2 "), "{end:?}");

    scene.again(|config| config.warm_idle_s = 0);
    scene
        .run(&ContextId::mint(), SessionState::New, "PONG")
        .await;
    assert_eq!(scene.adapter.pool.waiting(), 0);
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn closing_ends_every_process_at_once() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    for _ in 0..3 {
        scene
            .run(&ContextId::mint(), SessionState::New, "PONG")
            .await;
    }
    assert_eq!(leaders(&scene).len(), 3);
    let asked = Instant::now();
    scene.adapter.close().await;
    let took = asked.elapsed();
    assert_eq!(bearers(&scene), []);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_dropped_turn_takes_its_warm_process_along() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    let mut running = scene.start(&context, SessionState::New, "SLEEP");
    running
        .until(|event| matches!(event, AdapterEvent::ToolCall { .. }).then_some(()))
        .await;
    running.end.abort();
    let spawner = running.spawner.clone();
    let _ = running.end.await;
    let [label] = &spawner.owes()[..] else {
        panic!("{:?}", spawner.owes())
    };
    sweep(&scene.config.receiver_id, Some(label)).await;
    assert_eq!(bearers(&scene), []);
    assert_eq!(
        scene.adapter.pool.waiting(),
        0,
        "no half-read process waits"
    );
    let (_, end) = scene.run(&context, SessionState::New, "PONG again").await;
    assert_eq!(reply(&end), "PONG");
}

#[tokio::test]
async fn a_subagent_is_heard_and_is_no_part_of_the_reply() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    scene.adapter.probe().await;
    let (events, end) = scene
        .run(&ContextId::mint(), SessionState::New, "AGENT")
        .await;
    assert_eq!(reply(&end), "DONE after the tool");
    assert_eq!(asks(&events), 0);
    let calls = scene.model.answered();
    let spent = usage(&events);
    assert_eq!(
        (calls, spent.input_tokens, spent.output_tokens),
        (3, 3 * INPUT_TOKENS, 3 * OUTPUT_TOKENS)
    );
    let told = events.iter().any(|event| {
        matches!(event, AdapterEvent::Subagent { text, call_id } if text == "PONG" && !call_id.is_empty())
    });
    assert!(told, "{events:?}");
}

#[tokio::test]
async fn what_a_person_writes_reaches_the_model_as_it_is() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let context = ContextId::mint();
    for prompt in [
        "-dash first",
        "--help",
        "\"quotes\" and 'more' and `ticks` $HOME $(id)",
        "two\nlines\r\nand\ttabs",
        "emoji \u{1F600}\u{1F468}\u{200D}\u{1F469}",
        "separators \u{2028} and \u{2029} and \u{85} and no end",
        "!ls",
        "#note",
        "@README.md",
        "{\"type\":\"control_request\"}",
    ] {
        let (_, end) = scene.run(&context, SessionState::New, prompt).await;
        assert_eq!(reply(&end), format!("ECHO: {prompt}"));
    }
    // As long as a message may be: 1 MiB, less what is around it.
    let long = format!("BIG {}", "x".repeat(1_000_000));
    let (_, end) = scene.run(&context, SessionState::New, &long).await;
    assert_eq!(reply(&end), format!("BIG got chars={}", long.len()));
    assert_eq!(leaders(&scene).len(), 1);
}

/// A server of tools that has none, as people configure it for themselves.
const TOOLS: &str = r#"#!/bin/sh
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) answer='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"t","version":"1"}}' ;;
    *'"tools/list"'*) answer='{"tools":[]}' ;;
    *) answer='{}' ;;
  esac
  [ -n "$id" ] && printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$answer"
done
"#;

#[tokio::test]
async fn a_server_of_tools_lives_as_long_as_the_process_that_it_serves() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    let home = scene.folder.path().join("home");
    let script = home.join("tools-for-tests.sh");
    std::fs::write(&script, TOOLS).unwrap();
    let command = serde_json::json!({ "type": "stdio", "command": "sh", "args": [script] });
    let settings = serde_json::json!({ "mcpServers": { "t": command } });
    std::fs::write(home.join(".claude.json"), settings.to_string()).unwrap();
    let servers = || -> Vec<i32> {
        let all = bearers(&scene).into_iter();
        all.filter(|(_, line)| line.contains("tools-for-tests"))
            .map(|(pid, _)| pid)
            .collect()
    };
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    until("the server runs", || servers().len() == 1).await;
    let before = servers();
    scene.run(&context, SessionState::New, "BASH it").await;
    assert_eq!(servers(), before, "a turn has ended");
    let mut running = scene.start(&context, SessionState::New, "SLEEP");
    until("the tool runs", || {
        bearers(&scene)
            .iter()
            .any(|(_, line)| line.starts_with("tail "))
    })
    .await;
    running
        .until(|event| matches!(event, AdapterEvent::ToolCall { .. }).then_some(()))
        .await;
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let (_, end) = running.finish().await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert_eq!(servers(), before, "a turn was stopped");
    scene.adapter.close().await;
    assert_eq!(bearers(&scene), []);
}

#[tokio::test]
async fn a_process_that_works_unasked_is_ended() {
    let allowed = [
        ("IS_SANDBOX", "1"),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "0"),
    ];
    let Some(scene) = Scene::set(Permissions::Full, &allowed).await else {
        return;
    };
    let context = ContextId::mint();
    let (_, end) = scene.run(&context, SessionState::New, "BACKGROUND").await;
    assert_eq!(reply(&end), "DONE after the tool");
    // When the command is done the CLI tells its model so, though nobody asked.
    until("it is ended", || bearers(&scene).is_empty()).await;
    let (_, end) = scene.run(&context, SessionState::New, "PONG then").await;
    assert_eq!(reply(&end), "PONG");
}

#[tokio::test]
async fn what_a_turn_left_behind_dies_and_its_process_stays() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    crate::child::become_subreaper().unwrap();
    let context = ContextId::mint();
    scene.run(&context, SessionState::New, "PONG").await;
    let before = leaders(&scene);
    let (_, end) = scene.run(&context, SessionState::New, "LEAVE it").await;
    assert_eq!(reply(&end), "DONE after the tool");
    assert!(
        scene.config.repo.join("left.txt").exists(),
        "it was started"
    );
    until("it is dead", || {
        bearers(&scene)
            .iter()
            .all(|(_, line)| !line.contains("sleep 600"))
    })
    .await;
    assert_eq!(leaders(&scene), before);
    assert!(scene.is_empty().await);
}
