//! How an answer looks: as one JSON object, or as server-sent events.
//!
//! Owns: the form. What is answered is decided in `script`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Action, CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Shared};

/// One call and how it wants its answer.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) slow_delay: Duration,
    pub(super) on_answered: Arc<Shared>,
}

/// One event of a stream.
#[derive(Debug)]
struct Step {
    after: Duration,
    event: Value,
}

/// Answers a call.
pub(super) async fn answer(call: Call, action: Action) -> Response {
    match action {
        Action::Fail {
            status,
            kind,
            message,
        } => failure(status, &kind, &message),
        Action::Hang => std::future::pending().await,
        Action::Text(_)
        | Action::Slow(_)
        | Action::Think(_)
        | Action::Ponder(_)
        | Action::Tool { .. }
        | Action::Break(_) => {
            if call.stream {
                events(call, &action)
            } else {
                object(&call, &action)
            }
        }
    }
}

/// An error in the API's form. Those that pass say when to try again.
pub(super) fn failure(status: u16, kind: &str, message: &str) -> Response {
    let body = json!({
        "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_scripted",
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(body)).into_response();
    if matches!(status.as_u16(), 429 | 529) {
        response
            .headers_mut()
            .insert("retry-after", axum::http::HeaderValue::from_static("1"));
    }
    response
}

fn message(model: &str, content: &[Value], stop_reason: &Value, output_tokens: u64) -> Value {
    json!({
        "id": format!("msg_{}", Uuid::new_v4().simple()), "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {
            "input_tokens": INPUT_TOKENS, "cache_creation_input_tokens": CACHE_WRITE_TOKENS,
            "cache_read_input_tokens": CACHE_READ_TOKENS, "output_tokens": output_tokens,
        },
    })
}

fn object(call: &Call, action: &Action) -> Response {
    call.on_answered.count_answer();
    let content = blocks(action);
    axum::Json(message(
        &call.model,
        &content,
        &stop_reason(action),
        OUTPUT_TOKENS,
    ))
    .into_response()
}

fn stop_reason(action: &Action) -> Value {
    let tool = matches!(action, Action::Tool { .. });
    Value::from(if tool { "tool_use" } else { "end_turn" })
}

fn blocks(action: &Action) -> Vec<Value> {
    let text = |text: &str| json!({ "type": "text", "text": text });
    match action {
        Action::Text(said) | Action::Slow(said) | Action::Break(said) => vec![text(said)],
        Action::Think(said) => vec![thinking("Let me think about it."), text(said)],
        Action::Ponder(said) => {
            let thoughts: Vec<String> = (0..40).map(|n| format!("thought{n:02}")).collect();
            vec![thinking(&thoughts.join(" ")), text(said)]
        }
        Action::Tool { name, input } => vec![
            text("Calling the tool now. "),
            json!({ "type": "tool_use", "id": format!("toolu_{}", Uuid::new_v4().simple()), "name": name, "input": input }),
        ],
        Action::Fail { .. } | Action::Hang => Vec::new(),
    }
}

fn thinking(thought: &str) -> Value {
    json!({ "type": "thinking", "thinking": thought, "signature": "sig" })
}

fn events(call: Call, action: &Action) -> Response {
    let breaks = matches!(action, Action::Break(_));
    let slow = if matches!(action, Action::Slow(_) | Action::Ponder(_)) {
        call.slow_delay
    } else {
        Duration::ZERO
    };
    let mut steps = vec![step(
        json!({ "type": "message_start", "message": message(&call.model, &[], &Value::Null, 1) }),
    )];
    for (index, block) in blocks(action).iter().enumerate() {
        block_steps(index, block, slow, &mut steps);
    }
    if breaks {
        // The start of the message, the start of the block and its first piece.
        steps.truncate(3);
        steps.push(step(json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } })));
    } else {
        steps.push(step(json!({
            "type": "message_delta", "delta": { "stop_reason": stop_reason(action), "stop_sequence": null },
            "usage": { "output_tokens": OUTPUT_TOKENS },
        })));
        steps.push(step(json!({ "type": "message_stop" })));
    }
    let body = stream::iter(steps).then(move |step| {
        let shared = Arc::clone(&call.on_answered);
        async move {
            tokio::time::sleep(step.after).await;
            let kind = step.event["type"].as_str().unwrap_or_default();
            if kind == "message_stop" {
                shared.count_answer();
            }
            Ok::<_, Infallible>(Bytes::from(format!(
                "event: {kind}\ndata: {}\n\n",
                step.event
            )))
        }
    });
    let response = HttpResponse::builder()
        .header("content-type", "text/event-stream")
        .header("request-id", "req_scripted")
        .body(Body::from_stream(body));
    response.map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        IntoResponse::into_response,
    )
}

fn step(event: Value) -> Step {
    Step {
        after: Duration::ZERO,
        event,
    }
}

fn words(text: &Value) -> impl Iterator<Item = &str> {
    text.as_str().unwrap_or_default().split_inclusive(' ')
}

fn block_steps(index: usize, block: &Value, slow: Duration, steps: &mut Vec<Step>) {
    let delta =
        |delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let start = |block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    match block["type"].as_str() {
        Some("text") => {
            steps.push(step(start(json!({ "type": "text", "text": "" }))));
            for piece in words(&block["text"]) {
                let event = delta(json!({ "type": "text_delta", "text": piece }));
                steps.push(Step { after: slow, event });
            }
        }
        Some("thinking") => {
            steps.push(step(start(
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
            )));
            for piece in words(&block["thinking"]) {
                let event = delta(json!({ "type": "thinking_delta", "thinking": piece }));
                steps.push(Step { after: slow, event });
            }
            steps.push(step(delta(
                json!({ "type": "signature_delta", "signature": block["signature"] }),
            )));
        }
        Some(_) | None => {
            let mut empty = block.clone();
            empty["input"] = json!({});
            steps.push(step(start(empty)));
            let input = block["input"].to_string();
            steps.push(step(delta(
                json!({ "type": "input_json_delta", "partial_json": input }),
            )));
        }
    }
    steps.push(step(
        json!({ "type": "content_block_stop", "index": index }),
    ));
}
