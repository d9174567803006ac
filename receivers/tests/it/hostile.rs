//! Callers that mean no good: every request is answered, nothing is taken, the next good one works.

use std::sync::Arc;

use fleet_receivers::adapter::echo::EchoAdapter;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Receiver, TOKEN, folder, message, reply, start};
use crate::scripted::Scripted;

/// Bodies in the property test.
const BODIES: usize = 2_000;

fn good_request() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message("x")}})
}

/// Any JSON, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from("\u{0}\u{1b}[2J")),
        Just(Value::from("x".repeat(5_000))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-zA-Z]{1,10}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Where a value of another type is put into a good request.
const PLACES: [&str; 14] = [
    "/jsonrpc",
    "/id",
    "/method",
    "/params",
    "/params/message",
    "/params/message/messageId",
    "/params/message/role",
    "/params/message/parts",
    "/params/message/parts/0",
    "/params/message/parts/0/text",
    "/params/message/contextId",
    "/params/message/taskId",
    "/params/message/metadata",
    "/params/configuration",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        Just("SendMessage"),
        Just("SendStreamingMessage"),
        Just("GetTask"),
        Just("ListTasks"),
        Just("CancelTask"),
        Just("SubscribeToTask"),
        Just("message/send"),
        Just("Nothing"),
    ];
    let confused = (0..PLACES.len(), any_json()).prop_map(|(place, value)| {
        let mut request = good_request();
        request["params"]["message"]["contextId"] = json!("c");
        request["params"]["message"]["taskId"] = json!("t");
        request["params"]["message"]["metadata"] = json!({});
        request["params"]["configuration"] = json!({"returnImmediately": true});
        *request.pointer_mut(PLACES[place]).unwrap() = value;
        request.to_string().into_bytes()
    });
    let params = (method, any_json()).prop_map(|(method, params)| {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        request.to_string().into_bytes()
    });
    let cut = (0..good_request().to_string().len())
        .prop_map(|at| good_request().to_string().into_bytes()[..at].to_vec());
    prop_oneof![
        4 => confused,
        3 => params,
        1 => cut,
        1 => any_json().prop_map(|value| value.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

#[tokio::test]
async fn malformed_bodies_are_answered_and_the_next_good_request_works() {
    let dir = folder("");
    let echo = start(dir.path(), Arc::new(EchoAdapter)).await;
    // A fixed seed: a failure is the same on every machine.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = body();
    for n in 0..BODIES {
        let bytes = strategy.new_tree(&mut runner).unwrap().current();
        let answer = echo
            .post("/jsonrpc")
            .header("content-type", "application/json")
            .body(bytes.clone())
            .send()
            .await
            .unwrap_or_else(|error| {
                panic!(
                    "body {n} was not answered: {error}\n{}",
                    String::from_utf8_lossy(&bytes)
                )
            });
        let status = answer.status();
        assert!(status == 200 || status == 400, "{status}");
        let text = answer.text().await.unwrap();
        if !text.starts_with("id: ") {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(
                answer["error"].is_object() || answer["result"].is_object(),
                "{answer}"
            );
        }
        if n % 200 == 0 {
            assert_eq!(reply(&echo.send(message("good")).await), "good");
        }
    }
    assert_eq!(reply(&echo.send(message("still good")).await), "still good");
    assert!(echo.health().await.ok);
}

async fn refused(receiver: &Receiver, request: reqwest::RequestBuilder, status: u16) -> Value {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), status);
    let answer: Value = answer.json().await.unwrap();
    let listed = receiver.call("ListTasks", json!({})).await;
    assert_eq!(listed["result"]["totalSize"], 0, "nothing was taken");
    answer
}

#[tokio::test]
async fn wrong_tokens_hosts_origins_and_types_are_refused_before_any_work() {
    let dir = folder("");
    let agent = Scripted::new();
    let receiver = start(dir.path(), agent.clone()).await;
    let url = format!("{}/jsonrpc", receiver.url);
    let bare = || receiver.http.post(&url);
    let body = good_request();

    for token in [
        "",
        "wrong",
        "test-token-012345678",
        "test-token-01234567890",
    ] {
        refused(&receiver, bare().bearer_auth(token).json(&body), 401).await;
    }
    refused(&receiver, bare().json(&body), 401).await;
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost",
        "127.0.0.1:1",
        "localhost.:80",
    ] {
        let request = receiver.post("/jsonrpc").header("host", host).json(&body);
        refused(&receiver, request, 403).await;
    }
    for origin in ["http://evil.example", "null", receiver.url.as_str()] {
        let request = receiver
            .post("/jsonrpc")
            .header("origin", origin)
            .json(&body);
        refused(&receiver, request, 403).await;
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
    ] {
        let request = receiver
            .post("/jsonrpc")
            .header("content-type", kind)
            .body(body.to_string());
        let answer = refused(&receiver, request, 415).await;
        assert_eq!(answer["error"]["code"], -32005);
    }
    refused(
        &receiver,
        receiver.post("/jsonrpc").body(body.to_string()),
        415,
    )
    .await;
    refused(
        &receiver,
        receiver.http.get(format!("{}/tasks", receiver.url)),
        401,
    )
    .await;
    let foreign = receiver
        .http
        .get(format!("{}/health", receiver.url))
        .header("host", "evil.example");
    refused(&receiver, foreign, 403).await;
    assert_eq!(agent.count(), 0);
}

