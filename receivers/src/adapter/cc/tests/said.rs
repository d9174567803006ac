//! What reaches the model, and what comes back beside the reply, with the real Claude Code.

use fleet_a2a::ContextId;
use fleet_testkit::model_server::{INPUT_TOKENS, OUTPUT_TOKENS};

use super::processes::{SANDBOX, leaders};
use super::scene::{Scene, asks, reply, usage};
use crate::adapter::{Adapter, AdapterEvent, SessionState};
use crate::config::Permissions;

#[tokio::test]
async fn a_subagent_is_heard_and_is_no_part_of_the_reply() {
    let Some(scene) = Scene::set(Permissions::Full, &SANDBOX).await else {
        return;
    };
    scene.adapter.probe().await;
    let (events, end) = scene
        .run(&ContextId::mint(), SessionState::New, "SUBAGENT")
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
