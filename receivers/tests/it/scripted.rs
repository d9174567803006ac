//! An agent that does what the instruction says, so that tests decide what happens in a turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fleet_a2a::ext::{Decision, PermissionRequest, Refusal, Usage};
use fleet_receivers::adapter::{
    Adapter, AdapterEvent, BoxFuture, Readiness, ReadinessState, SessionState, Turn, TurnCommand,
    TurnEnd, TurnIo, TurnOutcome,
};
use serde_json::json;
use tokio::sync::Notify;

/// The agent. It counts its turns, because nothing may run twice.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub turns: AtomicUsize,
    /// Lets turns of `gate` go on.
    pub gate: Notify,
}

impl Scripted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }
}

fn completed(reply: &str) -> TurnOutcome {
    TurnOutcome::Completed {
        reply: reply.to_owned(),
    }
}

impl Adapter for Scripted {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        Box::pin(async {
            Readiness {
                version: Some("1.2.3".to_owned()),
                state: ReadinessState::Missing {
                    detail: "no script".to_owned(),
                    remedy: "write one".to_owned(),
                },
            }
        })
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let text = turn.parts[0].as_text().unwrap_or("").to_owned();
            let outcome = self.play(&text, &turn, io).await;
            let refused = match &outcome {
                TurnOutcome::Rejected { .. } => vec![Refusal {
                    tool: "Bash".to_owned(),
                    arguments: json!({}),
                    reason: None,
                }],
                _ => Vec::new(),
            };
            TurnEnd { outcome, refused }
        })
    }
}

impl Scripted {
    async fn play(&self, text: &str, turn: &Turn, mut io: TurnIo) -> TurnOutcome {
        match text {
            // Says something and waits until it is interrupted.
            "wait" => {
                let delta = AdapterEvent::TextDelta("so far".to_owned());
                io.events.send(delta).await.unwrap();
                while io.commands.recv().await != Some(TurnCommand::Interrupt) {}
                TurnOutcome::Interrupted
            }
            // Does not hear.
            "stubborn" => {
                let delta = AdapterEvent::TextDelta("so far".to_owned());
                io.events.send(delta).await.unwrap();
                std::future::pending().await
            }
            "gate" => {
                self.gate.notified().await;
                completed("through the gate")
            }
            "spend" => self.spend(io).await,
            // Floods without reporting anything.
            "talk" => loop {
                let delta = AdapterEvent::TextDelta("x".repeat(1_000));
                if io.events.send(delta).await.is_err() {
                    return TurnOutcome::Interrupted;
                }
                tokio::task::yield_now().await;
            },
            "ask" => ask(&mut io, json!([])).await,
            "questions" => {
                let options = json!([{"label": "Red", "description": "warm"}, {"label": "Blue"}]);
                let one = json!({"question": "Which colour?", "options": options});
                let several =
                    json!({"question": "Which sizes?", "multi_select": true, "options": options});
                ask(&mut io, json!([one, several])).await
            }
            "panic" => panic!("a defect"),
            "session" => {
                let id = match &turn.session {
                    SessionState::New => "s1".to_owned(),
                    SessionState::Known(id) => format!("{id}+"),
                };
                io.events
                    .send(AdapterEvent::Session(id.clone()))
                    .await
                    .unwrap();
                completed(&id)
            }
            "steps" => steps(io).await,
            "huge" => completed(&"x".repeat(fleet_a2a::contract::MAX_REPLY_BYTES + 1)),
            "login" => TurnOutcome::Unauthenticated {
                detail: "Run `script login`.".to_owned(),
            },
            "decline" => TurnOutcome::Rejected {
                detail: "Not my job.".to_owned(),
            },
            other => completed(other),
        }
    }

    /// Reports a thousand tokens every few milliseconds, for ever, and does not hear.
    async fn spend(&self, io: TurnIo) -> TurnOutcome {
        for n in 1.. {
            let usage = Usage {
                output_tokens: n * 1_000,
                ..Usage::default()
            };
            if io.events.send(AdapterEvent::Usage(usage)).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        TurnOutcome::Interrupted
    }
}

async fn ask(io: &mut TurnIo, questions: serde_json::Value) -> TurnOutcome {
    let request = PermissionRequest {
        request_id: "r1".to_owned(),
        tool: "Write".to_owned(),
        arguments: json!({"path": "a.txt"}),
        choices: vec![Decision::Allow, Decision::Deny],
        expires_at: String::new(),
        questions: serde_json::from_value(questions).unwrap(),
    };
    io.events
        .send(AdapterEvent::Permission(request))
        .await
        .unwrap();
    match io.commands.recv().await {
        Some(TurnCommand::Answer {
            decision,
            reason,
            answers,
            ..
        }) => {
            let reason = reason.unwrap_or_default();
            completed(&format!("{decision:?} {reason}{}", json!(answers)))
        }
        Some(TurnCommand::Interrupt) | None => TurnOutcome::Interrupted,
    }
}

/// A turn with everything in it, slow enough that several commits happen.
async fn steps(io: TurnIo) -> TurnOutcome {
    for n in 0..20 {
        let call_id = format!("c{n}");
        let events = [
            AdapterEvent::TextDelta(format!("{n} ")),
            AdapterEvent::ToolCall {
                call_id: call_id.clone(),
                tool: "Read".to_owned(),
                arguments: json!({"n": n}),
            },
            AdapterEvent::ToolResult {
                call_id,
                text: "ok".to_owned(),
                is_error: false,
            },
        ];
        for event in events {
            io.events.send(event).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    completed("all steps")
}
