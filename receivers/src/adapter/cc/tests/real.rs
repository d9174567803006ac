//! The adapter with the real Claude Code and a scripted model behind it. Where it is not installed the tests say so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::ContextId;
use fleet_a2a::ext::Decision;
use fleet_testkit::claude;
use fleet_testkit::model_server::{
    CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS,
};
use tokio::time::Instant;

use super::config;
use super::scene::{Scene, asks, reply, usage};
use crate::Mode;
use crate::adapter::cc::CcAdapter;
use crate::adapter::{
    Adapter, AdapterEvent, ReadinessState, SessionState, TurnCommand, TurnOutcome,
};
use crate::child::{ChildEnv, sweep};
use crate::config::Permissions;

#[tokio::test]
async fn text_comes_while_it_is_made_and_usage_is_what_the_server_charged() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let mut running = scene.start(&ContextId::mint(), SessionState::New, "SLOW please");
    let first = running
        .until(|event| match event {
            AdapterEvent::TextDelta(text) => Some(text.clone()),
            _ => None,
        })
        .await;
    assert!(first.starts_with("token00") && !first.contains("token39"));
    assert!(!running.end.is_finished());
    let (events, end) = running.finish().await;
    assert!(reply(&end).ends_with("token39"));
    let calls = scene.model.answered();
    let spent = usage(&events);
    assert_eq!(
        (
            spent.input_tokens,
            spent.cache_write_tokens,
            spent.cache_read_tokens,
            spent.output_tokens,
            spent.turns
        ),
        (
            calls * INPUT_TOKENS,
            calls * CACHE_WRITE_TOKENS,
            calls * CACHE_READ_TOKENS,
            calls * OUTPUT_TOKENS,
            1
        )
    );
    assert!(spent.cost_usd.is_some_and(|cost| cost > 0.0));
    assert!(matches!(&events[0], AdapterEvent::Session(_)));
    let system = &scene.model.requests()[0].system;
    assert!(
        system.contains(scene.config.repo.to_str().unwrap()),
        "the role text names the repo"
    );
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn a_write_asks_and_happens_when_allowed_and_not_when_denied() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let mut running = scene.start(&ContextId::mint(), SessionState::New, "WRITE it");
    running.answer_ask(Decision::Deny, Some("not today")).await;
    let (events, end) = running.finish().await;
    assert!(!scene.written().exists());
    assert_eq!(end.refused.len(), 1);
    assert_eq!(
        (
            end.refused[0].tool.as_str(),
            end.refused[0].reason.as_deref()
        ),
        ("Write", Some("not today"))
    );
    assert!(events.iter().any(|event| matches!(event, AdapterEvent::ToolResult { text, is_error: true, .. } if text.contains("not today"))));

    let mut running = scene.start(&ContextId::mint(), SessionState::New, "WRITE it");
    running.answer_ask(Decision::Allow, None).await;
    let (_, end) = running.finish().await;
    assert_eq!(reply(&end), "DONE after the tool");
    assert!(end.refused.is_empty());
    assert!(scene.written().exists());
}

#[tokio::test]
async fn always_holds_for_the_context_in_the_same_process_and_in_the_next_and_writes_no_settings() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let mut contexts = Vec::new();
    for prompt in ["BASH it", "WRITE it"] {
        let context = ContextId::mint();
        let mut running = scene.start(&context, SessionState::New, prompt);
        running.answer_ask(Decision::Always, None).await;
        let (_, end) = running.finish().await;
        reply(&end);
        contexts.push((context, prompt));
    }
    for process in ["the same", "a new"] {
        for (context, prompt) in &contexts {
            let (events, end) = scene.run(context, SessionState::New, prompt).await;
            assert_eq!(
                (asks(&events), reply(&end)),
                (0, "DONE after the tool"),
                "{prompt} in {process} process"
            );
        }
        // From now on each turn has a process of its own.
        scene.adapter.close().await;
    }
    assert!(!scene.folder.path().join("repo/.claude").exists());
}

#[tokio::test]
async fn a_second_process_continues_the_session_whatever_is_known_of_it() {
    let Some(mut scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    scene.again(|config| config.warm_idle_s = 0);
    let context = ContextId::mint();
    let (events, _) = scene.run(&context, SessionState::New, "first PONG").await;
    let AdapterEvent::Session(session) = &events[0] else {
        panic!("{events:?}")
    };
    let (events, end) = scene
        .run(&context, SessionState::Known(session.clone()), "HISTORY")
        .await;
    assert!(
        reply(&end).starts_with("HISTORY n=2 :: first PONG"),
        "{}",
        reply(&end)
    );
    let spent = usage(&events);
    assert_eq!(
        (spent.input_tokens, spent.output_tokens),
        (INPUT_TOKENS, OUTPUT_TOKENS),
        "of this turn alone"
    );
    // Begun though it exists: it is resumed. Resumed though it is unknown: it is begun.
    let (_, end) = scene.run(&context, SessionState::New, "HISTORY").await;
    assert!(reply(&end).starts_with("HISTORY n=3"), "{}", reply(&end));
    let unknown = SessionState::Known("11111111-1111-4111-8111-111111111111".to_owned());
    let (_, end) = scene.run(&ContextId::mint(), unknown, "HISTORY").await;
    assert!(reply(&end).starts_with("HISTORY n=1"), "{}", reply(&end));
    let (_, end) = scene
        .run(&ContextId::mint(), SessionState::New, "HISTORY")
        .await;
    assert!(
        reply(&end).starts_with("HISTORY n=1"),
        "another context knows nothing"
    );
}

#[tokio::test]
async fn a_message_that_looks_like_a_command_reaches_the_model() {
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    for prompt in ["/clear", "/no-such-command"] {
        let (_, end) = scene
            .run(&ContextId::mint(), SessionState::New, prompt)
            .await;
        assert_eq!(reply(&end), format!("ECHO: {prompt}"));
    }
}

#[tokio::test]
async fn an_overloaded_api_shows_its_retries_and_fails_in_its_words() {
    let Some(scene) = Scene::set(Permissions::Ask, &[("CLAUDE_CODE_MAX_RETRIES", "1")]).await
    else {
        return;
    };
    let (events, end) = scene
        .run(&ContextId::mint(), SessionState::New, "FAIL529")
        .await;
    assert!(events.iter().any(|event| matches!(event, AdapterEvent::Retry { attempt: 1, text, .. } if text.contains("529"))));
    let TurnOutcome::Failed { detail } = &end.outcome else {
        panic!("{end:?}")
    };
    assert!(detail.contains("Overloaded"), "{detail}");
    assert!(scene.is_empty().await);
}

/// Interrupts a turn at the first event that `begun` accepts; says how long it took.
async fn interrupted(
    scene: &Scene,
    prompt: &str,
    begun: impl Fn(&AdapterEvent) -> bool,
) -> Duration {
    let mut running = scene.start(&ContextId::mint(), SessionState::New, prompt);
    running.until(|event| begun(event).then_some(())).await;
    let asked = Instant::now();
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let (_, end) = running.finish().await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted, "{prompt}");
    let took = asked.elapsed();
    sweep(&scene.config.receiver_id, None).await;
    assert!(scene.is_empty().await);
    took
}

