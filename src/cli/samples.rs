//! Fixed views for the tests of what is printed. Only built for tests.

use fleet_a2a::contract::ReplyTo;
use fleet_a2a::ext::{Decision, PermissionRequest, Usage};
use fleet_receivers::Mode;
use fleet_receivers::folder::ReadinessWord;
use fleet_receivers::harness::{Harness, Names};
use serde_json::json;

use crate::control::{
    Amounts, BudgetView, DaemonView, DispatchDetail, DispatchView, FleetSnapshot, HandshakeView,
    PeerView, StatusView, TrustView,
};
use crate::domain::{DispatchState, Health, PeerName, Verification, Window};

/// The instant that the samples were accepted at, in milliseconds of Unix time.
pub(crate) const ACCEPTED_AT_MS: i64 = 1_763_712_000_000;

/// A dispatch that completed and was verified.
pub(crate) fn completed() -> DispatchView {
    DispatchView {
        dispatch_id: "0193a5b0-0000-7000-8000-000000000001".parse().unwrap(),
        peer: PeerName::new("echo").unwrap(),
        state: DispatchState::Completed,
        reason: None,
        outcome: Some(DispatchState::Completed),
        verification: Some(Verification::Verified),
        failed_checks: Vec::new(),
        reply: Some("hello\u{1b}[31m".into()),
        artifacts: Vec::new(),
        context_id: "0193a5b0-0000-7000-8000-0000000000c1".to_owned(),
        task_id: Some("task-1".into()),
        usage: Usage {
            input_tokens: 1_200,
            output_tokens: 34,
            turns: 1,
            ..Usage::default()
        },
        refused: Vec::new(),
        late: false,
        elapsed_ms: 1_234,
        error: None,
        detail: DispatchDetail {
            instruction: "say hello".into(),
            reply_to: ReplyTo::Console,
            accepted_at: "2025-11-21T08:00:00.000Z".to_owned(),
            deadline_at_ms: ACCEPTED_AT_MS + 30_000,
            granted_tokens: Some(50_000),
            permissions: Vec::new(),
            answer_refused: None,
            last_event: "completed".into(),
            transcript_seq: 5,
        },
    }
}

/// The same dispatch while the agent works.
pub(crate) fn working() -> DispatchView {
    DispatchView {
        state: DispatchState::Working,
        outcome: None,
        verification: None,
        reply: None,
        ..completed()
    }
}

/// The same dispatch while the agent waits for a person.
pub(crate) fn asking() -> DispatchView {
    let mut view = working();
    view.state = DispatchState::InputRequired;
    view.detail.permissions = vec![PermissionRequest {
        request_id: "r1".to_owned(),
        tool: "Write".to_owned(),
        arguments: json!({ "path": "a.txt" }),
        choices: vec![Decision::Allow, Decision::Deny],
        expires_at: "2025-11-21T08:05:00.000Z".to_owned(),
        questions: Vec::new(),
    }];
    view
}

/// The same dispatch while the agent asks two questions.
pub(crate) fn questioning() -> DispatchView {
    let mut view = asking();
    let questions = json!([
        {"question": "Which colour should it be?", "header": "Colour", "options": [
            {"label": "Red", "description": "like a rose"}, {"label": "Blue", "description": "like the sky"}]},
        {"question": "Which sizes are needed?", "multi_select": true, "options": [
            {"label": "S"}, {"label": "M, wide", "description": "medium"}, {"label": "L"}]},
    ]);
    let request = &mut view.detail.permissions[0];
    request.tool = "AskUserQuestion".to_owned();
    request.arguments = json!({ "questions": questions });
    request.questions = serde_json::from_value(questions).unwrap();
    view
}

/// A daemon with one peer of ours and one of somebody else.
pub(crate) fn status() -> StatusView {
    StatusView {
        daemon: DaemonView {
            running: true,
            pid: Some(4711),
            version: Some("0.1.0".to_owned()),
            config: "/home/me/fleet.toml".to_owned(),
        },
        peers: vec![ours(), foreign()],
    }
}

/// The same fleet with one dispatch at work and one that ended.
pub(crate) fn snapshot() -> FleetSnapshot {
    let StatusView { daemon, peers } = status();
    FleetSnapshot {
        fleet: "main".to_owned(),
        daemon,
        peers,
        dispatches: vec![working(), completed()],
        notices: Vec::new(),
        trust: TrustView {
            config: "/home/me/fleet.toml".to_owned(),
            hash: "ab".to_owned(),
            accepted: true,
            would: Vec::new(),
        },
        default_deadline_s: 900,
        now_ms: ACCEPTED_AT_MS,
    }
}

fn ours() -> PeerView {
    let name = PeerName::new("app").unwrap();
    PeerView {
        name: name.clone(),
        mode: Some(Mode::Cc),
        dialect: Some("v1.0".to_owned()),
        url: Some("http://127.0.0.1:9300".to_owned()),
        health: Health::Degraded,
        reason: Some("Claude Code is not logged in.".into()),
        remedy: Some("claude /login".into()),
        pid: Some(4712),
        port: Some(9300),
        version: Some("2.1.329".into()),
        in_flight: 1,
        permissions: Some("ask".to_owned()),
        repo: Some("/home/me/src/app".to_owned()),
        probe_age_s: Some(3),
        handshake: Some(Box::new(handshake())),
        budget: BudgetView {
            peer: name,
            tokens: Amounts {
                limit: Some(200_000),
                topped_up: 0,
                granted: 50_000,
                spent: 12_345,
                remaining: Some(137_655),
            },
            turns: Amounts {
                limit: Some(50),
                topped_up: 0,
                granted: 1,
                spent: 4,
                remaining: Some(45),
            },
            cost_usd: Amounts::default(),
            window: Some(Window::Day),
            resets_at: Some("2025-11-22T00:00:00.000Z".to_owned()),
        },
    }
}

fn handshake() -> HandshakeView {
    HandshakeView {
        login: ReadinessWord::Unauthenticated,
        settings_accepted: true,
        settings_hash: "5e77".to_owned(),
        tested: Some("2.1.329".to_owned()),
        oldest: Some("2.0.0".to_owned()),
        harness: Harness {
            instructions: Names {
                names: vec!["CLAUDE.md".to_owned()],
                more: 0,
            },
            ..Harness::default()
        },
    }
}

fn foreign() -> PeerView {
    let name = PeerName::new("construct").unwrap();
    PeerView {
        name: name.clone(),
        mode: None,
        dialect: None,
        url: Some("http://10.0.0.5:9220/".to_owned()),
        health: Health::Unknown,
        reason: None,
        remedy: None,
        pid: None,
        port: None,
        version: None,
        in_flight: 0,
        permissions: None,
        repo: None,
        probe_age_s: None,
        handshake: None,
        budget: BudgetView {
            peer: name,
            tokens: Amounts::default(),
            turns: Amounts::default(),
            cost_usd: Amounts::default(),
            window: None,
            resets_at: None,
        },
    }
}
