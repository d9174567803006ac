//! Restarts: the dispatcher is dropped at any moment, and another goes on from the store, the transcript and the peer.

use serde_json::json;

use super::peer::{FakePeer, Fault, hello};
use super::{Fleet, ask, ask_with, ended, events, until};
use crate::control::LineKind;
use crate::domain::{DispatchState, ErrorKind};

#[tokio::test]
async fn a_restart_mid_turn_loses_and_doubles_nothing() {
    for told in 0..=5 {
        let fleet = Fleet::new(FakePeer::released(hello(), told).await).await;
        let id = fleet.submit(ask("x")).await.dispatch_id;
        let seen = told as u64 + 1;
        until(&fleet.handle(), id, |view| {
            view.detail.transcript_seq > seen
        })
        .await;
        let fleet = fleet.restart().await;
        fleet.peer.release_all();
        let view = ended(&fleet.handle(), id).await;
        assert_eq!(
            (view.state, view.reply.unwrap().raw()),
            (DispatchState::Completed, "hello")
        );
        assert_eq!(view.usage.output_tokens, 7);
        let lines = fleet.lines(id).await;
        assert_eq!(events(&lines), [1, 2, 3, 4, 5, 6, 7], "after {told}");
        let messages = lines.iter().filter(|line| line.kind == LineKind::Message);
        assert_eq!(messages.count(), 1);
        let numbers: Vec<u64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
        assert_eq!(fleet.peer.seen().accepted.len(), 1);
        assert_eq!(fleet.peer.seen().sends.len(), 1, "exactly one send");
    }
}

#[tokio::test]
async fn a_transcript_cut_anywhere_is_made_whole_again() {
    let fleet = Fleet::new(FakePeer::released(hello(), 4).await).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    until(&fleet.handle(), id, |view| view.detail.transcript_seq >= 6).await;
    let file = {
        let all = fleet
            .handle()
            .transcripts(&fleet.config, None)
            .await
            .unwrap();
        assert_eq!((all.len(), all[0].lines), (1, 6));
        std::path::PathBuf::from(&all[0].path)
    };
    let whole = std::fs::read(&file).unwrap();
    let mut fleet = fleet;
    for cut in [whole.len() - 1, whole.len() / 2, whole.len() / 3, 40, 0] {
        drop(std::mem::replace(
            &mut fleet.dispatcher,
            super::open(fleet.dir.path(), &fleet.found).await,
        ));
        fleet = fleet.restart_cut(&file, &whole[..cut]).await;
        let wanted = |view: &crate::control::DispatchView| {
            view.reply
                .as_ref()
                .is_some_and(|reply| reply.raw() == "hello")
                && view.usage.output_tokens == 7
        };
        until(&fleet.handle(), id, wanted).await;
        let lines = fleet.lines(id).await;
        assert_eq!(events(&lines), [1, 2, 3, 4, 5], "cut at {cut}");
    }
    fleet.peer.release_all();
    assert_eq!(
        ended(&fleet.handle(), id).await.state,
        DispatchState::Completed
    );
    assert_eq!(fleet.peer.seen().sends.len(), 1);
}

#[tokio::test]
async fn an_event_of_several_lines_that_was_half_written_is_completed() {
    use fleet_a2a::ext::{FleetEvent, event_part};
    let parts: Vec<serde_json::Value> = ["one", "two", "three"]
        .map(|text| {
            json!(event_part(&FleetEvent::Note {
                text: text.to_owned()
            }))
        })
        .into();
    let said = json!({"statusUpdate": {"taskId": super::peer::TASK, "contextId": "c", "status": {
        "state": "TASK_STATE_WORKING", "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": parts}}}});
    let mut script = vec![said];
    script.extend(hello());
    let mut fleet = Fleet::new(FakePeer::released(script, 1).await).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    until(&fleet.handle(), id, |view| view.detail.transcript_seq >= 5).await;
    let all = fleet
        .handle()
        .transcripts(&fleet.config, None)
        .await
        .unwrap();
    let file = std::path::PathBuf::from(&all[0].path);
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(
        lines.len(),
        5,
        "our message, the task, three lines of one event"
    );
    for left in [4, 3, 2] {
        fleet = fleet
            .restart_cut(&file, lines[..left].concat().as_bytes())
            .await;
        until(&fleet.handle(), id, |view| view.detail.transcript_seq >= 5).await;
        assert_eq!(
            events(&fleet.lines(id).await),
            [1, 2, 2, 2],
            "after {left} lines"
        );
    }
    fleet.peer.release_all();
    ended(&fleet.handle(), id).await;
    assert_eq!(
        events(&fleet.lines(id).await),
        [1, 2, 2, 2, 3, 4, 5, 6, 7, 8]
    );
}

