//! Starts receivers in this process and talks to them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::client::Secret;
use fleet_receivers::adapter::Adapter;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::{self, Health, Identity};
use fleet_receivers::{ServeError, Stop, serve_with};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "test-token-0123456789";
/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A receiver that runs in this process. Dropping it stops it as a crash would.
pub(crate) struct Receiver {
    pub url: String,
    pub stop: Stop,
    pub http: reqwest::Client,
    pub instance: String,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A folder with a configuration; `extra` is TOML.
pub(crate) fn folder(extra: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "fleet = 'main'\npeer = 'app'\nreceiver_id = 'test-{}'\nmode = 'echo'\nrepo = '{}'\nbind = '127.0.0.1:0'\n{extra}",
        uuid::Uuid::new_v4().simple(),
        dir.path().display()
    );
    let config: ReceiverConfig = toml::from_str(&text).unwrap();
    folder::write(dir.path(), &config, &Secret::new(TOKEN)).unwrap();
    dir
}

pub(crate) async fn start(dir: &Path, adapter: Arc<dyn Adapter>) -> Receiver {
    let before = Identity::read(dir)
        .unwrap()
        .map(|identity| identity.instance);
    let stop = Stop::when(tokio_util::sync::CancellationToken::new());
    let path = dir.to_owned();
    let told = stop.clone();
    let serving = tokio::spawn(async move { serve_with(&path, adapter, told).await });
    let identity = until(|| async {
        let identity = Identity::read(dir).unwrap()?;
        (Some(&identity.instance) != before.as_ref()).then_some(identity)
    })
    .await;
    Receiver {
        url: identity.url,
        instance: identity.instance,
        stop,
        http: reqwest::Client::new(),
        serving,
    }
}

/// Awaits a condition.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let wait = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition never held")
}

/// A message as its callers send it.
pub(crate) fn message(text: &str) -> Value {
    json!({"messageId": uuid::Uuid::now_v7(), "role": "ROLE_USER", "parts": [{"text": text}]})
}

/// The same with an entry of the message set.
pub(crate) fn with(mut message: Value, key: &str, value: Value) -> Value {
    message[key] = value;
    message
}

/// The same with a deadline in seconds and a grant of tokens.
pub(crate) fn limited(message: Value, limits: Value) -> Value {
    with(
        message,
        "metadata",
        json!({"urn:a2a-fleet:dispatch:v1": limits}),
    )
}

impl Receiver {
    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", self.url))
            .bearer_auth(TOKEN)
            .header("A2A-Version", "1.0")
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .get(format!("{}{path}", self.url))
            .bearer_auth(TOKEN)
            .header("A2A-Version", "1.0")
    }

    /// The whole JSON-RPC answer.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post("/jsonrpc").json(&body).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Sends a message and waits for its task.
    pub(crate) async fn send(&self, message: Value) -> Value {
        let answer = self
            .call("SendMessage", json!({ "message": message }))
            .await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"]["task"].clone()
    }

    /// Sends a message and does not wait.
    pub(crate) async fn submit(&self, message: Value) -> Value {
        let params = json!({"message": message, "configuration": {"returnImmediately": true}});
        let answer = self.call("SendMessage", params).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"]["task"].clone()
    }

    pub(crate) async fn task(&self, id: &str) -> Value {
        self.call("GetTask", json!({ "id": id })).await["result"].clone()
    }

    /// Waits until a task is in a state.
    pub(crate) async fn reaches(&self, id: &str, state: &str) -> Value {
        until(|| async {
            let task = self.task(id).await;
            (task["status"]["state"] == state).then_some(task)
        })
        .await
    }

    pub(crate) async fn health(&self) -> Health {
        let answer = self
            .http
            .get(format!("{}/health", self.url))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// Waits until it has stopped by itself.
    pub(crate) async fn stopped(mut self) -> Result<(), ServeError> {
        let serving = &mut self.serving;
        tokio::time::timeout(PATIENCE, serving)
            .await
            .expect("it did not stop")
            .unwrap()
    }

    /// Stops it as kill -9 would: nothing is written any more.
    pub(crate) async fn crash(mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }
}

/// The text of the reply.
pub(crate) fn reply(task: &Value) -> String {
    let artifacts = task["artifacts"].as_array().cloned().unwrap_or_default();
    let reply = artifacts
        .iter()
        .find(|artifact| artifact["artifactId"] == "reply");
    reply
        .map(|a| a["parts"][0]["text"].as_str().unwrap_or("").to_owned())
        .unwrap_or_default()
}

/// The end event of a task.
pub(crate) fn end(task: &Value) -> Value {
    task["status"]["message"]["parts"][0]["data"].clone()
}

/// One frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub id: String,
    pub data: Value,
}

/// Reads a stream to its end, or to `limit` frames.
pub(crate) async fn frames(response: reqwest::Response, limit: usize) -> Vec<Frame> {
    use futures::StreamExt;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut bytes = response.bytes_stream();
    let mut text = String::new();
    let mut frames = Vec::new();
    while frames.len() < limit {
        let next = tokio::time::timeout(PATIENCE, bytes.next())
            .await
            .expect("the stream hangs");
        let Some(chunk) = next else { break };
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some(at) = text.find("\n\n") {
            let block: String = text.drain(..at + 2).collect();
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.map(str::to_owned)
            };
            if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                frames.push(Frame {
                    id,
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
        }
    }
    frames
}
