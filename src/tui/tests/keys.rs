//! What keys do: effects and places, by key string.

use serde_json::json;

use crate::control::{Answer, Command, LineKind};
use crate::domain::{DispatchState, ErrorKind, Failure};
use crate::tui::keymap::{Layer, resolve};
use crate::tui::model::{Exit, Feed, FieldId, Link, Overlay, Phase, Prompt, Stream, Tail, View};
use crate::tui::msg::{Effect, LinkNews, Msg, Purpose, Verb};
use crate::tui::update::update;

use super::samples::{
    delta, dispatch, id, line, model, name, questions, request, show, snapshot, transcript,
};
use super::{NOW_MS, feed, screen};

#[test]
fn moves_in_the_list_and_drills_in_and_back() {
    let mut model = model(snapshot());
    feed(&mut model, "j");
    assert_eq!(model.peer().map(|peer| peer.name.as_str()), Some("app"));
    feed(&mut model, "<enter>");
    assert_eq!(model.view, View::Dispatches);
    assert_eq!(model.listed().len(), 2, "only the peer's own");
    let effects = feed(&mut model, "<enter>");
    let follow = Effect::Follow {
        dispatch_id: id(1),
        from_seq: 1,
    };
    assert_eq!(effects, [follow]);
    assert_eq!(model.view, View::Stream);
    feed(&mut model, "<esc><esc>");
    assert_eq!(model.view, View::Fleet);
    feed(&mut model, "G");
    assert_eq!(
        model.peer().map(|peer| peer.name.as_str()),
        Some("construct")
    );
    feed(&mut model, "gk");
    assert_eq!(model.peer().map(|peer| peer.name.as_str()), Some("echo"));
}

#[test]
fn numbers_and_tab_change_the_view() {
    let mut model = model(snapshot());
    feed(&mut model, "4");
    assert_eq!(model.view, View::Messages);
    feed(&mut model, "<tab>");
    assert_eq!(model.view, View::Fleet);
    feed(&mut model, "<shift-tab><shift-tab>");
    assert_eq!(model.view, View::Stream);
    feed(&mut model, "2q");
    assert_eq!(model.view, View::Fleet);
    assert_eq!(model.exit, Exit::Stay);
    feed(&mut model, "q");
    assert_eq!(model.exit, Exit::Leave);
}

#[test]
fn sends_what_was_typed_with_all_four_fields() {
    let mut model = model(snapshot());
    let effects = feed(
        &mut model,
        "nsay hello<enter>twice<tab>a brief<tab>{\"format\": \"text\"}<tab>console<tab>30<ctrl-s>",
    );
    let [
        Effect::Call {
            purpose,
            command: Command::Submit(request),
        },
    ] = effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(purpose, &Purpose::Submit(id(99)));
    assert_eq!(request.peer, "echo");
    let contract = json!({
        "instruction": "say hello\ntwice",
        "context": "a brief",
        "expected_output": {"format": "text"},
        "reply_to": "console",
        "deadline_s": 30,
    });
    assert_eq!(request.contract, contract);
    assert_eq!(model.composer.phase, Phase::Sending(id(99)));
    assert!(
        feed(&mut model, "<ctrl-s>").is_empty(),
        "one send at a time"
    );
    let stored = Answer::Dispatch(Box::new(dispatch(99, "echo", DispatchState::Queued)));
    let effects = answer(&mut model, Purpose::Submit(id(99)), Ok(stored));
    assert!(matches!(effects.as_slice(), [Effect::Follow { .. }]));
    assert_eq!(model.view, View::Stream);
    assert!(model.overlays.is_empty());
    assert!(model.composer.is_blank(), "a sent draft is done with");
}

fn answer(
    model: &mut crate::tui::model::Model,
    purpose: Purpose,
    result: Result<Answer, Failure>,
) -> Vec<Effect> {
    let result = Box::new(result);
    update(model, Msg::Answered { purpose, result }, NOW_MS)
}

