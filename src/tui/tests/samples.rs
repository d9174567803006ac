//! A fleet with something in every state, at a fixed time.

use std::sync::Arc;

use fleet_a2a::contract::ReplyTo;
use fleet_a2a::ext::{Decision, PermissionRequest, Refusal, Usage};
use fleet_receivers::Mode;
use serde_json::{Value, json};

use crate::control::{
    Amounts, BudgetView, DaemonView, Direction, DispatchDetail, DispatchView, FleetSnapshot,
    LineKind, Notice, NoticeLevel, PeerView, TranscriptLine, TrustView,
};
use crate::domain::{
    DispatchId, DispatchState, Health, PeerName, PeerText, Reason, Verification, Window,
};
use crate::tui::model::Model;
use crate::tui::msg::{Effect, LinkNews, Msg};
use crate::tui::update::update;

use super::NOW_MS;

pub(super) fn id(n: u32) -> DispatchId {
    format!("019cb000-0000-7000-8000-0000000000{n:02}")
        .parse()
        .expect("a uuid")
}

pub(super) fn name(text: &str) -> PeerName {
    PeerName::new(text).expect("a peer name")
}

pub(super) fn peer(peer: &str, mode: Option<Mode>, health: Health) -> PeerView {
    PeerView {
        name: name(peer),
        mode,
        dialect: Some("v1.0".to_owned()),
        url: Some("http://127.0.0.1:9390".to_owned()),
        health,
        reason: None,
        remedy: None,
        pid: Some(4242),
        port: Some(9390),
        version: Some("2.1.329".into()),
        in_flight: 0,
        permissions: mode.map(|_| "ask".to_owned()),
        repo: mode.map(|_| "/src/app".to_owned()),
        probe_age_s: Some(3),
        handshake: None,
        budget: BudgetView {
            peer: name(peer),
            tokens: Amounts::default(),
            turns: Amounts::default(),
            cost_usd: Amounts::default(),
            window: None,
            resets_at: None,
        },
    }
}

pub(super) fn dispatch(n: u32, peer: &str, state: DispatchState) -> DispatchView {
    let ended = state.is_final();
    DispatchView {
        dispatch_id: id(n),
        peer: name(peer),
        state,
        reason: None,
        outcome: ended.then_some(state),
        verification: None,
        failed_checks: Vec::new(),
        reply: None,
        artifacts: Vec::new(),
        context_id: format!("context-{n}"),
        task_id: Some("task".into()),
        usage: Usage {
            input_tokens: 1_200,
            output_tokens: 34,
            turns: 1,
            ..Usage::default()
        },
        refused: Vec::new(),
        late: false,
        elapsed_ms: 65_000,
        error: None,
        detail: DispatchDetail {
            instruction: "Fix the flaky test in parser.rs\nand say why it was flaky".into(),
            reply_to: ReplyTo::Console,
            accepted_at: fleet_a2a::clock::rfc3339(NOW_MS - i64::from(n) * 60_000),
            deadline_at_ms: NOW_MS + 83_000,
            granted_tokens: Some(50_000),
            permissions: Vec::new(),
            answer_refused: None,
            last_event: "Bash cargo test".into(),
            transcript_seq: 0,
        },
    }
}

pub(super) fn request(request_id: &str, expires_in_s: i64) -> PermissionRequest {
    PermissionRequest {
        request_id: request_id.to_owned(),
        tool: "Write".to_owned(),
        arguments: json!({"file_path": "/src/app/notes.md", "content": "one\ntwo\nthree"}),
        choices: vec![Decision::Allow, Decision::Deny, Decision::Always],
        expires_at: fleet_a2a::clock::rfc3339(NOW_MS + expires_in_s * 1000),
        questions: Vec::new(),
    }
}

/// Two questions, the second with several answers.
pub(super) fn questions(request_id: &str, expires_in_s: i64) -> PermissionRequest {
    let questions = json!([
        {"question": "Which database should the service use from now on?", "header": "Database", "options": [
            {"label": "SQLite (Recommended)", "description": "One file, nothing to run; enough for one machine and a few writers."},
            {"label": "PostgreSQL", "description": "A server of its own, many writers."}]},
        {"question": "Which of the endpoints are to be kept?", "header": "Endpoints", "multi_select": true, "options": [
            {"label": "/v1/users"}, {"label": "/v1/teams", "description": "used by the old client"}, {"label": "/health"}]},
    ]);
    PermissionRequest {
        tool: "AskUserQuestion".to_owned(),
        arguments: json!({ "questions": questions.clone() }),
        choices: vec![Decision::Allow, Decision::Deny],
        questions: serde_json::from_value(questions).expect("questions"),
        ..request(request_id, expires_in_s)
    }
}