#[tokio::test]
async fn an_interrupt_ends_talk_tools_and_questions_within_a_second() {
    let sandbox = [("IS_SANDBOX", "1")];
    let Some(scene) = Scene::set(Permissions::Full, &sandbox).await else {
        return;
    };
    let second = Duration::from_secs(1);
    let is_text = |event: &AdapterEvent| matches!(event, AdapterEvent::TextDelta(_));
    let is_call = |event: &AdapterEvent| matches!(event, AdapterEvent::ToolCall { .. });
    let is_session = |event: &AdapterEvent| matches!(event, AdapterEvent::Session(_));
    assert!(interrupted(&scene, "SLOW", is_text).await < second);
    assert!(interrupted(&scene, "SLEEP", is_call).await < second);
    assert!(
        interrupted(&scene, "HANG", is_session).await < second,
        "before it has come up"
    );
    let Some(scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let is_ask = |event: &AdapterEvent| matches!(event, AdapterEvent::Permission(_));
    assert!(interrupted(&scene, "WRITE", is_ask).await < second);
}

#[tokio::test]
async fn a_dropped_turn_leaves_nothing_that_a_sweep_does_not_end() {
    let Some(scene) = Scene::set(Permissions::Full, &[("IS_SANDBOX", "1")]).await else {
        return;
    };
    let mut running = scene.start(&ContextId::mint(), SessionState::New, "SLEEP");
    running
        .until(|event| matches!(event, AdapterEvent::ToolCall { .. }).then_some(()))
        .await;
    running.end.abort();
    let _ = running.end.await;
    sweep(&scene.config.receiver_id, None).await;
    assert!(scene.is_empty().await);
}

#[tokio::test]
async fn a_read_only_agent_writes_nothing_and_asks_nobody() {
    let Some(scene) = Scene::set(Permissions::ReadOnly, &[]).await else {
        return;
    };
    let (events, end) = scene
        .run(&ContextId::mint(), SessionState::New, "WRITE it")
        .await;
    assert_eq!((asks(&events), reply(&end)), (0, "NO-TOOL-AVAILABLE"));
    let (events, end) = scene
        .run(&ContextId::mint(), SessionState::New, "BASH it")
        .await;
    assert_eq!((asks(&events), end.refused.len()), (0, 1));
    assert!(
        std::fs::read_dir(&scene.config.repo)
            .unwrap()
            .next()
            .is_none()
    );
}

#[tokio::test]
async fn an_editing_agent_writes_unasked() {
    let Some(scene) = Scene::set(Permissions::Edit, &[]).await else {
        return;
    };
    let (events, _) = scene
        .run(&ContextId::mint(), SessionState::New, "WRITE it")
        .await;
    assert_eq!(asks(&events), 0);
    assert!(scene.written().exists());
}

#[tokio::test]
async fn who_is_not_logged_in_is_told_what_mends_it_by_the_probe_and_by_a_turn() {
    let Some(mut scene) = Scene::set(Permissions::Ask, &[]).await else {
        return;
    };
    let readiness = scene.adapter.probe().await;
    assert_eq!(readiness.state, ReadinessState::Ready);
    assert!(
        readiness
            .version
            .is_some_and(|version| version.starts_with("2."))
    );

    let binary = claude::binary().unwrap();
    let home = scene.folder.path().join("home");
    scene.env = ChildEnv::pick(Mode::Cc, &[], claude::env_without_login(&binary, &home));
    scene.adapter = Arc::new(CcAdapter::new(&scene.config, scene.env.clone()));
    let ReadinessState::Unauthenticated { remedy, .. } = scene.adapter.probe().await.state else {
        panic!()
    };
    assert!(remedy.contains("/login"));
    let (_, end) = scene
        .run(&ContextId::mint(), SessionState::New, "PONG")
        .await;
    assert!(
        matches!(end.outcome, TurnOutcome::Unauthenticated { .. }),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_missing_program_is_told_with_what_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut env = ChildEnv::default();
    env.set("PATH", "/nowhere");
    let adapter = CcAdapter::new(&config(Path::new(folder.path())), env);
    let ReadinessState::Missing { remedy, .. } = adapter.probe().await.state else {
        panic!()
    };
    assert!(remedy.contains("npm install"));
}