#[test]
fn a_refused_draft_stays_and_an_equal_one_keeps_its_id() {
    let mut model = model(snapshot());
    feed(&mut model, "nhello<ctrl-s>");
    let refusal = Failure::new(ErrorKind::Budget, "The budget is spent.", "Top it up.");
    answer(&mut model, Purpose::Submit(id(99)), Err(refusal.clone()));
    assert_eq!(model.composer.phase, Phase::Refused(refusal));
    assert_eq!(model.composer.instruction.text(), "hello");
    let sent = |effects: Vec<Effect>| match effects.as_slice() {
        [
            Effect::Call {
                command: Command::Submit(request),
                ..
            },
        ] => request.dispatch_id,
        other => panic!("{other:?}"),
    };
    model.composer.mint = || id(98);
    assert_eq!(
        sent(feed(&mut model, "<ctrl-s>")),
        id(99),
        "the same draft, the same id"
    );
    let lost = Failure::new(ErrorKind::Daemon, "The daemon went away.", "");
    answer(&mut model, Purpose::Submit(id(99)), Err(lost));
    assert_eq!(
        sent(feed(&mut model, "!<ctrl-s>")),
        id(98),
        "another draft, another id"
    );
    feed(&mut model, "<esc>");
    assert!(model.overlays.is_empty());
    assert_eq!(
        model.composer.instruction.text(),
        "hello!",
        "esc keeps the draft"
    );
    feed(&mut model, "<ctrl-c>");
    assert_eq!(model.exit, Exit::Warned, "a draft is not lost to one key");
    feed(&mut model, "<ctrl-c>");
    assert_eq!(model.exit, Exit::Leave);
}

#[test]
fn a_wrong_field_is_named_and_nothing_is_sent() {
    let cases = [
        (
            "n<ctrl-s>",
            FieldId::Instruction,
            "instruction held empty text",
        ),
        ("nx<tab><tab>{oops<ctrl-s>", FieldId::Expected, "is no JSON"),
        (
            "nx<tab><tab>{\"chekcs\": []}<ctrl-s>",
            FieldId::Expected,
            "chekcs",
        ),
        (
            "nx<tab><tab><tab>nobody<ctrl-s>",
            FieldId::ReplyTo,
            "reply_to held",
        ),
        (
            "nx<tab><tab><tab><tab>0<ctrl-s>",
            FieldId::Deadline,
            "from 1 to 86400",
        ),
        (
            "nx<tab><tab><tab><tab>1e9<ctrl-s>",
            FieldId::Deadline,
            "from 1 to 86400",
        ),
        (
            "nx<tab><tab><tab><tab>soon<ctrl-s>",
            FieldId::Deadline,
            "soon",
        ),
    ];
    for (keys, field, says) in cases {
        let mut model = model(snapshot());
        assert_eq!(feed(&mut model, keys), [], "{keys}");
        assert_eq!(model.composer.focus, field, "{keys}");
        let shown = screen(&mut model, 120, 40);
        assert!(shown.contains(says), "{keys}\n{shown}");
    }
}

#[test]
fn a_dialog_asks_first_and_no_is_marked() {
    let mut model = model(snapshot());
    feed(&mut model, "2");
    assert_eq!(feed(&mut model, "c<enter>"), []);
    assert!(model.overlays.is_empty(), "enter pressed No");
    let cancel = Effect::Call {
        purpose: Purpose::Cancel(id(1)),
        command: Command::Cancel { dispatch_id: id(1) },
    };
    assert_eq!(
        feed(&mut model, "c<tab><enter>"),
        std::slice::from_ref(&cancel)
    );
    assert_eq!(feed(&mut model, "cy"), [cancel]);
    feed(&mut model, "j");
    assert_eq!(feed(&mut model, "c"), []);
    assert!(
        model.overlays.is_empty(),
        "an ended one cannot be cancelled"
    );
    assert!(screen(&mut model, 80, 24).contains("nothing to cancel"));
}

