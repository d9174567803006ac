//! Tests of the store's frame: schema, permissions of the file, receivers. Rows of dispatches are tested beside the guard.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::{BudgetUse, CommandId, PeerName};

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

#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date_with_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let old = SqlitePool::connect_with(options).await.unwrap();
    let rows = "
        INSERT INTO dispatches (dispatch_id, peer, state, contract, request_hash, content_hash, context_id,
            context_named, again, message_id, accepted_at_ms, deadline_at_ms, granted, usage, transcript_base,
            transcript_rel, outcome)
            VALUES ('d', 'app', 'completed', '{}', '', '', '', 0, 0, '', 5, 9, '{}', '{}', '/', 'x', '{}');
        INSERT INTO ledger (dispatch_id, peer, kind, granted_at_ms, at_ms, held_tokens, held_turns, held_micros,
            spent_tokens, spent_turns, spent_micros)
            VALUES ('d', 'app', 'grant', 5, 5, 7, 1, 0, 0, 0, 0), ('d', 'app', 'settle', 5, 6, -7, -1, 0, 4, 1, 0);
        PRAGMA user_version = 1;";
    sqlx::raw_sql(MIGRATIONS[0]).execute(&old).await.unwrap();
    sqlx::raw_sql(rows).execute(&old).await.unwrap();
    old.close().await;
    let store = Store::open(&path).await.unwrap();
    let balance = store.balance_of(&name("app"), 0).await.unwrap();
    assert_eq!((balance.held.tokens, balance.spent.tokens), (0, 4));
    assert_eq!(store.balances(6).await.unwrap().len(), 0);
    store.close().await;
}

fn command(text: &str, peers: &[&str], all: bool) -> Audited {
    Audited {
        command: text.to_owned(),
        peers: peers.iter().map(|peer| name(peer)).collect(),
        all,
    }
}

fn client() -> AuditClient {
    AuditClient {
        uid: 1000,
        pid: None,
        kind: "cli",
        version: "0.1.0".to_owned(),
    }
}

#[tokio::test]
async fn what_was_done_is_listed_newest_first_and_by_peer() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
    let mut entries = Vec::new();
    for audited in [
        command("start app, ap", &["app", "ap"], false),
        command("stop every receiver", &[], true),
        command("trust", &[], false),
    ] {
        let entry = AuditEntry::new(client(), audited, 5);
        store.audit(&entry).await.unwrap();
        if entries.len() == 1 {
            store.audit_end(&entry, "done", 6).await.unwrap();
            store.audit_end(&entry, "again", 7).await.unwrap();
        }
        entries.push(entry);
    }
    let words = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.command).collect::<Vec<_>>();
    let all = store.audited(None, 10).await.unwrap();
    assert_eq!(all[1].outcome, Some(("done".to_owned(), 6)));
    assert_eq!(all[0].outcome, None);
    assert_eq!(
        words(all),
        ["trust", "stop every receiver", "start app, ap"]
    );
    let of = async |peer: &str| words(store.audited(Some(&name(peer)), 10).await.unwrap());
    assert_eq!(of("ap").await, ["stop every receiver", "start app, ap"]);
    assert_eq!(of("pp").await, ["stop every receiver"]);
    assert_eq!(words(store.audited(None, 1).await.unwrap()), ["trust"]);
    store.close().await;
}

#[tokio::test]
async fn what_was_written_down_is_neither_changed_nor_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
    let entry = AuditEntry::new(client(), command("x", &[], false), 5);
    store.audit_end(&entry, "done", 5).await.unwrap();
    let top_up = Adjustment {
        command_id: CommandId::mint(),
        peer: name("app"),
        kind: AdjustmentKind::TopUp(BudgetUse::default()),
        at_ms: 1,
    };
    store.adjust(&top_up).await.unwrap();
    for table in ["audit", "audit_outcomes", "adjustments"] {
        for sql in [
            format!("DELETE FROM {table}"),
            format!("UPDATE {table} SET at_ms = 0"),
        ] {
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone()))
                .execute(&store.writer)
                .await;
            let refused = done.unwrap_err().to_string();
            assert!(refused.contains("never"), "{sql}: {refused}");
        }
    }
    store.close().await;
}

#[tokio::test]
async fn only_the_oldest_beyond_a_hundred_thousand_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
    let full = "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)
        INSERT INTO audit (at_ms, uid, client, version, command, peers) SELECT i, 0, 'cli', '', i, ' ' FROM n;
        INSERT INTO audit_outcomes SELECT entry_id, at_ms, 'done' FROM audit";
    sqlx::raw_sql(full).execute(&store.writer).await.unwrap();
    let kept = sqlx::raw_sql("DELETE FROM audit WHERE entry_id = 2")
        .execute(&store.writer)
        .await;
    assert!(kept.is_err(), "the newest hundred thousand stay");
    let entry = AuditEntry::new(client(), command("newest", &[], false), 5);
    store.audit(&entry).await.unwrap();
    for table in ["audit", "audit_outcomes"] {
        let sql = format!("SELECT min(entry_id) FROM {table}");
        let oldest: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(store.readers())
            .await
            .unwrap();
        assert_eq!(oldest, 3, "{table}");
    }
    store.close().await;
}