#[tokio::test]
async fn large_and_deep_bodies_are_refused() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let mut large = good_request();
    large["params"]["message"]["parts"][0]["text"] = json!("x".repeat(1024 * 1024));
    refused(&receiver, receiver.post("/jsonrpc").json(&large), 413).await;
    for depth in [65, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let request = receiver
            .post("/jsonrpc")
            .header("content-type", "application/json")
            .body(deep);
        refused(&receiver, request, 400).await;
    }
    // As large as it may be, it is taken.
    let mut most = good_request();
    let room = 1024 * 1024 - most.to_string().len();
    most["params"]["message"]["parts"][0]["text"] = json!("x".repeat(room));
    let answer = receiver.post("/jsonrpc").json(&most).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED",
        "{}",
        answer["error"]
    );
}

#[tokio::test]
async fn versions_and_extensions_are_negotiated() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let url = format!("{}/jsonrpc", receiver.url);
    let post = || receiver.http.post(&url).bearer_auth(TOKEN);
    let answer = post()
        .header("A2A-Version", "9.9")
        .json(&good_request())
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        (&answer["error"]["code"], &answer["id"]),
        (&json!(-32009), &json!(1))
    );
    // A caller of 0.3 names no version, and has its own names for things.
    let old = json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
        "kind": "message", "messageId": "m1", "role": "user", "parts": [{"kind": "text", "text": "old"}]}}});
    let answer = post()
        .header("A2A-Extensions", "urn:a2a-fleet:events:v1, urn:other")
        .json(&old)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["a2a-extensions"],
        "urn:a2a-fleet:events:v1"
    );
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(reply(&answer["result"]["task"]), "old", "{answer}");
    let rest = receiver
        .get("/tasks")
        .header("accept", "application/a2a+json")
        .send()
        .await
        .unwrap();
    assert_eq!(rest.headers()["content-type"], "application/a2a+json");
    assert_eq!(receiver.get("/nowhere").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_slow_caller_is_dropped_and_honest_ones_are_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let addr = receiver.url.strip_prefix("http://").unwrap();
    let mut slow = tokio::net::TcpStream::connect(addr).await.unwrap();
    slow.write_all(b"POST /jsonrpc HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    assert_eq!(reply(&receiver.send(message("honest")).await), "honest");
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(crate::harness::PATIENCE, slow.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection was not closed");
}

/// What the receiver answers to these bytes until it closes.
async fn raw(receiver: &Receiver, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let addr = receiver.url.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let mut answer = Vec::new();
    let exchange = async {
        // A receiver that has heard enough closes while we still write.
        let (_, _) = tokio::join!(write.write_all(bytes), read.read_to_end(&mut answer));
    };
    tokio::time::timeout(crate::harness::PATIENCE, exchange)
        .await
        .expect("it neither answered nor closed");
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(receiver: &Receiver, token: &str, more: &str, body: &str) -> String {
    let host = receiver.url.strip_prefix("http://").unwrap();
    format!(
        "POST /jsonrpc HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         A2A-Version: 1.0\r\n{more}\r\n{body}"
    )
}

#[tokio::test]
async fn requests_that_two_readers_would_read_differently_are_refused() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let body = good_request().to_string();
    let length = format!("Content-Length: {}\r\nConnection: close\r\n", body.len());
    let cases = [
        (format!("{length}Host: evil.example\r\n"), "403"),
        (format!("{length}Content-Length: 3\r\n"), "400"),
        (format!("{length}Transfer-Encoding: chunked\r\n"), "400"),
        ("Content-Length: -1\r\n".to_owned(), "400"),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), "400"),
    ];
    for (more, status) in cases {
        let answer = raw(
            &receiver,
            request(&receiver, TOKEN, &more, &body).as_bytes(),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{more}: {answer}"
        );
    }
    // A request inside the body of a refused one stays a body.
    let inner = request(&receiver, TOKEN, &length, &body);
    let outer = format!("Content-Length: {}\r\n", inner.len());
    let outer = request(&receiver, "wrong", &outer, &inner);
    let next = request(
        &receiver,
        "wrong",
        "Connection: close\r\nContent-Length: 0\r\n",
        "",
    );
    let answer = raw(&receiver, format!("{outer}{next}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    // Without a declared length, the bound still holds.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked = request(
        &receiver,
        TOKEN,
        "Transfer-Encoding: chunked\r\n",
        &chunk.repeat(17),
    );
    let answer = raw(&receiver, chunked.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    let listed = receiver.call("ListTasks", json!({})).await;
    assert_eq!(listed["result"]["totalSize"], 0, "nothing was taken");
    assert_eq!(reply(&receiver.send(message("good")).await), "good");
}

#[tokio::test]
async fn ids_in_paths_and_queries_are_taken_as_they_are() {
    let dir = folder("");
    let receiver = start(dir.path(), Scripted::new()).await;
    let in_context = crate::harness::with(message("x"), "contextId", json!("123"));
    receiver.send(in_context).await;
    let listed: Value = receiver
        .get("/tasks?contextId=123")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["totalSize"], 1, "{listed}");
    for (path, id) in [
        ("a/b", "a/b"),
        ("%2e%2e%2f", "../"),
        ("a&b", "a&b"),
        ("a+b", "a+b"),
        ("a%3Ab", "a:b"),
    ] {
        let answer = receiver
            .get(&format!("/tasks/{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(
            answer["error"]["details"][0]["metadata"]["taskId"], id,
            "{answer}"
        );
    }
    for path in ["%00", "%1b[2J"] {
        let answer = receiver
            .get(&format!("/tasks/{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{path}");
    }
}