#[test]
fn receivers_are_started_deployed_and_stopped_and_foreign_peers_give_the_reason() {
    let mut model = model(snapshot());
    let start = Effect::Call {
        purpose: Purpose::Receiver {
            verb: Verb::Start,
            peer: name("echo"),
        },
        command: Command::Start {
            peers: vec![name("echo")],
            all: false,
        },
    };
    assert_eq!(feed(&mut model, "S"), [start]);
    let deploys = feed(&mut model, "D");
    assert!(matches!(
        deploys.as_slice(),
        [Effect::Call {
            command: Command::Deploy { .. },
            ..
        }]
    ));
    assert_eq!(feed(&mut model, "x"), []);
    let stops = feed(&mut model, "y");
    assert!(matches!(
        stops.as_slice(),
        [Effect::Call {
            command: Command::Stop { .. },
            ..
        }]
    ));
    assert_eq!(feed(&mut model, "GSx"), []);
    assert!(model.overlays.is_empty());
    assert!(screen(&mut model, 80, 24).contains("somebody else's agent"));
}

#[test]
fn a_filter_narrows_the_list_as_typed_and_esc_clears_it() {
    let mut model = model(snapshot());
    feed(&mut model, "/codex");
    assert_eq!(model.peers().len(), 1);
    feed(&mut model, "<enter>");
    assert_eq!(model.peers().len(), 1);
    feed(&mut model, "<esc>");
    assert_eq!(model.peers().len(), 4);
}

#[test]
fn following_stops_when_a_person_scrolls_and_goes_on_with_g() {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    let many = (1..=100)
        .map(|seq| delta(seq, &format!("line {seq}\n")))
        .collect();
    stream_lines(&mut model, many);
    assert!(screen(&mut model, 80, 24).contains("line 100"));
    feed(&mut model, "<ctrl-u>");
    let before = screen(&mut model, 80, 24);
    assert!(before.contains("not following"), "{before}");
    stream_lines(&mut model, vec![delta(101, "line 101\n")]);
    let after = screen(&mut model, 80, 24);
    let text = |screen: &str| {
        screen
            .lines()
            .skip(4)
            .take(14)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        text(&before),
        text(&after),
        "what is read stays where it is"
    );
    feed(&mut model, "G");
    assert!(screen(&mut model, 80, 24).contains("line 101"));
    let Stream::Open(stream) = &model.stream else {
        panic!("open")
    };
    assert_eq!(stream.tail, Tail::Following);
}

fn stream_lines(model: &mut crate::tui::model::Model, lines: Vec<crate::control::TranscriptLine>) {
    let dispatch_id = id(1);
    update(model, Msg::Lines { dispatch_id, lines }, NOW_MS);
}

#[test]
fn lines_are_bounded_and_the_marker_says_where_the_others_are() {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    let many = (1..=6_000)
        .map(|seq| delta(seq, &format!("line {seq}\n")))
        .collect();
    stream_lines(&mut model, many);
    let Stream::Open(stream) = &model.stream else {
        panic!("open")
    };
    assert_eq!(stream.lines().count(), 5_000);
    feed(&mut model, "g");
    let shown = screen(&mut model, 80, 24);
    assert!(
        shown.contains("1,001 earlier lines: fleet transcripts show"),
        "{shown}"
    );
}

