//! A scripted model behind the Anthropic Messages API, so that real agent CLIs run with nothing behind them.
//!
//! Owns: the server, and the record of what it was asked and what it charged. What it answers is decided in `script` by a
//! keyword in the last message of the user; how an answer looks on the wire is in `wire`.

mod keyword;
mod script;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use keyword::Keyword;
pub use script::Action;

/// What every answered call costs, in tokens.
pub const INPUT_TOKENS: u64 = 100;
/// Tokens written to the cache by every answered call.
pub const CACHE_WRITE_TOKENS: u64 = 20;
/// Tokens read from the cache by every answered call.
pub const CACHE_READ_TOKENS: u64 = 30;
/// Tokens that every answered call put out.
pub const OUTPUT_TOKENS: u64 = 40;
/// Between two tokens of a SLOW answer, unless told otherwise: 40 of them take 20 s.
pub const SLOW_DELAY: Duration = Duration::from_millis(500);
/// Requests that are kept; a test that asks more often wants to count, not to read.
const MAX_RECORDED: usize = 10_000;
/// Largest request body: what the real API takes.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How a model server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen, on 127.0.0.1; 0 takes any free port.
    pub port: u16,
    /// The folder in which WRITE writes `hello.txt`.
    pub repo: PathBuf,
    /// Between two tokens of a SLOW answer.
    pub slow_delay: Duration,
}

/// One request for a message.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// The model that was asked for.
    pub model: String,
    /// Whether the answer was to be streamed.
    pub stream: bool,
    /// The system prompt, as text.
    pub system: String,
    /// What the user said so far, without what the CLI put in.
    pub users: Vec<String>,
    /// The tools on offer.
    pub tools: Vec<String>,
    /// What was answered.
    pub action: Action,
}

/// A running model server; it stops when dropped.
#[derive(Debug)]
pub struct ModelServer {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    recorded: Mutex<Vec<Recorded>>,
    answered: Mutex<u64>,
    script: Mutex<Vec<Action>>,
}

impl ModelServer {
    /// Starts one on a free port; WRITE writes into `repo`.
    ///
    /// # Errors
    /// What the system says about the port.
    pub async fn start(repo: &Path) -> io::Result<Self> {
        Self::start_with(Options {
            port: 0,
            repo: repo.to_path_buf(),
            slow_delay: SLOW_DELAY,
        })
        .await
    }

    /// Starts one.
    ///
    /// # Errors
    /// What the system says about the port.
    pub async fn start_with(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            recorded: Mutex::default(),
            answered: Mutex::default(),
            script: Mutex::default(),
        });
        let app = Router::new()
            .route("/v1/messages", post(messages))
            .route("/v1/messages/count_tokens", post(count_tokens))
            .fallback(any(|| async { "ok" }))
            .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends only when the task is aborted.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { addr, shared, task })
    }

    /// What `ANTHROPIC_BASE_URL` takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request for a message so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared
            .recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many calls were answered to their end; each cost [`INPUT_TOKENS`], [`CACHE_WRITE_TOKENS`],
    /// [`CACHE_READ_TOKENS`] and [`OUTPUT_TOKENS`].
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered()
    }

    /// What SCRIPT plays from now on: an action for each result of a tool that came back.
    pub fn play(&self, script: Vec<Action>) {
        *self
            .shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Waits for the server's end, which comes only from a failure.
    pub async fn join(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn record(&self, one: Recorded) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() < MAX_RECORDED {
            recorded.push(one);
        }
    }

    fn decide(&self, read: &script::Read) -> Action {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = script::Stage {
            repo: &self.options.repo,
            script: &script,
        };
        script::decide(read, stage)
    }

    fn answered(&self) -> u64 {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_answer(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

async fn messages(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return wire::failure(400, "invalid_request_error", "the body is not JSON");
    };
    if !headers.contains_key("x-api-key") && !headers.contains_key("authorization") {
        return wire::failure(401, "authentication_error", "x-api-key header is required");
    }
    let read = script::read(&request);
    let action = shared.decide(&read);
    let stream = request["stream"].as_bool().unwrap_or(false);
    let model = request["model"].as_str().unwrap_or_default().to_owned();
    shared.record(Recorded {
        model: model.clone(),
        stream,
        system: script::text_of(&request["system"]),
        users: read.users,
        tools: read.tools,
        action: action.clone(),
    });
    let delay = shared.options.slow_delay;
    let call = wire::Call {
        model,
        stream,
        slow_delay: delay,
        on_answered: Arc::clone(&shared),
    };
    wire::answer(call, action).await
}

async fn count_tokens() -> impl IntoResponse {
    axum::Json(serde_json::json!({ "input_tokens": INPUT_TOKENS }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn ask(server: &ModelServer, text: &str, key: Option<&str>) -> reqwest::Response {
        let body = json!({
            "model": "m", "stream": true, "tools": [{ "name": "Write" }],
            "messages": [{ "role": "user", "content": text }],
        });
        let mut request = reqwest::Client::new()
            .post(format!("{}/v1/messages", server.url()))
            .json(&body);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        request.send().await.unwrap()
    }

    #[tokio::test]
    async fn it_streams_charges_refuses_and_stops() {
        let server = ModelServer::start(Path::new("/repo")).await.unwrap();
        let text = ask(&server, "PONG", Some("k")).await.text().await.unwrap();
        assert!(
            text.starts_with("event: message_start\n") && text.contains("\"text\":\"PONG\""),
            "{text}"
        );
        assert!(text.ends_with("\n\n") && text.contains("event: message_stop\n"));
        let overloaded = ask(&server, "FAIL529", Some("k")).await;
        assert_eq!(
            (
                overloaded.status().as_u16(),
                overloaded.headers()["retry-after"].to_str().unwrap()
            ),
            (529, "1")
        );
        let broken = ask(&server, "FAILMID", Some("k"))
            .await
            .text()
            .await
            .unwrap();
        assert!(
            broken.contains("event: error\n") && !broken.contains("message_stop"),
            "{broken}"
        );
        assert_eq!(ask(&server, "PONG", None).await.status().as_u16(), 401);
        assert_eq!((server.answered(), server.requests().len()), (1, 3));
        let addr = server.addr;
        drop(server);
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
