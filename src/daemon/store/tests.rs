//! Tests of the store's frame: schema, permissions of the file, receivers. Rows of dispatches are tested beside the guard.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::PeerName;

fn name(text: &str) -> PeerName {
    PeerName::new(text).unwrap()
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.db");
    let store = Store::open(&path).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    let failure = crate::domain::Failure::from(error);
    assert!(failure.remedy.contains("--state-dir"), "{failure:?}");
}

#[tokio::test]
async fn the_file_is_private_and_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.db");
    for _ in 0..2 {
        let store = Store::open(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store.close().await;
    }
}

#[tokio::test]
async fn a_receiver_reads_back_and_keeps_its_port() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
    let mut row = ReceiverRow::new(name("app"), "r-1".to_owned());
    store.upsert_receiver(&row).await.unwrap();
    assert!(store.claim_port(&row.peer, 9300).await.unwrap());
    row.should_run = true;
    row.pid = Some(42);
    row.start_time = Some(u64::MAX);
    row.boot_id = Some("boot".to_owned());
    row.instance = Some("instance".to_owned());
    row.failures = "[1]".to_owned();
    row.parked_reason = Some("failed 5 times".to_owned());
    store.upsert_receiver(&row).await.unwrap();
    row.port = Some(9300);
    assert_eq!(store.receiver(&row.peer).await.unwrap(), Some(row.clone()));
    assert_eq!(store.receivers().await.unwrap(), [row]);
    store.close().await;
}

#[tokio::test]
async fn an_answer_of_the_first_schema_is_kept_beside_one_that_has_choices() {
    use fleet_a2a::ext::{Chosen, Decision, Ruling};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .foreign_keys(false);
    let old = SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(MIGRATIONS[0]).execute(&old).await.unwrap();
    let id: crate::domain::DispatchId = "019cb000-0000-7000-8000-000000000001".parse().unwrap();
    for (message, request) in [("m1", "r1"), ("m2", "r2")] {
        sqlx::query("INSERT INTO answers VALUES (?, ?, ?, 'deny', 'no', 1, NULL)")
            .bind(message)
            .bind(id.to_string())
            .bind(request)
            .execute(&old)
            .await
            .unwrap();
    }
    sqlx::raw_sql("PRAGMA user_version = 1")
        .execute(&old)
        .await
        .unwrap();
    old.close().await;
    let store = Store::open(&path).await.unwrap();
    let denied = Ruling::plain(Decision::Deny, Some("no".to_owned()));
    let pending = store.pending_answers(id).await.unwrap();
    assert_eq!(pending.len(), 2);
    assert_eq!(
        (pending[0].message_id.as_str(), &pending[0].ruling),
        ("m1", &denied)
    );
    let chosen = vec![
        Chosen(vec!["Red".to_owned()]),
        Chosen(vec!["S, M".to_owned(), "L".to_owned()]),
    ];
    sqlx::query(
        "UPDATE answers SET decision = 'allow', reason = NULL, answers = ? WHERE message_id = 'm2'",
    )
    .bind(serde_json::to_string(&chosen).unwrap())
    .execute(&store.writer)
    .await
    .unwrap();
    assert_eq!(
        store.pending_answers(id).await.unwrap()[1].ruling.answers,
        chosen
    );
    // The first answer to a request stays, with what was chosen.
    let again = AnswerRow {
        message_id: "m3".to_owned(),
        request_id: "r2".to_owned(),
        ruling: denied,
    };
    let stored = store.add_answer(id, &again, 2).await.unwrap();
    assert_eq!(
        (stored.message_id.as_str(), stored.ruling.answers),
        ("m2", chosen)
    );
    store.close().await;
}

#[tokio::test]
async fn a_port_is_claimed_by_one_peer() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
    let peers: Vec<PeerName> = (0..20).map(|i| name(&format!("p{i}"))).collect();
    for peer in &peers {
        let row = ReceiverRow::new(peer.clone(), peer.to_string());
        store.upsert_receiver(&row).await.unwrap();
    }
    let claims = peers.iter().map(|peer| store.claim_port(peer, 9300));
    let won = futures::future::join_all(claims).await;
    assert_eq!(won.into_iter().filter(|w| *w.as_ref().unwrap()).count(), 1);
    assert!(store.claim_port(&name("nobody"), 9301).await.is_err());
    store.close().await;
}