#[test]
fn lines_come_once_although_the_connection_broke_between_them() {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    stream_lines(&mut model, transcript()[..5].to_vec());
    let dispatch_id = id(1);
    let broke = Failure::new(ErrorKind::Daemon, "The daemon went away.", "");
    let result = Err(broke.clone());
    update(
        &mut model,
        Msg::FollowEnded {
            dispatch_id,
            result,
        },
        NOW_MS,
    );
    update(&mut model, Msg::Link(LinkNews::Lost(broke)), NOW_MS);
    assert!(matches!(model.link, Link::Lost(..)));
    let effects = show(&mut model, snapshot());
    assert_eq!(
        effects,
        [Effect::Follow {
            dispatch_id,
            from_seq: 6
        }]
    );
    stream_lines(&mut model, transcript());
    let shown = screen(&mut model, 80, 40);
    assert_eq!(shown.matches("I will run the tests.").count(), 1, "{shown}");
    assert_eq!(
        shown.matches("Fixed.").count(),
        1,
        "the final reply is not told twice: {shown}"
    );
    update(
        &mut model,
        Msg::FollowEnded {
            dispatch_id,
            result: Ok(()),
        },
        NOW_MS,
    );
    let Stream::Open(stream) = &model.stream else {
        panic!("open")
    };
    assert_eq!(stream.feed, Feed::Ended);
}

#[test]
fn help_lists_exactly_the_keys_that_work() {
    let mut waiting = snapshot();
    waiting.dispatches[3].detail.permissions = vec![request("r", 60)];
    let mut asking = snapshot();
    asking.dispatches[3].detail.permissions = vec![questions("q", 60)];
    let all = ["", "2", "3", "4", "n", "2c", "/", "r", "v"].map(|keys| (&waiting, keys));
    let asked = ["", "a", "ao", "n", "r"].map(|keys| (&asking, keys));
    for (all, keys) in all.into_iter().chain(asked) {
        let mut model = model(all.clone());
        feed(&mut model, keys);
        let layers = model.layers();
        update(
            &mut model,
            Msg::Resize {
                columns: 100,
                rows: 80,
            },
            NOW_MS,
        );
        model.overlays.push(Overlay::Help { top: 0 });
        let shown = screen(&mut model, 100, 80);
        for layer in &layers {
            for binding in layer.bindings() {
                let row = shown.lines().find(|row| {
                    row.contains(&format!("  {} ", binding.labels())) && row.contains(binding.help)
                });
                assert!(
                    row.is_some(),
                    "{keys:?}: {} {}\n{shown}",
                    binding.labels(),
                    binding.help
                );
                for key in binding.keys {
                    assert!(resolve(&layers, *key).is_some());
                }
            }
        }
        let told = shown
            .lines()
            .filter(|row| row.starts_with("│  ") && row.chars().nth(3) != Some(' '));
        let bound: usize = layers.iter().map(|layer| layer.bindings().len()).sum();
        assert_eq!(
            told.count(),
            bound + 3,
            "{keys:?}: nothing else but three hints\n{shown}"
        );
    }
}

#[test]
fn no_key_means_two_things_in_one_place() {
    let mut waiting = snapshot();
    waiting.dispatches[3].detail.permissions = vec![request("r", 60)];
    let mut asking = snapshot();
    asking.dispatches[3].detail.permissions = vec![questions("q", 60)];
    let all = ["", "2", "3", "4", "n", "2c", "/", "?"].map(|keys| (&waiting, keys));
    let asked = ["", "a", "ao", "n", "r", "a?"].map(|keys| (&asking, keys));
    for (all, keys) in all.into_iter().chain(asked) {
        let mut model = model(all.clone());
        feed(&mut model, keys);
        let layers: Vec<Layer> = model.layers();
        let all: Vec<_> = layers
            .iter()
            .flat_map(|layer| layer.bindings())
            .flat_map(|b| b.keys)
            .collect();
        for (i, key) in all.iter().enumerate() {
            assert!(
                !all[..i].contains(key),
                "{keys:?}: {} stands twice",
                key.label()
            );
        }
    }
}

#[test]
fn the_command_for_the_view_goes_to_the_clipboard() {
    let mut model = model(snapshot());
    assert_eq!(
        feed(&mut model, "y"),
        [Effect::Copy("fleet status".to_owned())]
    );
    let shown = format!("fleet dispatches show {}", id(1));
    assert_eq!(feed(&mut model, "2y"), [Effect::Copy(shown)]);
}

