//! The real Claude Code against a scripted model server, through `fleet send` and the console.
//!
//! Where Claude Code is not installed these tests say `skipped: claude not installed`; the continuous integration
//! installs it and fails when it reads that line.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fleet_testkit::{ModelServer, claude};
use serde_json::Value;

use crate::fleet::{Fleet, kill};

pub(crate) struct Setup {
    pub(crate) fleet: Fleet,
    server: ModelServer,
    runtime: tokio::runtime::Runtime,
    claude: PathBuf,
}

/// A fleet with one `cc` peer named app, or `None` where Claude Code is not installed.
pub(crate) fn setup(more: &str) -> Option<Setup> {
    let claude = claude::or_skip()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("runtime");
    let fleet = Fleet::new(&format!(
        "[peers.app]\nmode = \"cc\"\nrepo = \"repo\"\nenv = [\"FLEET_TEST_DIR\"]\n{more}\n"
    ));
    let server = runtime
        .block_on(ModelServer::start(&fleet.path("repo")))
        .expect("model server");
    Some(Setup {
        fleet,
        server,
        runtime,
        claude,
    })
}

impl Setup {
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        claude::env(
            &self.claude,
            &self.fleet.path("home"),
            &format!("http://{}", self.server.addr),
        )
    }

    /// Starts the receiver with the environment of somebody who is logged in.
    pub(crate) fn deploy(&self) {
        let output = self
            .fleet
            .command(&["deploy", "app", "--json"])
            .envs(self.environment())
            .output()
            .expect("deploy");
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn close(self) {
        self.fleet.shut_down();
        drop(self.server);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

macro_rules! setup_or_skip {
    ($more:expr) => {
        match setup($more) {
            Some(setup) => setup,
            None => return,
        }
    };
}

pub(crate) fn id_of(object: &Value) -> String {
    object["dispatch_id"].as_str().expect("id").to_owned()
}

pub(crate) fn transcript(fleet: &Fleet, id: &str) -> Vec<Value> {
    let context = fleet.run(&["dispatches", "show", id, "--json"]).json()["context_id"].clone();
    let listed = fleet.ok(&["transcripts", "list", "--json"]).json();
    let entries = listed["transcripts"].as_array().expect("list").clone();
    let Some(entry) = entries
        .into_iter()
        .find(|entry| entry["context_id"] == context)
    else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(entry["path"].as_str().expect("path")).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[test]
fn deltas_come_before_the_end_and_usage_is_the_servers() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let sent = setup
        .fleet
        .ok(&["send", "app", "SLOW", "--no-wait", "--json"])
        .json();
    let id = id_of(&sent);
    setup.fleet.until(
        "text deltas are there while it works",
        Duration::from_secs(20),
        || {
            let state = setup
                .fleet
                .run(&["dispatches", "show", &id, "--json"])
                .json()["state"]
                .clone();
            let deltas = transcript(&setup.fleet, &id)
                .iter()
                .filter(|line| !line["delta"].is_null())
                .count();
            assert!(
                state != "completed" || deltas > 0,
                "deltas only after the end"
            );
            state == "working" && deltas >= 2
        },
    );
    setup.fleet.ok(&["dispatches", "cancel", &id]);
    let pong = setup.fleet.ok(&["send", "app", "PONG", "--json"]).json();
    assert!(
        pong["reply"].as_str().expect("reply").contains("PONG"),
        "{pong}"
    );
    // The server's figures for one call: 100 in, 20 written to and 30 read from the cache, 40 out.
    assert_eq!(pong["usage"]["input_tokens"], 100, "{pong}");
    assert_eq!(pong["usage"]["cache_write_tokens"], 20, "{pong}");
    assert_eq!(pong["usage"]["cache_read_tokens"], 30, "{pong}");
    assert_eq!(pong["usage"]["output_tokens"], 40, "{pong}");
    assert_eq!(pong["usage"]["estimated"], false, "{pong}");
    setup.close();
}

#[test]
fn a_write_asks_and_is_done_only_when_allowed() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let file = setup.fleet.path("repo/hello.txt");
    for (decision, written) in [("deny", false), ("allow", true)] {
        let sent = setup
            .fleet
            .ok(&["send", "app", "WRITE", "--again", "--no-wait", "--json"])
            .json();
        let id = id_of(&sent);
        setup.fleet.until("it asks", Duration::from_secs(20), || {
            setup
                .fleet
                .run(&["dispatches", "show", &id, "--json"])
                .json()["state"]
                == "input_required"
        });
        assert!(!file.exists(), "nothing is written before the answer");
        setup.fleet.ok(&["dispatches", "answer", &id, decision]);
        let ended = setup.fleet.run(&["dispatches", "wait", &id, "--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(file.exists(), written, "{decision}");
        let refused = ended.json()["refused"].as_array().expect("refused").len();
        assert_eq!(refused > 0, !written, "a refused tool is listed: {ended:?}");
    }
    setup.close();
}

/// The process that waits for the conversation's next turn is swept by whoever starts the receiver again.
#[test]
fn a_killed_receiver_leaves_no_waiting_process_and_the_conversation_goes_on() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let fleet = &setup.fleet;
    let send = |text: &str| {
        fleet
            .ok(&["send", "app", text, "--context-id", "c", "--json"])
            .json()
    };
    assert_eq!(send("PONG")["state"], "completed");
    let agents = || -> Vec<i32> {
        let all = fleet.agents().into_iter();
        all.filter(|(_, line)| line.contains("--permission-prompt-tool"))
            .map(|(pid, _)| pid)
            .collect()
    };
    let waiting = agents();
    assert_eq!(waiting.len(), 1, "it waits for the next turn");
    kill(fleet.receiver_pid("app").expect("receiver"));
    let reply = send("HISTORY")["reply"].clone();
    assert!(
        reply
            .as_str()
            .expect("reply")
            .starts_with("HISTORY n=2 :: PONG"),
        "{reply}"
    );
    let now = agents();
    assert_eq!(now.len(), 1, "{now:?}");
    assert_ne!(now, waiting);
    setup.close();
}

/// The answer comes to a daemon that knows the question only from what was stored; in the second round the daemon dies again
/// as soon as it has taken the answer.
#[test]
fn a_question_outlives_the_daemon_and_its_answer_is_given_once() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let fleet = &setup.fleet;
    let file = fleet.path("repo/hello.txt");
    for dies_again in [false, true] {
        let _ = std::fs::remove_file(&file);
        let sent = fleet
            .ok(&["send", "app", "WRITE", "--again", "--no-wait", "--json"])
            .json();
        let id = id_of(&sent);
        let state = || fleet.run(&["dispatches", "show", &id, "--json"]).json()["state"].clone();
        fleet.until("it asks", Duration::from_secs(20), || {
            state() == "input_required"
        });
        kill(fleet.daemon_pid().expect("daemon"));
        assert_eq!(state(), "input_required", "it still asks");
        fleet.ok(&["dispatches", "answer", &id, "allow"]);
        if dies_again {
            kill(fleet.daemon_pid().expect("daemon"));
        }
        let ended = fleet.run(&["dispatches", "wait", &id, "--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(file.exists());
        let answers = transcript(fleet, &id)
            .iter()
            .filter(|line| line.to_string().contains("permission_answered"))
            .count();
        assert_eq!(answers, 1, "answered once");
    }
    setup.close();
}

#[test]
fn a_second_message_continues_the_session() {
    let setup = setup_or_skip!("");
    setup.deploy();
    setup
        .fleet
        .ok(&["send", "app", "PONG one", "--context-id", "talk"]);
    let second = setup
        .fleet
        .ok(&[
            "send",
            "app",
            "HISTORY two",
            "--context-id",
            "talk",
            "--json",
        ])
        .json();
    let reply = second["reply"].as_str().expect("reply");
    assert!(
        reply.contains("n=2"),
        "the agent remembers the first message: {second}"
    );
    setup.close();
}

#[test]
fn an_overloaded_api_shows_retries_and_fails_with_its_words() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let said = setup.fleet.run(&["send", "app", "FAIL529", "--json"]);
    let ended = said.json();
    assert_eq!(said.code, 1, "{ended}");
    assert_eq!(ended["state"], "failed", "{ended}");
    assert!(
        ended["error"]["message"]
            .as_str()
            .expect("message")
            .contains("529"),
        "{ended}"
    );
    assert!(
        ended["error"]["message"]
            .as_str()
            .expect("message")
            .contains("Overloaded"),
        "{ended}"
    );
    let retries = transcript(&setup.fleet, &id_of(&ended))
        .iter()
        .filter(|line| line.to_string().contains("\"retry\""))
        .count();
    assert!(retries >= 1, "retries are in the transcript");
    setup.close();
}

#[test]
fn a_cancel_ends_it_within_a_second_and_only_the_agent_waits() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let sent = setup
        .fleet
        .ok(&["send", "app", "SLOW", "--no-wait", "--json"])
        .json();
    let id = id_of(&sent);
    setup
        .fleet
        .until("it streams", Duration::from_secs(20), || {
            transcript(&setup.fleet, &id)
                .iter()
                .any(|line| !line["delta"].is_null())
        });
    let began = Instant::now();
    setup.fleet.ok(&["dispatches", "cancel", &id]);
    let said = setup.fleet.run(&["dispatches", "wait", &id, "--json"]);
    let took = began.elapsed();
    assert_eq!(said.json()["state"], "canceled", "{said:?}");
    assert!(took < Duration::from_secs(1), "canceled after {took:?}");
    let left = setup.fleet.agents();
    assert!(left.len() <= 1, "{left:?}");
    let waits = |line: &str| line.contains("--permission-prompt-tool");
    assert!(left.iter().all(|(_, line)| waits(line)), "{left:?}");
    setup.close();
}

#[test]
fn not_logged_in_is_a_state_with_its_remedy() {
    let setup = setup_or_skip!("");
    let without_key = claude::env_without_login(&setup.claude, &setup.fleet.path("home"));
    let output = setup
        .fleet
        .command(&["deploy", "app"])
        .envs(without_key.clone())
        .output()
        .expect("deploy");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(
        told.contains("not logged in") && told.contains("/login"),
        "{told}"
    );
    let status = setup.fleet.ok(&["status", "--json"]).json();
    assert_eq!(
        status["peers"][0]["health"], "degraded",
        "{status} {output:?}"
    );
    assert!(
        status["peers"][0]["reason"]
            .as_str()
            .expect("reason")
            .contains("log"),
        "{status}"
    );
    let said = setup
        .fleet
        .command(&["send", "app", "PONG"])
        .envs(without_key)
        .output()
        .expect("send");
    let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("/login"), "the remedy is named: {stderr}");
    setup.close();
}

#[test]
fn a_write_is_allowed_in_the_console() {
    let setup = setup_or_skip!("");
    setup.deploy();
    let mut console = setup.fleet.console((110, 30));
    console.wait_for("app");
    console.press("n");
    console.wait_for("new dispatch");
    console.press("WRITE\x13");
    console.wait_for("allow");
    assert!(
        !setup.fleet.path("repo/hello.txt").exists(),
        "nothing is written before the answer"
    );
    console.press("a");
    console.wait_for("completed");
    assert!(setup.fleet.path("repo/hello.txt").exists());
    console.press("\x03");
    assert!(console.end().restored);
    setup.close();
}
