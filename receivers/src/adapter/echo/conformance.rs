//! What the conformance suites expect of a system under test, told by a prefix of the message's id or text.
//!
//! Owns: the prefixes. Everything else is echoed.

use std::time::Duration;

use fleet_a2a::ext::PermissionRequest;
use fleet_a2a::types::{Part, PartContent};
use serde_json::{Value, json};

use crate::adapter::{AdapterEvent, Turn, TurnCommand, TurnIo, TurnOutcome};

/// How long the task runs that a suite subscribes to again; it asks for at least 4 s.
const RESUBSCRIBE_TIME: Duration = Duration::from_millis(4_500);

/// One behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Complete,
    InputRequired,
    Reject,
    ArtifactText,
    ArtifactFile,
    ArtifactUrl,
    ArtifactData,
    Resubscribe,
}

/// Longer prefixes stand before those that begin them.
const PREFIXES: [(&str, Case); 10] = [
    ("tck-complete-task", Case::Complete),
    ("tck-input-required", Case::InputRequired),
    ("tck-reject-task", Case::Reject),
    ("tck-artifact-text", Case::ArtifactText),
    ("tck-artifact-file-url", Case::ArtifactUrl),
    ("tck-artifact-file", Case::ArtifactFile),
    ("tck-artifact-data", Case::ArtifactData),
    ("tck-stream-artifact-text", Case::ArtifactText),
    ("tck-stream-artifact-file", Case::ArtifactFile),
    ("test-resubscribe-message-id", Case::Resubscribe),
];

impl Case {
    /// The behaviour a message asks for.
    pub(super) fn of(turn: &Turn) -> Option<Self> {
        let text = turn
            .parts
            .first()
            .and_then(Part::as_text)
            .unwrap_or_default();
        PREFIXES
            .iter()
            .find(|(prefix, _)| {
                turn.message.as_str().starts_with(prefix) || text.starts_with(prefix)
            })
            .map(|(_, case)| *case)
    }

    pub(super) async fn run(self, turn: &Turn, io: TurnIo) -> TurnOutcome {
        match self {
            Self::Complete => completed("Task completed."),
            Self::InputRequired => ask(turn, io).await,
            Self::Reject => TurnOutcome::Rejected {
                detail: "This task is declined, as its prefix asks.".to_owned(),
            },
            Self::ArtifactText => completed("Generated text content"),
            Self::ArtifactFile => {
                let part = Part::raw(b"Generated file content".to_vec());
                artifact(
                    io,
                    part.with_filename("output.txt")
                        .with_media_type("text/plain"),
                )
                .await
            }
            Self::ArtifactUrl => {
                let part = Part::url("https://example.com/output.txt");
                artifact(
                    io,
                    part.with_filename("output.txt")
                        .with_media_type("text/plain"),
                )
                .await
            }
            Self::ArtifactData => {
                artifact(io, Part::data(json!({"key": "value", "count": 42}))).await
            }
            Self::Resubscribe => wait(io).await,
        }
    }
}

fn completed(reply: &str) -> TurnOutcome {
    TurnOutcome::Completed {
        reply: reply.to_owned(),
    }
}

async fn artifact(io: TurnIo, part: Part) -> TurnOutcome {
    let told = match &part.content {
        PartContent::Data(data) => data.to_string(),
        PartContent::Text(_) | PartContent::Url(_) | PartContent::Raw(_) => "output.txt".to_owned(),
    };
    let event = AdapterEvent::Artifact {
        name: "output".to_owned(),
        parts: vec![part],
    };
    match io.events.send(event).await {
        Ok(()) => TurnOutcome::Completed { reply: told },
        Err(_) => TurnOutcome::Interrupted,
    }
}

/// A question without choices takes any text as its answer.
async fn ask(turn: &Turn, mut io: TurnIo) -> TurnOutcome {
    let question = PermissionRequest {
        request_id: turn.task.to_string(),
        tool: "input".to_owned(),
        arguments: Value::Null,
        choices: Vec::new(),
        expires_at: String::new(),
        questions: Vec::new(),
    };
    if io
        .events
        .send(AdapterEvent::Permission(question))
        .await
        .is_err()
    {
        return TurnOutcome::Interrupted;
    }
    match io.commands.recv().await {
        Some(TurnCommand::Answer { reason, .. }) => TurnOutcome::Completed {
            reply: reason.unwrap_or_default(),
        },
        Some(TurnCommand::Interrupt) | None => TurnOutcome::Interrupted,
    }
}

async fn wait(mut io: TurnIo) -> TurnOutcome {
    tokio::select! {
        () = tokio::time::sleep(RESUBSCRIBE_TIME) => completed("Task completed."),
        _ = io.commands.recv() => TurnOutcome::Interrupted,
    }
}
