//! The exec adapter with real commands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::contract::{Contract, ReplyTo};
use fleet_a2a::{ContextId, MessageId, TaskId};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::adapter::{
    AdapterEvent, COMMAND_QUEUE, EVENT_QUEUE, SessionState, TurnCommand, TurnOutcome,
};
use crate::child::sweep;

const BOUND: Duration = Duration::from_secs(10);

struct Running {
    events: mpsc::Receiver<AdapterEvent>,
    commands: mpsc::Sender<TurnCommand>,
    end: tokio::task::JoinHandle<TurnEnd>,
}

fn config(repo: &Path, events: ExecEvents, command: &[&str]) -> ReceiverConfig {
    let text = format!(
        "fleet = \"t\"\npeer = \"p\"\nreceiver_id = \"exec-{}\"\nmode = \"exec\"\nrepo = {repo:?}\nbind = \"127.0.0.1:0\"\n",
        TaskId::mint()
    );
    let mut config: ReceiverConfig = toml::from_str(&text).unwrap();
    config.command = command.iter().map(|arg| (*arg).to_owned()).collect();
    config.events = events;
    config
}

fn start(config: &ReceiverConfig, prompt: &str) -> Running {
    let env = ChildEnv::pick(config.mode, &[], std::env::vars());
    let adapter = ExecAdapter::new(config, env.clone());
    let task = TaskId::mint();
    let turn = Turn {
        spawner: Spawner::new(&config.receiver_id, &task, config.repo.clone(), env),
        task,
        context: ContextId::mint(),
        message: MessageId::mint(),
        parts: Vec::new(),
        prompt: prompt.to_owned(),
        contract: Arc::new(Contract {
            instruction: "do it".to_owned(),
            context: None,
            expected_output: None,
            reply_to: ReplyTo::Console,
            deadline_s: 30,
        }),
        session: SessionState::New,
        settings: String::new(),
    };
    let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
    let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
    let io = TurnIo {
        events: event_sender,
        commands: command_receiver,
    };
    let end = tokio::spawn(async move { adapter.run(turn, io).await });
    Running {
        events,
        commands,
        end,
    }
}

/// Runs a shell script to its end: its events and its outcome.
async fn run(events: ExecEvents, script: &str, prompt: &str) -> (Vec<AdapterEvent>, TurnOutcome) {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), events, &["sh", "-c", script]);
    let mut running = start(&config, prompt);
    let mut seen = Vec::new();
    timeout(BOUND, async {
        while let Some(event) = running.events.recv().await {
            seen.push(event);
        }
    })
    .await
    .unwrap();
    let end = running.end.await.unwrap();
    sweep(&config.receiver_id, None).await;
    (seen, end.outcome)
}

fn completed(reply: &str) -> TurnOutcome {
    TurnOutcome::Completed {
        reply: reply.to_owned(),
    }
}

#[tokio::test]
async fn the_prompt_comes_on_stdin_and_stdout_is_the_reply() {
    let prompt = "line\n".repeat(40_000);
    let (events, outcome) = run(ExecEvents::Text, "cat; echo noise >&2", &prompt).await;
    assert_eq!(outcome, completed(&prompt));
    assert!(events.len() > 1, "it was streamed");
}

#[tokio::test]
async fn a_command_that_does_not_read_its_prompt_is_no_failure() {
    let (_, outcome) = run(
        ExecEvents::Text,
        "exec 0<&-; printf done",
        &"x".repeat(1_000_000),
    )
    .await;
    assert_eq!(outcome, completed("done"));
}

#[tokio::test]
async fn a_reply_that_lost_a_line_is_not_told_as_whole() {
    let script = "head -c 1100000 /dev/zero | tr '\\0' x; echo; echo '{\"type\":\"text\",\"text\":\"rest\"}'";
    let (events, outcome) = run(ExecEvents::Jsonl, script, "").await;
    assert_eq!(events, [AdapterEvent::TextDelta("rest".to_owned())]);
    let TurnOutcome::Failed { detail } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(detail.contains("a line of 1100000 bytes"), "{detail}");
}

