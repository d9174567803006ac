//! What a person sees, as snapshots at a fixed time.

use crate::control::LineKind;
use crate::domain::{ErrorKind, Failure};
use crate::tui::model::Model;
use crate::tui::msg::{LinkNews, Msg};
use crate::tui::update::update;

use super::samples::{
    dispatch, id, line, model, questions, rejected, request, show, snapshot, transcript,
};
use super::{NOW_MS, feed, screen};

fn streaming() -> Model {
    let mut model = model(snapshot());
    feed(&mut model, "2<enter>");
    let lines = transcript();
    let dispatch_id = id(1);
    update(&mut model, Msg::Lines { dispatch_id, lines }, NOW_MS);
    model
}

fn asking() -> Model {
    let mut all = snapshot();
    all.dispatches[3].detail.permissions = vec![request("r", 272), request("s", 300)];
    model(all)
}

#[test]
fn before_the_first_snapshot() {
    let mut model = Model::new(80, 24, NOW_MS);
    insta::assert_snapshot!("connecting_80x24", screen(&mut model, 80, 24));
    let failure = Failure::new(
        ErrorKind::Config,
        "/src/fleet.toml:3: [peers.app] has no mode and no url.",
        "Give it one of them; `fleet config check` tells whether that was all.",
    );
    update(&mut model, Msg::Link(LinkNews::Lost(failure)), NOW_MS);
    insta::assert_snapshot!("refused_80x24", screen(&mut model, 80, 24));
}

#[test]
fn the_fleet() {
    let mut model = model(snapshot());
    feed(&mut model, "jj");
    insta::assert_snapshot!("fleet_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("fleet_120x40", screen(&mut model, 120, 40));
    insta::assert_snapshot!("fleet_60x20", screen(&mut model, 60, 20));
    insta::assert_snapshot!("fleet_40x10", screen(&mut model, 40, 10));
    insta::assert_snapshot!("too_small_39x10", screen(&mut model, 39, 10));
    insta::assert_snapshot!("too_small_80x9", screen(&mut model, 80, 9));
}

#[test]
fn an_untrusted_and_an_empty_fleet() {
    let mut all = snapshot();
    all.trust.accepted = false;
    let mut untrusted = model(all.clone());
    insta::assert_snapshot!("untrusted_80x24", screen(&mut untrusted, 80, 24));
    all.trust.accepted = true;
    all.peers.clear();
    all.dispatches.clear();
    let mut empty = model(all);
    insta::assert_snapshot!("no_peers_80x24", screen(&mut empty, 80, 24));
    feed(&mut empty, "2");
    insta::assert_snapshot!("no_dispatches_80x24", screen(&mut empty, 80, 24));
}

#[test]
fn the_dispatches() {
    let mut model = model(snapshot());
    feed(&mut model, "2");
    insta::assert_snapshot!("dispatches_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("dispatches_60x20", screen(&mut model, 60, 20));
}

#[test]
fn the_stream() {
    let mut model = streaming();
    insta::assert_snapshot!("stream_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("stream_60x20", screen(&mut model, 60, 20));
    let mut all = snapshot();
    all.dispatches[0] = rejected();
    show(&mut model, all);
    let dispatch_id = id(1);
    update(
        &mut model,
        Msg::FollowEnded {
            dispatch_id,
            result: Ok(()),
        },
        NOW_MS,
    );
    insta::assert_snapshot!("stream_rejected_80x24", screen(&mut model, 80, 24));
}

#[test]
fn help_is_whole_on_a_small_screen() {
    for columns in [40, 60, 80] {
        let mut model = model(snapshot());
        feed(&mut model, "?");
        let mut seen = Vec::new();
        // A row at a time, past the end: every row is the first of the page or on the last one.
        for _ in 0..100 {
            let shown = screen(&mut model, columns, 16);
            seen.extend(shown.lines().skip(2).take(1).map(str::to_owned));
            feed(&mut model, "j");
        }
        seen.push(screen(&mut model, columns, 16));
        let words = seen.join("\n").replace('│', " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        for whole in [
            "read and accept what this fleet.toml, or the peer's repo, would run",
            "Dispatches run in the daemon; closing the console ends none.",
        ] {
            assert!(words.contains(whole), "{columns}: {words}");
        }
    }
}

#[test]
fn going_on_says_so() {
    let mut model = streaming();
    feed(&mut model, "n");
    let shown = screen(&mut model, 80, 24);
    assert!(shown.contains("in the conversation below"), "{shown}");
}

#[test]
fn a_dispatch_that_waits_for_a_place_at_its_peer_says_so() {
    let mut model = streaming();
    let accepted = line(99, LineKind::State, Vec::new());
    update(
        &mut model,
        Msg::Lines {
            dispatch_id: id(1),
            lines: vec![accepted],
        },
        NOW_MS,
    );
    let shown = screen(&mut model, 80, 24);
    assert!(
        shown.contains("· accepted; it waits for its turn"),
        "{shown}"
    );
}

#[test]
fn the_composer() {
    let mut model = model(snapshot());
    feed(&mut model, "n");
    insta::assert_snapshot!("composer_80x24", screen(&mut model, 80, 24));
    feed(
        &mut model,
        "Say hello<tab>a brief<tab>json please<tab><tab>soon",
    );
    insta::assert_snapshot!("composer_wrong_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("composer_60x20", screen(&mut model, 60, 20));
}

#[test]
fn the_permission_prompt() {
    let mut model = asking();
    insta::assert_snapshot!("permission_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("permission_40x10", screen(&mut model, 40, 10));
    feed(&mut model, "n");
    insta::assert_snapshot!("permission_while_typing_80x24", screen(&mut model, 80, 24));
    feed(&mut model, "<esc>v");
    insta::assert_snapshot!("permission_arguments_80x24", screen(&mut model, 80, 24));
}

#[test]
fn the_rest() {
    let mut model = model(snapshot());
    feed(&mut model, "?");
    insta::assert_snapshot!("help_80x24", screen(&mut model, 80, 24));
    feed(&mut model, "<esc>jx");
    insta::assert_snapshot!("dialog_80x24", screen(&mut model, 80, 24));
    feed(&mut model, "n4");
    model.say(crate::control::NoticeLevel::Error, "Something failed.");
    insta::assert_snapshot!("messages_80x24", screen(&mut model, 80, 24));
    feed(&mut model, "3");
    insta::assert_snapshot!("no_stream_80x24", screen(&mut model, 80, 24));
}

#[test]
fn every_size_draws_without_trouble() {
    let mut all = snapshot();
    all.dispatches[3].detail.permissions = vec![request("r", 60)];
    all.dispatches
        .push(dispatch(5, "echo", crate::domain::DispatchState::Queued));
    let mut asking = all.clone();
    asking.dispatches[3].detail.permissions = vec![questions("q", 60)];
    for (all, keys) in ["", "2", "2<enter>", "n", "2c", "?", "v", "4"]
        .map(|keys| (&all, keys))
        .into_iter()
        .chain(["", "a", "ao", "a?", "v", "na"].map(|keys| (&asking, keys)))
    {
        let mut model = model(all.clone());
        feed(&mut model, keys);
        for (columns, rows) in [
            (1, 1),
            (40, 10),
            (41, 12),
            (60, 20),
            (83, 24),
            (84, 24),
            (200, 60),
        ] {
            let shown = screen(&mut model, columns, rows);
            assert!(shown.contains("terminal") || columns >= 40 || columns == 1);
            assert_eq!(shown.lines().count(), usize::from(rows));
        }
    }
}
