//! A receiver whose agent's processes wait for their next turn, with the real Claude Code.

#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::Secret;
use fleet_receivers::Mode;
use fleet_receivers::adapter::cc::CcAdapter;
use fleet_receivers::child::ChildEnv;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder;
use fleet_receivers::harness::{Accepted, Acceptor, Listing};
use fleet_testkit::{ModelServer, Options, claude};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::harness::{Receiver, TOKEN, end, limited, message, reply, start, until, with};

struct Setup {
    dir: TempDir,
    _model: ModelServer,
    config: ReceiverConfig,
    env: ChildEnv,
}

/// `None` where Claude Code is not installed.
async fn setup() -> Option<Setup> {
    let binary = claude::or_skip()?;
    let dir = tempfile::tempdir().unwrap();
    let (repo, home) = (dir.path().join("repo"), dir.path().join("home"));
    std::fs::create_dir(&repo).unwrap();
    std::fs::create_dir(&home).unwrap();
    let model = ModelServer::start_with(Options {
        port: 0,
        repo: repo.clone(),
        slow_delay: Duration::from_millis(100),
    })
    .await
    .unwrap();
    let text = format!(
        "fleet = 'main'\npeer = 'app'\nreceiver_id = 'warm-{}'\nmode = 'cc'\nrepo = {repo:?}\nbind = '127.0.0.1:0'\npermissions = 'full'\n",
        uuid::Uuid::new_v4().simple(),
    );
    let config: ReceiverConfig = toml::from_str(&text).unwrap();
    folder::write(dir.path(), &config, &Secret::new(TOKEN)).unwrap();
    let mut env = claude::env(&binary, &home, &model.url());
    env.push(("IS_SANDBOX".to_owned(), "1".to_owned()));
    folder::write_env(dir.path(), &env).unwrap();
    let env = ChildEnv::pick(Mode::Cc, &[], env);
    Some(Setup {
        dir,
        _model: model,
        config,
        env,
    })
}

impl Setup {
    async fn start(&self) -> Receiver {
        let adapter = CcAdapter::new(&self.config, self.env.clone());
        start(self.dir.path(), Arc::new(adapter)).await
    }

    /// Command lines of whatever bears this receiver's marker.
    fn bearers(&self) -> Vec<String> {
        let marker = format!("FLEET_TURN={}/", self.config.receiver_id);
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|entry| {
                let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
                String::from_utf8_lossy(&environ).contains(&marker)
            })
            .map(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                format!(
                    "{:?} {}",
                    entry.file_name(),
                    String::from_utf8_lossy(&line).replace('\0', " ")
                )
            })
            .collect()
    }

    fn leaders(&self) -> Vec<String> {
        let mut leaders = self.bearers();
        leaders.retain(|line| line.contains("--permission-prompt-tool"));
        leaders
    }
}

fn on(context: &str, text: &str) -> Value {
    with(message(text), "contextId", json!(context))
}

#[tokio::test]
async fn a_receiver_with_warm_processes_stops_at_once_and_leaves_nothing() {
    let Some(setup) = setup().await else { return };
    let receiver = setup.start().await;
    for context in ["one", "two"] {
        assert_eq!(reply(&receiver.send(on(context, "PONG")).await), "PONG");
    }
    assert_eq!(setup.leaders().len(), 2);
    let began = Instant::now();
    receiver.stop.drain.cancel();
    receiver.stopped().await.unwrap();
    let took = began.elapsed();
    assert_eq!(setup.bearers(), Vec::<String>::new());
    // 200 ms on a machine that has nothing else to do; a process of 250 MB takes a while to be gone on one that has.
    assert!(took < Duration::from_secs(2), "{took:?}");
    let receiver = setup.start().await;
    let task = receiver.send(on("one", "HISTORY")).await;
    assert_eq!(reply(&task), "HISTORY n=2 :: PONG | HISTORY");
}

#[tokio::test]
async fn turns_that_are_stopped_leave_no_tool_and_the_process_for_the_next() {
    let Some(setup) = setup().await else { return };
    let receiver = setup.start().await;
    receiver.send(on("c", "PONG")).await;
    let task = receiver.submit(on("c", "SLEEP")).await;
    let id = task["id"].as_str().unwrap();
    until(|| async {
        setup
            .bearers()
            .iter()
            .any(|line| line.contains(" tail -f"))
            .then_some(())
    })
    .await;
    let canceled = receiver.call("CancelTask", json!({ "id": id })).await;
    assert_eq!(
        canceled["result"]["status"]["state"], "TASK_STATE_CANCELED",
        "{canceled}"
    );
    assert!(!setup.bearers().iter().any(|line| line.contains(" tail -f")));

    // Passed by the first figures of the call, and by its last.
    for tokens in [120, 159] {
        let budget = limited(on("c", "SLOW"), json!({ "grant": { "tokens": tokens } }));
        let task = receiver.send(budget).await;
        assert_eq!(end(&task)["reason"], "budget", "{task}");
    }

    let task = receiver.send(on("c", "BASH it")).await;
    assert_eq!(reply(&task), "DONE after the tool", "{task}");
    // The same one, unless the machine is so busy that it did not obey in time and was replaced.
    assert_eq!(setup.leaders().len(), 1);
    drop(receiver);
}

/// A person accepts changed settings while another turn is open, so that the receiver is not started anew.
#[tokio::test]
async fn settings_that_are_accepted_during_a_turn_hold_for_every_turn_after_it() {
    let Some(setup) = setup().await else { return };
    let receiver = setup.start().await;
    assert_eq!(reply(&receiver.send(on("c", "PONG")).await), "PONG");
    let before = setup.leaders();
    let open = receiver.submit(on("other", "SLEEP")).await;

    let claude = setup.config.repo.join(".claude");
    std::fs::create_dir(&claude).unwrap();
    let run = setup.dir.path().join("hook-ran");
    let settings = json!({ "hooks": { "UserPromptSubmit": [{ "hooks": [
        { "type": "command", "command": format!("touch {}", run.display()) }
    ] }] } });
    std::fs::write(claude.join("settings.json"), settings.to_string()).unwrap();
    let refused = receiver.send(on("c", "PONG")).await;
    assert_eq!(end(&refused)["reason"], "untrusted", "{refused}");
    let listing = Listing::read(&setup.config.repo, Mode::Cc);
    let accepted = Accepted::of(&setup.config, &listing, Acceptor::Person);
    accepted.write(setup.dir.path()).unwrap();

    let task = receiver.send(on("c", "HISTORY")).await;
    assert_eq!(reply(&task), "HISTORY n=2 :: PONG | HISTORY");
    assert!(run.exists(), "the accepted settings hold");
    let still: Vec<String> = setup.leaders();
    assert!(still.iter().all(|line| !before.contains(line)), "{still:?}");
    receiver
        .call("CancelTask", json!({ "id": open["id"] }))
        .await;
    drop(receiver);
}