#[tokio::test]
async fn the_contract_is_in_a_private_file_that_is_gone_afterwards() {
    let script = "stat -c %a \"$FLEET_CONTRACT_FILE\"; echo \"$FLEET_CONTRACT_FILE\"; cat \"$FLEET_CONTRACT_FILE\"";
    let (_, outcome) = run(ExecEvents::Text, script, "").await;
    let TurnOutcome::Completed { reply } = outcome else {
        panic!("{outcome:?}")
    };
    let lines: Vec<&str> = reply.lines().collect();
    assert_eq!(lines[0], "600");
    assert!(!Path::new(lines[1]).exists());
    let contract: Contract = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(contract.instruction, "do it");
}

#[tokio::test]
async fn a_failure_is_told_with_its_exit_code_and_last_words() {
    let (_, outcome) = run(
        ExecEvents::Text,
        "printf part; echo no disk >&2; exit 3",
        "",
    )
    .await;
    assert_eq!(
        outcome,
        TurnOutcome::Failed {
            detail: "exit code 3\nno disk".to_owned()
        }
    );
    let (_, outcome) = run(ExecEvents::Text, "kill -9 $$", "").await;
    assert_eq!(
        outcome,
        TurnOutcome::Failed {
            detail: "killed by signal 9".to_owned()
        }
    );
}

#[tokio::test]
async fn a_missing_command_is_told_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), ExecEvents::Text, &["./no-such-agent"]);
    let outcome = start(&config, "").end.await.unwrap().outcome;
    let TurnOutcome::Failed { detail } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        detail.contains("no-such-agent") && detail.contains("fleet.toml"),
        "{detail}"
    );
    let adapter = ExecAdapter::new(&config, ChildEnv::default());
    assert!(matches!(
        adapter.probe().await.state,
        ReadinessState::Missing { .. }
    ));
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_does_not_hold_the_turn() {
    let begun = Instant::now();
    let (_, outcome) = run(ExecEvents::Text, "setsid sleep 600 & printf done", "").await;
    assert_eq!(outcome, completed("done"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn jsonl_ends_by_its_word_by_its_exit_or_by_both() {
    let end = |state: &str| {
        format!(
            "echo '{{\"type\":\"text\",\"text\":\"hi\"}}'; echo '{{\"type\":\"end\",\"state\":\"{state}\",\"error\":\"why\"}}'"
        )
    };
    let (events, outcome) = run(ExecEvents::Jsonl, &end("completed"), "").await;
    assert_eq!(outcome, completed("hi"));
    assert_eq!(events, [AdapterEvent::TextDelta("hi".to_owned())]);
    let (_, outcome) = run(ExecEvents::Jsonl, &end("failed"), "").await;
    assert_eq!(
        outcome,
        TurnOutcome::Failed {
            detail: "why".to_owned()
        }
    );
    let (_, outcome) = run(
        ExecEvents::Jsonl,
        &format!("{}; exit 2", end("completed")),
        "",
    )
    .await;
    assert_eq!(
        outcome,
        TurnOutcome::Failed {
            detail: "exit code 2".to_owned()
        }
    );
    // It said that it is done and does not leave.
    let (_, outcome) = run(
        ExecEvents::Jsonl,
        &format!("{}; exec sleep 600", end("completed")),
        "",
    )
    .await;
    assert_eq!(outcome, completed("hi"));
}

#[tokio::test]
async fn an_interrupt_ends_even_a_command_that_ignores_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo up; sleep 600 & wait; sleep 600";
    let config = config(dir.path(), ExecEvents::Text, &["sh", "-c", script]);
    let mut running = start(&config, "");
    timeout(BOUND, running.events.recv())
        .await
        .unwrap()
        .unwrap();
    let begun = Instant::now();
    running.commands.send(TurnCommand::Interrupt).await.unwrap();
    let end = timeout(BOUND, running.end).await.unwrap().unwrap();
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(sweep(&config.receiver_id, None).await.survivors, 0);
}

#[tokio::test]
async fn a_reply_without_end_is_stopped_at_its_bound() {
    let (_, outcome) = run(
        ExecEvents::Text,
        "yes 0123456789012345678901234567890123456789",
        "",
    )
    .await;
    let TurnOutcome::Failed { detail } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(detail.contains("4 MiB"), "{detail}");
}