impl Fleet {
    /// Restarts as after a crash that tore the transcript.
    async fn restart_cut(self, file: &std::path::Path, left: &[u8]) -> Self {
        self.dispatcher.shutdown().await;
        std::fs::write(file, left).unwrap();
        let dispatcher = super::open(self.dir.path(), &self.found).await;
        Self { dispatcher, ..self }
    }
}

#[tokio::test]
async fn a_queued_dispatch_is_sent_after_a_restart() {
    let fleet = Fleet::new(FakePeer::new(hello()).await).await;
    fleet.found.gone(ErrorKind::Unreachable);
    let id = fleet.submit(ask("x")).await.dispatch_id;
    let fresh = super::peer::FoundPeer::at(&fleet.peer);
    let mut fleet = fleet;
    fleet.found = std::sync::Arc::new(fresh);
    let fleet = fleet.restart().await;
    assert_eq!(
        ended(&fleet.handle(), id).await.state,
        DispatchState::Completed
    );
    assert_eq!(fleet.peer.seen().accepted.len(), 1);
}

#[tokio::test]
async fn a_send_cut_off_by_a_restart_runs_once() {
    let faults = [Fault::TakeAndDrop, Fault::Status(500), Fault::Status(500)];
    let fleet = Fleet::new(FakePeer::new(hello()).await.faults(&faults)).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    until(&fleet.handle(), id, |view| {
        view.state == DispatchState::Sending
    })
    .await;
    let fleet = fleet.restart().await;
    assert_eq!(
        ended(&fleet.handle(), id).await.state,
        DispatchState::Completed
    );
    assert_eq!(fleet.peer.seen().accepted.len(), 1);
    assert_eq!(events(&fleet.lines(id).await), [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_deadline_that_passed_while_nobody_watched_expires_what_was_never_sent() {
    let fleet = Fleet::new(FakePeer::new(hello()).await).await;
    fleet.found.gone(ErrorKind::Unreachable);
    let request = ask_with(json!({"instruction": "x", "deadline_s": 1}));
    let id = fleet.submit(request).await.dispatch_id;
    drop(fleet.dispatcher);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let dispatcher = super::open(fleet.dir.path(), &fleet.found).await;
    let view = ended(&dispatcher.handle(), id).await;
    assert_eq!(view.state, DispatchState::Expired);
    assert!(fleet.peer.seen().sends.is_empty());
    assert!(
        dispatcher
            .handle()
            .lines(id, 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_closed_dispatcher_takes_nothing_and_cancels_nothing() {
    let fleet = Fleet::new(FakePeer::released(hello(), 2).await).await;
    let id = fleet.submit(ask("x")).await.dispatch_id;
    until(&fleet.handle(), id, |view| {
        view.state == DispatchState::Working
    })
    .await;
    let handle = fleet.handle();
    let before = tokio::time::Instant::now();
    fleet.dispatcher.shutdown().await;
    assert!(before.elapsed() < std::time::Duration::from_secs(1));
    let refused = handle
        .submit(ask("y"), &fleet.config, Vec::new())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Daemon);
    assert_eq!(fleet.peer.seen().cancels, 0);
}