pub(super) fn snapshot() -> FleetSnapshot {
    let mut app = peer("app", Some(Mode::Cc), Health::Ready);
    app.in_flight = 2;
    app.budget.tokens = Amounts {
        limit: Some(200_000),
        topped_up: 0,
        granted: 50_000,
        spent: 31_234,
        remaining: Some(118_766),
    };
    app.budget.turns.spent = 7;
    app.budget.window = Some(Window::Day);
    app.budget.resets_at = Some("2026-03-02T00:00:00Z".to_owned());
    let mut docs = peer("docs", Some(Mode::Codex), Health::Degraded);
    docs.reason = Some("The Codex CLI is not logged in.".into());
    docs.remedy = Some("Run `codex login`.".into());
    let mut construct = peer("construct", None, Health::Unreachable);
    construct.reason = Some("Connection refused.".into());
    construct.pid = None;
    let mut verified = dispatch(2, "echo", DispatchState::Completed);
    verified.verification = Some(Verification::Verified);
    let mut failed = dispatch(3, "docs", DispatchState::Failed);
    failed.reason = Some(Reason::Unauthenticated);
    let mut waiting = dispatch(4, "app", DispatchState::InputRequired);
    waiting.detail.last_event = "asks: Write".into();
    FleetSnapshot {
        fleet: "main".to_owned(),
        daemon: DaemonView {
            running: true,
            pid: Some(77),
            version: Some("0.1.0".to_owned()),
            config: "/src/fleet.toml".to_owned(),
        },
        peers: vec![
            peer("echo", Some(Mode::Echo), Health::Stopped),
            app,
            docs,
            construct,
        ],
        dispatches: vec![
            dispatch(1, "app", DispatchState::Working),
            verified,
            failed,
            waiting,
        ],
        notices: vec![Notice {
            at: fleet_a2a::clock::rfc3339(NOW_MS - 90_000),
            level: NoticeLevel::Warning,
            peer: Some(name("app")),
            text: "80 % of the day's tokens are spent.".into(),
        }],
        trust: TrustView {
            config: "/src/fleet.toml".to_owned(),
            hash: "00".repeat(32),
            accepted: true,
            would: Vec::new(),
        },
        default_deadline_s: 900,
        now_ms: NOW_MS,
    }
}

/// A console that is connected to a fleet.
pub(super) fn model(snapshot: FleetSnapshot) -> Model {
    let mut model = Model::new(80, 24, NOW_MS);
    model.composer.mint = || id(99);
    show(&mut model, snapshot);
    model
}

pub(super) fn show(model: &mut Model, snapshot: FleetSnapshot) -> Vec<Effect> {
    let news = LinkNews::Snapshot(Arc::new(snapshot));
    update(model, Msg::Link(news), NOW_MS)
}

/// A line of a transcript.
pub(super) fn line(seq: u64, kind: LineKind, parts: Vec<Value>) -> TranscriptLine {
    TranscriptLine {
        v: 1,
        seq,
        event: None,
        at: fleet_a2a::clock::rfc3339(NOW_MS),
        kind,
        dispatch_id: id(1),
        task_id: None,
        message_id: None,
        direction: Direction::In,
        parts,
        delta: None,
        state: None,
        usage: None,
    }
}

pub(super) fn delta(seq: u64, text: &str) -> TranscriptLine {
    TranscriptLine {
        delta: Some(PeerText::new(text)),
        ..line(seq, LineKind::Delta, Vec::new())
    }
}

/// One of everything that can stand in a transcript.
pub(super) fn transcript() -> Vec<TranscriptLine> {
    let event = |seq, data: Value| line(seq, LineKind::Event, vec![json!({"data": data})]);
    let mut message = line(
        1,
        LineKind::Message,
        vec![
            json!({"text": "Fix the flaky test"}),
            json!({"data": {"context": "It fails one run in ten.", "expected_output": {"format": "markdown"}}}),
        ],
    );
    message.direction = Direction::Out;
    let mut working = line(2, LineKind::State, Vec::new());
    working.state = Some(DispatchState::Working);
    let mut used = line(9, LineKind::Usage, Vec::new());
    used.usage = Some(Usage {
        input_tokens: 4_000,
        output_tokens: 500,
        turns: 1,
        ..Usage::default()
    });
    vec![
        message,
        working,
        event(
            3,
            json!({"kind": "thought", "text": "I should look at the parser first."}),
        ),
        delta(4, "I will run the "),
        delta(5, "tests.\nThen I read them."),
        event(
            6,
            json!({"kind": "tool_call", "call_id": "c", "tool": "Bash", "arguments": {"command": "cargo test"}}),
        ),
        event(
            7,
            json!({"kind": "tool_result", "call_id": "c", "text": "1 failed\n9 passed", "is_error": false}),
        ),
        event(
            8,
            json!({"kind": "retry", "attempt": 1, "max_attempts": 10, "text": "529 overloaded"}),
        ),
        used,
        event(
            10,
            json!({"kind": "permission_answered", "request_id": "r", "decision": "deny", "reason": "not in this repo"}),
        ),
        delta(11, "Fixed."),
        line(12, LineKind::Reply, vec![json!({"text": "Fixed."})]),
        event(
            13,
            json!({"kind": "end", "reason": null, "detail": "", "refused": [{"tool": "Write", "arguments": {"file_path": "x"}}]}),
        ),
    ]
}

/// How a dispatch ends in a bad way.
pub(super) fn rejected() -> DispatchView {
    let mut view = dispatch(1, "app", DispatchState::Completed);
    view.verification = Some(Verification::Rejected);
    view.failed_checks = vec!["The reply is no JSON: expected value at line 1.".into()];
    view.refused = vec![Refusal {
        tool: "Write".to_owned(),
        arguments: json!({"file_path": "x"}),
        reason: None,
    }];
    view
}
