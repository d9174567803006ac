//! No turn begins on settings that nobody accepted, whoever asks for it; and what a receiver tells of its repo.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fleet_a2a::client::Secret;
use fleet_receivers::adapter::exec::ExecAdapter;
use fleet_receivers::adapter::{Adapter, BoxFuture, Readiness, Turn, TurnEnd, TurnIo};
use fleet_receivers::child::ChildEnv;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::{self, ReadinessWord};
use fleet_receivers::harness::{Accepted, Acceptor, Handshake, Listing};
use tempfile::TempDir;

use crate::harness::{Receiver, TOKEN, end, message, start, until};

/// Leaves a line, then waits until it may go on.
const AGENT: &str = "echo run >> runs; while [ ! -e go ]; do sleep 0.02; done; echo done";

struct Place {
    dir: TempDir,
    config: ReceiverConfig,
}

impl Place {
    fn new(extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("repo");
        fs::create_dir(&repo).unwrap();
        let text = format!(
            "fleet = 'main'\npeer = 'app'\nreceiver_id = 'test-{}'\nmode = 'exec'\nrepo = '{}'\nbind = '127.0.0.1:0'\n\
             command = ['sh', '-c', '{AGENT}']\n{extra}",
            uuid::Uuid::new_v4().simple(),
            repo.display()
        );
        let config: ReceiverConfig = toml::from_str(&text).unwrap();
        let place = Self { dir, config };
        place.deploy();
        place
    }

    fn deploy(&self) {
        folder::write(&self.folder(), &self.config, &Secret::new(TOKEN)).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("receiver")
    }

    fn repo(&self) -> &Path {
        &self.config.repo
    }

    async fn serve(&self) -> Receiver {
        let env = ChildEnv::pick_own(self.config.mode, &[]);
        start(
            &self.folder(),
            Arc::new(ExecAdapter::new(&self.config, env)),
        )
        .await
    }

    fn runs(&self) -> usize {
        let runs = fs::read_to_string(self.repo().join("runs"));
        runs.unwrap_or_default().lines().count()
    }

    fn accept(&self) {
        let listing = Listing::read(self.repo(), self.config.mode);
        let accepted = Accepted::of(&self.config, &listing, Acceptor::Person);
        accepted.write(&self.folder()).unwrap();
    }
}

#[tokio::test]
async fn a_change_ends_every_turn_before_it_begins_also_one_that_waits_and_after_a_crash() {
    let place = Place::new("max_concurrent_turns = 1\n");
    let receiver = place.serve().await;
    let first = receiver.submit(message("one")).await;
    until(|| async { (place.runs() == 1).then_some(()) }).await;
    let waiting = receiver.submit(message("two")).await;
    fs::write(place.repo().join(".mcp.json"), "{}").unwrap();
    fs::write(place.repo().join("go"), "").unwrap();
    let id = |task: &serde_json::Value| task["id"].as_str().unwrap().to_owned();
    receiver.reaches(&id(&first), "TASK_STATE_COMPLETED").await;
    let ended = receiver.reaches(&id(&waiting), "TASK_STATE_FAILED").await;
    assert_eq!(end(&ended)["reason"], "untrusted", "{ended}");
    let detail = end(&ended)["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(".mcp.json is new") && detail.contains("fleet trust app"),
        "{detail}"
    );
    let usage = &ended["status"]["message"]["metadata"]["urn:a2a-fleet:usage:v1"];
    assert_ne!(usage["turns"], 1, "it costs nothing: {ended}");

    receiver.crash().await;
    place.deploy();
    let receiver = place.serve().await;
    let ended = receiver.send(message("three")).await;
    assert_eq!(end(&ended)["reason"], "untrusted", "{ended}");
    let health = receiver.health().await;
    assert_eq!(health.readiness, ReadinessWord::Untrusted);
    assert_eq!(health.remedy, "fleet trust app");
    assert_eq!(place.runs(), 1);

    place.accept();
    let done = receiver.send(message("four")).await;
    assert_eq!(done["status"]["state"], "TASK_STATE_COMPLETED", "{done}");
    assert_eq!(place.runs(), 2);
}

#[tokio::test]
async fn the_handshake_is_for_callers_with_the_token() {
    let place = Place::new("");
    fs::write(place.repo().join("AGENTS.md"), "words").unwrap();
    let receiver = place.serve().await;
    let url = format!("{}/harness", receiver.url);
    let refused = receiver.http.get(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let told: Handshake = receiver
        .get("/harness")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(told.peer, "app");
    assert_eq!(told.repo, place.repo().to_str().unwrap());
    assert_eq!(told.harness.instructions.names, ["AGENTS.md"]);
    assert!(told.settings_accepted);
    let listing = Listing::read(place.repo(), place.config.mode);
    assert_eq!(told.settings_hash, listing.hash());
}

/// Counts how often it is asked about itself.
#[derive(Debug)]
struct Counted {
    agent: ExecAdapter,
    probes: Arc<AtomicU32>,
}

impl Adapter for Counted {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        self.probes.fetch_add(1, Ordering::Relaxed);
        self.agent.probe()
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        self.agent.run(turn, io)
    }
}

#[tokio::test]
async fn an_agent_is_not_even_asked_about_itself_in_a_repo_whose_settings_nobody_accepted() {
    let place = Place::new("");
    fs::write(place.repo().join(".mcp.json"), "{}").unwrap();
    let probes = Arc::new(AtomicU32::new(0));
    let env = ChildEnv::pick_own(place.config.mode, &[]);
    let adapter = Counted {
        agent: ExecAdapter::new(&place.config, env),
        probes: Arc::clone(&probes),
    };
    let receiver = start(&place.folder(), Arc::new(adapter)).await;
    let ended = receiver.send(message("one")).await;
    assert_eq!(end(&ended)["reason"], "untrusted", "{ended}");
    assert_eq!(receiver.health().await.readiness, ReadinessWord::Untrusted);
    assert_eq!(probes.load(Ordering::Relaxed), 0);
    place.accept();
    until(|| async { (probes.load(Ordering::Relaxed) == 1).then_some(()) }).await;
}
