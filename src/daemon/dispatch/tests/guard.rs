//! The guard and the ledger, over the real store: nothing runs twice, nothing is granted twice.

use futures::future::join_all;
use proptest::prelude::*;
use serde_json::json;

use super::bench::{Bench, on};
use super::{ask, ask_with, turns};
use crate::control::SubmitRequest;
use crate::daemon::ledger;
use crate::daemon::store::DispatchRow;
use crate::domain::{BudgetLimit, DispatchState, ErrorKind, Window};
use fleet_a2a::ext::Usage;

#[tokio::test]
async fn the_same_content_is_refused_naming_what_is_open() {
    let bench = Bench::new().await;
    let first = bench.admit(ask("build it"), None).await.unwrap();
    let refused = bench.admit(ask("build it"), None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
    assert_eq!(refused.kind.exit_code(), 3);
    assert_eq!(refused.dispatch_id, Some(first.dispatch_id));
    assert!(
        refused.message.contains(&first.dispatch_id.to_string()),
        "{refused}"
    );
    assert!(refused.message.contains("queued"), "{refused}");
    bench.admit(ask("build that"), None).await.unwrap();
    let longer = ask_with(json!({"instruction": "build it", "deadline_s": 5}));
    let refused = bench.admit(longer, None).await.unwrap_err();
    assert_eq!(
        refused.kind,
        ErrorKind::Duplicate,
        "a deadline is no other content"
    );
}

#[tokio::test]
async fn again_runs_content_twice_but_never_a_busy_context() {
    let bench = Bench::new().await;
    let again = |request: SubmitRequest| SubmitRequest {
        again: true,
        ..request
    };
    bench.admit(ask("x"), None).await.unwrap();
    bench.admit(again(ask("x")), None).await.unwrap();
    bench.admit(again(ask("x")), None).await.unwrap();
    assert!(bench.admit(ask("x"), None).await.is_err());
    bench.admit(on("c", "x"), None).await.unwrap();
    let refused = bench.admit(again(on("c", "y")), None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
    bench.admit(on("d", "x"), None).await.unwrap();
}

#[tokio::test]
async fn an_open_second_run_still_guards_its_content() {
    let bench = Bench::new().await;
    let again = SubmitRequest {
        again: true,
        ..ask("x")
    };
    bench.admit(again, None).await.unwrap();
    let refused = bench.admit(ask("x"), None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
}

#[tokio::test]
async fn an_unresolved_unknown_counts_as_open() {
    let bench = Bench::new().await;
    let row = bench.admit(on("c", "x"), None).await.unwrap();
    let id = row.dispatch_id;
    bench
        .end(row, DispatchState::Unknown, Usage::default())
        .await
        .unwrap();
    let refused = bench.admit(on("c", "y"), None).await.unwrap_err();
    assert!(refused.remedy.contains("resolve"), "{refused:?}");
    assert!(
        bench
            .store
            .resolve_dispatch(id, DispatchState::Failed)
            .await
            .unwrap()
    );
    bench.admit(on("c", "y"), None).await.unwrap();
}

#[tokio::test]
async fn the_same_id_is_idempotent_and_takes_no_other_contract() {
    let bench = Bench::new().await;
    let request = ask("x");
    let first = bench.admit(request.clone(), Some(&turns(1))).await.unwrap();
    let second = bench.admit(request.clone(), Some(&turns(1))).await.unwrap();
    assert_eq!(first.wire, second.wire);
    assert_eq!(bench.balance().await.used().turns, 1, "granted once");
    let other = SubmitRequest {
        contract: json!({"instruction": "y"}),
        ..request
    };
    let refused = bench.admit(other, None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Contract);
    assert_eq!(refused.kind.exit_code(), 2);
}

#[tokio::test]
async fn a_bad_request_stores_nothing() {
    let bench = Bench::new().await;
    let other = |peer: &str| SubmitRequest {
        peer: peer.to_owned(),
        ..ask("x")
    };
    let with = |field: &str, value: serde_json::Value| {
        let mut contract = json!({"instruction": "x"});
        contract[field] = value;
        ask_with(contract)
    };
    let bad = [
        (ask(""), ErrorKind::Contract, "instruction"),
        (
            with("deadline_s", json!(0)),
            ErrorKind::Contract,
            "deadline_s",
        ),
        (
            with("deadline_s", json!("soon")),
            ErrorKind::Contract,
            "deadline_s",
        ),
        (
            with("reply_to", json!("nobody")),
            ErrorKind::Contract,
            "reply_to",
        ),
        (
            with("reply_to", json!("other")),
            ErrorKind::Contract,
            "is valid, but delivery",
        ),
        (
            with("context", json!("x".repeat(300 * 1024))),
            ErrorKind::Contract,
            "context",
        ),
        (on("", "x"), ErrorKind::Contract, "contextId"),
        (other("nobody"), ErrorKind::NotFound, "nobody"),
        (other("../x"), ErrorKind::NotFound, "../x"),
    ];
    for (request, kind, says) in bad {
        let refused = bench.admit(request, None).await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.kind.exit_code()),
            (kind, 2),
            "{refused}"
        );
        assert!(refused.message.contains(says), "{refused}");
        assert!(!refused.remedy.is_empty(), "{refused}");
    }
    assert!(
        bench
            .store
            .newest_dispatches(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn two_hundred_at_once_against_ten_turns_admit_ten() {
    let bench = Bench::new().await;
    let limit = turns(10);
    let all = (0..200).map(|i| bench.admit(on(&format!("c{i}"), "x"), Some(&limit)));
    let results = join_all(all).await;
    let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 10);
    assert!(
        bad.iter()
            .all(|r| r.as_ref().unwrap_err().kind == ErrorKind::Budget)
    );
    assert_eq!(bench.balance().await.held.turns, 10);
    assert_eq!(
        bench
            .store
            .newest_dispatches(None, 300)
            .await
            .unwrap()
            .len(),
        10
    );
}

#[tokio::test]
async fn fifty_at_once_on_one_context_admit_one() {
    let bench = Bench::new().await;
    let results = join_all((0..50).map(|i| bench.admit(on("c", &format!("{i}")), None))).await;
    let good: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    assert_eq!(good.len(), 1);
    for refused in results.iter().filter_map(|r| r.as_ref().err()) {
        assert_eq!(refused.dispatch_id, Some(good[0].dispatch_id));
    }
}

#[tokio::test]
async fn the_first_end_wins_and_settles_once() {
    let bench = Bench::new().await;
    let row = bench.admit(ask("x"), Some(&turns(5))).await.unwrap();
    let spent = Usage {
        output_tokens: 9,
        turns: 1,
        ..Usage::default()
    };
    assert!(
        bench
            .end(row.clone(), DispatchState::Completed, spent)
            .await
            .is_some()
    );
    assert!(
        bench
            .end(row.clone(), DispatchState::Failed, spent)
            .await
            .is_none()
    );
    let balance = bench.balance().await;
    assert_eq!(
        (
            balance.held.turns,
            balance.spent.turns,
            balance.spent.tokens
        ),
        (0, 1, 9)
    );
    let stored = bench
        .store
        .dispatch(row.dispatch_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.state, DispatchState::Completed);
    let late = Usage {
        output_tokens: 12,
        turns: 1,
        ..Usage::default()
    };
    let fix = ledger::correction(&stored, &balance.spent, late, 3_000).unwrap();
    bench.store.correct(&fix).await.unwrap();
    assert_eq!(bench.balance().await.spent.tokens, 12);
    assert!(ledger::correction(&stored, &bench.balance().await.spent, late, 4_000).is_none());
}

#[tokio::test]
async fn a_peer_that_reports_nonsense_does_not_break_the_sums() {
    let bench = Bench::new().await;
    for i in 0..3 {
        let row = bench.admit(ask(&i.to_string()), None).await.unwrap();
        let spent = Usage {
            output_tokens: u64::MAX,
            turns: u64::MAX,
            cost_usd: Some(1e300),
            ..Usage::default()
        };
        bench
            .end(row, DispatchState::Completed, spent)
            .await
            .unwrap();
    }
    assert!(bench.balance().await.spent.tokens >= 3 << 50);
}

#[derive(Debug, Clone)]
enum Step {
    Grant,
    Settle {
        which: usize,
        tokens: u64,
        unknown: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let settle = (0..20_usize, 0..400_u64, any::<bool>());
    let settle = settle.prop_map(|(which, tokens, unknown)| Step::Settle {
        which,
        tokens,
        unknown,
    });
    prop::collection::vec(prop_oneof![2 => Just(Step::Grant), 1 => settle], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_order_of_grants_and_settlements_over_grants(steps in steps(), share in 1..400_u64) {
        let limit = BudgetLimit {
            tokens: Some(1_000), turns: Some(12), cost: None, window: Window::Total,
            per_dispatch_tokens: Some(share),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let (mut open, mut spent, mut turns) = (Vec::new(), 0, 0);
            for (i, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Grant => {
                        let before = bench.balance().await.used();
                        match bench.admit(ask(&i.to_string()), Some(&limit)).await {
                            Ok(row) => {
                                prop_assert!(before.tokens + row.granted.tokens.unwrap() <= 1_000);
                                prop_assert!(before.turns < 12);
                                open.push(row);
                            }
                            Err(refused) => prop_assert_eq!(refused.kind, ErrorKind::Budget),
                        }
                    }
                    Step::Settle { which, tokens, unknown } if !open.is_empty() => {
                        let row: DispatchRow = open.remove(which % open.len());
                        let usage = Usage { output_tokens: tokens, turns: 1, ..Usage::default() };
                        let state = if unknown { DispatchState::Unknown } else { DispatchState::Completed };
                        let granted = row.granted.tokens.unwrap();
                        bench.end(row, state, usage).await.unwrap();
                        spent += if unknown { tokens.max(granted) } else { tokens };
                        turns += 1;
                    }
                    Step::Settle { .. } => {}
                }
                let balance = bench.balance().await;
                let held: u64 = open.iter().filter_map(|row| row.granted.tokens).sum();
                prop_assert_eq!((balance.held.tokens, balance.held.turns), (held, open.len() as u64));
                prop_assert_eq!((balance.spent.tokens, balance.spent.turns), (spent, turns));
            }
            bench.store.close().await;
            Ok(())
        })?;
    }
}
