//! What dies with a turn and what with its process, with the real Claude Code.

use fleet_a2a::ContextId;

use super::processes::{SANDBOX, bearers, leaders, until};
use super::scene::{Scene, reply};
use crate::adapter::{Adapter, AdapterEvent, SessionState, TurnCommand, TurnOutcome};
use crate::child::sweep;
use crate::config::Permissions;

#[tokio::test]
async fn an_interrupt_in_a_tool_ends_tool_and_process_and_the_next_turn_goes_on() {
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
    assert!(left.is_empty(), "a tool may come up late: {left:?}");
    let (_, end) = scene.run(&context, SessionState::New, "HISTORY now").await;
    assert!(reply(&end).starts_with("HISTORY n=3"), "{}", reply(&end));
    assert_ne!(leaders(&scene), before);
    assert!(scene.is_empty().await);
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
    // It forks for each line; the oldest is the server itself.
    until("the server runs", || !servers().is_empty()).await;
    let server = servers().into_iter().min().unwrap();
    scene.run(&context, SessionState::New, "BASH it").await;
    assert!(servers().contains(&server), "a turn has ended");
    let mut running = scene.start(&context, SessionState::New, "SLOW");
    running
        .until(|event| matches!(event, AdapterEvent::TextDelta(_)).then_some(()))
        .await;
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let (_, end) = running.finish().await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert!(servers().contains(&server), "a turn was stopped");
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

/// Such a CLI goes on with a subagent in the background, silent and paid for, though its turn was stopped.
#[tokio::test]
async fn a_process_that_may_work_in_the_background_does_not_outlive_a_turn_that_was_stopped() {
    let allowed = [
        ("IS_SANDBOX", "1"),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "0"),
    ];
    let Some(scene) = Scene::set(Permissions::Full, &allowed).await else {
        return;
    };
    let context = ContextId::mint();
    let mut running = scene.start(&context, SessionState::New, "SLOW");
    running
        .until(|event| matches!(event, AdapterEvent::TextDelta(_)).then_some(()))
        .await;
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let (_, end) = running.finish().await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert_eq!(bearers(&scene), []);
}
