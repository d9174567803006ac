//! Whatever a client changes is written down first, by the running daemon.

use super::{Bench, ECHO, EXEC, submit};
use crate::control::{Answer, AuditView, ClientKind, Command, ControlHandle, Target};
use crate::domain::DispatchId;

async fn audit(handle: &ControlHandle, peer: Option<&str>) -> Vec<AuditView> {
    let peer = peer.map(|peer| peer.parse().unwrap());
    match handle.call(Command::Audit { peer, limit: 50 }).await {
        Ok(Answer::Audit(entries)) => entries,
        other => panic!("{other:?}"),
    }
}

fn words(entries: &[AuditView]) -> Vec<(&str, &str)> {
    let words = entries.iter().map(|entry| {
        let outcome = entry.outcome.as_deref().unwrap_or("");
        (entry.command.raw(), outcome)
    });
    words.collect()
}

#[tokio::test]
async fn a_change_is_written_down_with_its_client_and_its_end_and_a_question_is_not() {
    let bench = Bench::start(&format!("{ECHO}{EXEC}")).await;
    let handle = ControlHandle::connect_as(&bench.target, ClientKind::Console)
        .await
        .unwrap();
    handle.call(Command::Status).await.unwrap();
    handle.call(Command::Trust { accept: None }).await.unwrap();
    assert_eq!(audit(&handle, None).await, []);

    handle.call(submit("tool")).await.unwrap_err();
    let dispatch_id = DispatchId::mint();
    let cancel = Command::Cancel { dispatch_id };
    handle.call(cancel).await.unwrap_err();
    let trust = Command::Trust {
        accept: Some("00".to_owned()),
    };
    handle.call(trust).await.unwrap_err();
    let all = audit(&handle, None).await;
    let canceled = format!("cancel {dispatch_id}");
    assert_eq!(
        words(&all[..2]),
        [
            ("trust 00", "failed: state"),
            (&*canceled, "failed: not_found")
        ]
    );
    assert!(all[2].command.raw().starts_with("submit "), "{all:?}");
    assert_eq!(all[2].outcome.as_deref(), Some("failed: untrusted"));
    for entry in &all {
        assert_eq!(entry.pid, Some(std::process::id().cast_signed()));
        assert_eq!(entry.client, "console");
        assert_eq!(entry.version.raw(), env!("CARGO_PKG_VERSION"));
    }
    assert_eq!(audit(&handle, Some("tool")).await, all[2..]);
    bench.stop().await;
}

#[tokio::test]
async fn naming_a_file_accepts_it_and_is_written_down_once() {
    let bench = Bench::start(&format!("{ECHO}{EXEC}")).await;
    let explicit = Target {
        explicit: true,
        ..bench.target.clone()
    };
    let named = ControlHandle::connect_running(&explicit).await.unwrap();
    let named = named.unwrap();
    for _ in 0..2 {
        named.call(Command::Status).await.unwrap();
    }
    let all = audit(&named, None).await;
    let [only] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert!(
        only.command
            .raw()
            .ends_with("because --config named the file"),
        "{only:?}"
    );
    assert_eq!(only.outcome.as_deref(), Some("done"));
    bench.stop().await;
}

#[tokio::test]
async fn stopping_the_daemon_is_there_when_it_is_started_again() {
    let bench = Bench::start(ECHO).await;
    let handle = bench.connect().await;
    handle.call(Command::StopDaemon).await.unwrap();
    tokio::time::timeout(super::LONG, bench.daemon)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let database = bench.target.state_dir.join("fleet.db");
    let store = crate::daemon::store::Store::open(&database).await.unwrap();
    let rows = store.audited(None, 10).await.unwrap();
    assert_eq!(rows[0].command, "stop the daemon");
    assert!(rows[0].outcome.is_some(), "{rows:?}");
}
