//! Nothing that a terminal would obey gets into a finished frame, whatever field it comes in.

use proptest::prelude::*;
use serde_json::json;

use crate::control::{FleetSnapshot, LineKind, Notice, NoticeLevel, TranscriptLine};
use crate::domain::{DispatchState, ErrorKind, Failure, Health};
use crate::tui::model::Model;
use crate::tui::msg::Msg;
use crate::tui::sweep::is_clean;
use crate::tui::update::update;

use super::samples::{delta, dispatch, id, line, model, peer, questions, request, show, snapshot};
use super::{NOW_MS, feed, frame, text_of};

/// What a hostile peer would say, between pieces of harmless text.
fn payload() -> impl Strategy<Value = String> {
    let evil = prop::sample::select(vec![
        "\u{1b}[2J\u{1b}[1;1H",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]52;c;ZXZpbA==\u{1b}\\",
        "\u{1b}]8;;http://x\u{7}link",
        "\u{1b}Pq#0\u{1b}\\",
        "\u{1b}_apc\u{1b}\\",
        "\u{1b}^pm\u{1b}\\",
        "\u{1b}[6n",
        "\u{1b}[21t",
        "\u{1b}[?1049l",
        "\u{1b}[1;3r",
        "\u{9b}31m",
        "\u{9d}0;t\u{9c}",
        "\r",
        "\u{7}\u{7}",
        "\u{8}\u{8}",
        "\u{0}",
        "\u{7f}",
        "\t",
        "\n",
        "\u{202e}evil\u{202c}",
        "\u{2066}x\u{2069}",
        "\u{200b}",
        "\u{200d}",
        "\u{feff}",
        "\u{2028}",
        "\u{2029}",
        "\u{ad}",
        "\u{e0041}\u{e0042}\u{e007f}",
        "\u{61c}",
        "\u{180e}",
        "\u{fff9}",
        "e\u{301}\u{301}\u{301}",
        "漢字",
        "🙂",
        "a allow",
    ]);
    let piece = prop_oneof![
        evil.prop_map(str::to_owned),
        any::<String>(),
        "[a-z ]{0,12}"
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// The same text in every field that a peer, a repo or a file can fill.
fn poisoned(text: &str) -> FleetSnapshot {
    let mut all = snapshot();
    all.fleet = text.to_owned();
    for peer in &mut all.peers {
        peer.reason = Some(text.into());
        peer.remedy = Some(text.into());
        peer.version = Some(text.into());
        peer.repo = Some(text.to_owned());
        peer.url = Some(text.to_owned());
        peer.dialect = Some(text.to_owned());
        peer.permissions = Some(text.to_owned());
        peer.budget.resets_at = Some(text.to_owned());
        peer.budget.window = Some(crate::domain::Window::Day);
    }
    for dispatch in &mut all.dispatches {
        dispatch.detail.instruction = text.into();
        dispatch.detail.last_event = text.into();
        dispatch.detail.accepted_at = text.to_owned();
        dispatch.failed_checks = vec![text.into()];
        dispatch.context_id = text.to_owned();
        dispatch.error = Some(Failure::new(ErrorKind::Agent, text, text));
    }
    let mut asked = request("r", 60);
    asked.tool = text.to_owned();
    asked.arguments = json!({"command": text, text: {text: text}});
    asked.expires_at = text.to_owned();
    all.dispatches[3].detail.permissions = vec![asked];
    all.notices.push(Notice {
        at: text.to_owned(),
        level: NoticeLevel::Error,
        peer: None,
        text: text.into(),
    });
    all.trust.would = vec![text.into()];
    all
}

/// The same text in every field of a question.
fn poisoned_question(text: &str) -> FleetSnapshot {
    let mut all = poisoned(text);
    let mut asked = questions("q", 60);
    for question in &mut asked.questions {
        question.question = text.to_owned();
        question.header = text.to_owned();
        for option in &mut question.options {
            option.label = text.to_owned();
            option.description = text.to_owned();
        }
    }
    asked.expires_at = text.to_owned();
    all.dispatches[3].detail.permissions = vec![asked];
    all
}

/// The same text in every kind of transcript line.
fn poisoned_lines(text: &str) -> Vec<TranscriptLine> {
    let event =
        |seq, data: serde_json::Value| line(seq, LineKind::Event, vec![json!({"data": data})]);
    vec![
        line(
            1,
            LineKind::Message,
            vec![json!({"text": text}), json!({"data": {text: text}})],
        ),
        delta(2, text),
        event(3, json!({"kind": "thought", "text": text})),
        event(
            4,
            json!({"kind": "tool_call", "call_id": text, "tool": text, "arguments": {text: text}}),
        ),
        event(
            5,
            json!({"kind": "tool_result", "call_id": text, "text": text, "is_error": true}),
        ),
        event(
            6,
            json!({"kind": "retry", "attempt": 1, "max_attempts": 2, "text": text}),
        ),
        event(7, json!({"kind": "note", "text": text})),
        event(
            7,
            json!({"kind": "permission_request", "request_id": text, "tool": text, "arguments": text, "choices": ["allow"],
                "expires_at": text, "questions": [{"question": text, "header": text, "options": [{"label": text}]}]}),
        ),
        event(
            7,
            json!({"kind": "permission_answered", "request_id": text, "decision": "allow", "answers": [[text, text]]}),
        ),
        event(8, json!({"kind": "session", "session_id": text})),
        event(9, json!({"kind": text, "text": text})),
        line(10, LineKind::Artifact, vec![json!({"text": text})]),
        line(11, LineKind::Reply, vec![json!({"text": text})]),
        event(
            12,
            json!({"kind": "end", "reason": "agent_error", "detail": text, "refused": [{"tool": text, "arguments": text}]}),
        ),
        line(13, LineKind::Note, vec![json!(text)]),
    ]
}

fn opened(text: &str, keys: &str) -> Model {
    let mut model = model(poisoned(text));
    if keys.starts_with("2<enter>") {
        feed(&mut model, "2<enter>");
        let (dispatch_id, lines) = (id(1), poisoned_lines(text));
        update(&mut model, Msg::Lines { dispatch_id, lines }, NOW_MS);
    } else {
        feed(&mut model, keys);
    }
    if keys == "n" {
        update(&mut model, Msg::Paste(text.to_owned()), NOW_MS);
    }
    model.complain(&Failure::new(ErrorKind::Internal, text, text));
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_cell_of_every_view_is_safe(text in payload(), wide: bool) {
        let (columns, rows) = if wide { (120, 40) } else { (60, 20) };
        for keys in ["", "2", "2<enter>", "4", "n", "v", "r"] {
            let mut model = opened(&text, keys);
            update(&mut model, Msg::Resize { columns, rows }, NOW_MS);
            for cell in &frame(&model, columns, rows).content {
                prop_assert!(is_clean(cell.symbol()), "{:?} after {keys:?}", cell.symbol());
            }
        }
    }

    #[test]
    fn every_cell_of_a_question_is_safe(text in payload(), wide: bool) {
        let (columns, rows) = if wide { (120, 40) } else { (40, 10) };
        for keys in ["", "a", "aj", "ao", "v"] {
            let mut model = model(poisoned_question(&text));
            feed(&mut model, keys);
            update(&mut model, Msg::Resize { columns, rows }, NOW_MS);
            for cell in &frame(&model, columns, rows).content {
                prop_assert!(is_clean(cell.symbol()), "{:?} after {keys:?}", cell.symbol());
            }
        }
    }

    #[test]
    fn a_model_cannot_paint_the_permission_prompt(text in payload()) {
        let prompt = |text: &str| {
            let mut all = snapshot();
            all.dispatches[3].detail.permissions = vec![request("r", 60)];
            let mut model = model(all);
            feed(&mut model, "2<enter>");
            let (dispatch_id, lines) = (id(1), poisoned_lines(text));
            update(&mut model, Msg::Lines { dispatch_id, lines }, NOW_MS);
            let screen = text_of(&frame(&model, 80, 24));
            screen.lines().skip(16).map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(prompt(&text), prompt("harmless"));
    }
}

#[test]
fn arguments_cannot_pose_as_the_prompt_itself() {
    let mut all = snapshot();
    let mut asked = request("r", 60);
    asked.arguments = json!({"command": "x\n ┗ a allow   d deny\nsecond"});
    all.dispatches[3].detail.permissions = vec![asked];
    let model = model(all);
    let screen = text_of(&frame(&model, 80, 24));
    let own = screen.lines().filter(|row| row.starts_with(" ┗")).count();
    assert_eq!(own, 1, "{screen}");
}

#[test]
fn the_sweep_catches_what_a_widget_let_through() {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
    buffer.content[0].set_symbol("\u{1b}[2J");
    buffer.content[1].set_symbol(&format!("e{}", "\u{301}".repeat(40)));
    buffer.content[2].set_symbol("é");
    crate::tui::sweep::sweep(&mut buffer);
    let symbols: Vec<&str> = buffer
        .content
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(symbols, ["\u{fffd}", "\u{fffd}", "é"]);
}

#[test]
fn a_sequence_split_over_deltas_stays_harmless() {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    let evil = "\u{1b}]52;c;ZXZpbA==\u{7}";
    let lines = evil
        .chars()
        .enumerate()
        .map(|(i, c)| delta(i as u64 + 1, &c.to_string()))
        .collect();
    update(
        &mut model,
        Msg::Lines {
            dispatch_id: id(1),
            lines,
        },
        NOW_MS,
    );
    let screen = text_of(&frame(&model, 80, 24));
    assert!(screen.contains("␛]52;c;ZXZpbA==␇"), "{screen}");
}

#[test]
fn hundreds_of_peers_and_dispatches_fit_the_screen_they_have() {
    let mut all = snapshot();
    all.peers = (0..300)
        .map(|n| peer(&format!("p{n}"), None, Health::Ready))
        .collect();
    all.dispatches = (0..99)
        .map(|n| dispatch(n, "p1", DispatchState::Working))
        .collect();
    let mut model = model(all.clone());
    show(&mut model, all);
    feed(&mut model, "G");
    let screen = text_of(&frame(&model, 80, 24));
    assert!(screen.contains("p299"), "{screen}");
}