#[test]
fn without_a_daemon_nothing_is_sent_and_the_draft_is_kept() {
    let mut model = model(snapshot());
    let gone = Failure::new(
        ErrorKind::Daemon,
        "The daemon ended.",
        "It is started again.",
    );
    update(&mut model, Msg::Link(LinkNews::Lost(gone)), NOW_MS);
    assert_eq!(feed(&mut model, "nhello<ctrl-s>"), []);
    let Phase::Refused(why) = &model.composer.phase else {
        panic!("{:?}", model.composer.phase)
    };
    assert_eq!(why.message, "The draft was not sent: The daemon ended.");
    assert!(
        why.remedy
            .starts_with("It is started again. The draft is kept")
    );
    assert_eq!(model.composer.instruction.text(), "hello");
    assert!(matches!(model.prompt, Prompt::Closed { .. }));
}

#[test]
fn pasted_text_keeps_its_lines_in_a_long_field_and_joins_them_in_a_short_one() {
    let mut model = model(snapshot());
    feed(&mut model, "n");
    update(
        &mut model,
        Msg::Paste("one\r\ntwo\rthree".to_owned()),
        NOW_MS,
    );
    assert_eq!(model.composer.instruction.text(), "one\ntwo\nthree");
    feed(&mut model, "<shift-tab><shift-tab>");
    update(&mut model, Msg::Paste("a\rb".to_owned()), NOW_MS);
    assert_eq!(model.composer.context_id.text(), "a b");
}

#[test]
fn a_draft_is_not_lost_to_one_slip_and_the_same_key_again_leaves() {
    for key in ["q", "<ctrl-c>"] {
        let mut model = model(snapshot());
        feed(&mut model, "nhalf a thought<esc>");
        feed(&mut model, key);
        assert_eq!(model.exit, Exit::Warned);
        feed(&mut model, "j");
        assert_eq!(model.exit, Exit::Stay, "another key was no wish to leave");
        feed(&mut model, key);
        feed(&mut model, key);
        assert_eq!(model.exit, Exit::Leave);
    }
}

#[test]
fn what_an_event_says_is_not_said_twice_and_an_empty_reply_is_named() {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    let together = |seq, kind, part| crate::control::TranscriptLine {
        event: Some(7),
        ..line(seq, kind, vec![part])
    };
    let request = json!({"data": {"kind": "permission_request", "request_id": "r", "tool": "Bash",
        "arguments": {"command": "ls"}, "choices": ["allow", "deny"], "expires_at": "2026-03-01T12:05:00Z"}});
    let call = json!({"data": {"kind": "tool_call", "call_id": "c", "tool": "Bash", "arguments": {"command": "ls"}}});
    let lines = vec![
        line(1, LineKind::Event, vec![call]),
        together(2, LineKind::Message, json!({"text": "May it use Bash?"})),
        together(3, LineKind::Event, request),
        line(
            4,
            LineKind::Message,
            vec![json!({"text": "a word of its own"})],
        ),
        delta(5, "\n\n"),
        line(6, LineKind::Reply, vec![json!({"text": ""})]),
    ];
    stream_lines(&mut model, lines);
    let shown = screen(&mut model, 80, 24);
    assert!(!shown.contains("May it use"), "{shown}");
    assert!(shown.contains("? asks for permission: Bash\n"), "{shown}");
    assert!(
        shown.contains("a word of its own\n · the reply is empty"),
        "{shown}"
    );
}

#[test]
fn a_dispatch_that_waits_says_what_for() {
    let mut all = snapshot();
    all.dispatches = vec![dispatch(1, "construct", DispatchState::Queued)];
    let peer = all
        .peers
        .iter_mut()
        .find(|peer| peer.name == name("construct"));
    peer.expect("a peer").reason = Some("connection refused".into());
    let mut model = model(all);
    feed(&mut model, "2<enter>");
    let shown = screen(&mut model, 80, 24);
    assert!(shown.contains(" · not sent yet\n"), "{shown}");
    assert!(
        shown.contains("✗ construct is unreachable: connection refused"),
        "{shown}"
    );
}
