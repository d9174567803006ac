//! What a person does to a budget and is told about it, over the real store: once, exactly, and over a restart.

use futures::future::join_all;
use proptest::prelude::*;

use super::bench::{Bench, on};
use super::peer::{FakePeer, hello};
use super::{Fleet, ask, ended, turns};
use crate::control::{BudgetView, SubmitRequest};
use crate::daemon::store::{Adjusted, Adjustment, AdjustmentKind};
use crate::domain::{
    BudgetLimit, BudgetUse, CommandId, Cost, DispatchState, ErrorKind, Failure, PeerName, TopUp,
    Window,
};
use fleet_a2a::ext::Usage;

fn tokens(limit: u64, window: Window) -> BudgetLimit {
    BudgetLimit {
        tokens: Some(limit),
        turns: None,
        cost: None,
        window,
        per_dispatch_tokens: Some(5),
    }
}

fn app() -> PeerName {
    PeerName::new("app").unwrap()
}

fn more_turns(turns: u64) -> TopUp {
    TopUp {
        turns: Some(turns),
        ..TopUp::default()
    }
}

impl Fleet {
    async fn top_up(&self, id: CommandId, amounts: &TopUp) -> Result<BudgetView, Failure> {
        let (handle, peer) = (self.handle(), app());
        let done = handle.top_up(id, &peer, amounts, &self.config).await;
        done.map(|mut views| views.remove(0))
    }

    async fn run(&self, request: SubmitRequest) {
        let view = self.submit(request).await;
        ended(&self.handle(), view.dispatch_id).await;
    }

    async fn told(&self) -> Vec<String> {
        let standing = self.handle().tell_standing(&self.config).await.unwrap();
        let texts = standing.iter().map(|notice| notice.text.raw().to_owned());
        texts.collect()
    }
}

#[tokio::test]
async fn a_refused_context_goes_on_after_a_top_up_that_counts_once() {
    let fleet = Fleet::with_budget(FakePeer::new(hello()).await, Some(turns(1))).await;
    fleet.run(on("c", "first")).await;
    let handle = fleet.handle();
    let again = on("c", "second");
    let submit = handle.submit(again.clone(), &fleet.config, Vec::new());
    let refused = submit.await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Budget);
    assert!(
        refused.remedy.contains("fleet budget top-up app --turns N"),
        "{refused:?}"
    );

    let id = CommandId::mint();
    for _client_that_lost_its_daemon in 0..3 {
        let view = fleet.top_up(id, &more_turns(1)).await.unwrap();
        let turns = view.turns;
        assert_eq!(
            (turns.limit, turns.topped_up, turns.spent, turns.remaining),
            (Some(1), 1, 1, Some(1))
        );
    }
    let other = fleet.top_up(id, &more_turns(2)).await.unwrap_err();
    assert_eq!(other.kind, ErrorKind::State);

    let view = fleet.submit(again).await;
    assert_eq!(view.context_id, "c", "the same conversation goes on");
    let view = ended(&handle, view.dispatch_id).await;
    assert_eq!(view.state, DispatchState::Completed);
    let third = handle.submit(on("c", "third"), &fleet.config, Vec::new());
    assert_eq!(third.await.unwrap_err().kind, ErrorKind::Budget);
}

#[tokio::test]
async fn amounts_that_add_nothing_are_refused_with_the_command() {
    let fleet = Fleet::with_budget(FakePeer::new(hello()).await, Some(turns(1))).await;
    for amounts in [
        TopUp::default(),
        more_turns(0),
        TopUp {
            tokens: Some(1),
            ..TopUp::default()
        },
    ] {
        let refused = fleet.top_up(CommandId::mint(), &amounts).await.unwrap_err();
        assert_eq!(refused.kind.exit_code(), 2);
        assert!(refused.remedy.contains("fleet budget"), "{refused:?}");
    }
    let unlimited = Fleet::new(FakePeer::new(hello()).await).await;
    let refused = unlimited.top_up(CommandId::mint(), &more_turns(1)).await;
    let refused = refused.unwrap_err();
    assert!(refused.message.contains("has no budget"), "{refused}");
    let handle = unlimited.handle();
    let peer = app();
    let reset = handle.reset_budget(CommandId::mint(), &peer, &unlimited.config);
    assert!(reset.await.is_err());
}

#[tokio::test]
async fn each_mark_is_told_once_also_over_a_restart() {
    // The peer spends 7 tokens a turn.
    let budget = tokens(8, Window::Day);
    let fleet = Fleet::with_budget(FakePeer::new(hello()).await, Some(budget)).await;
    let mut notices = fleet.handle().notices();
    let begun_ms = fleet_a2a::clock::now_ms();
    fleet.run(ask("a")).await;
    let near = notices.try_recv().unwrap();
    let text = near.text.raw();
    assert!(
        text.starts_with("7 of 8 tokens (87 %) are spent; the day resets at "),
        "{text}"
    );
    assert!(
        text.ends_with("fleet budget top-up app --tokens N"),
        "{text}"
    );

    let fleet = fleet.restart().await;
    assert_eq!(fleet.told().await, [text], "shown again, stored once");
    let mut notices = fleet.handle().notices();
    let added = TopUp {
        tokens: Some(6),
        ..TopUp::default()
    };
    fleet.top_up(CommandId::mint(), &added).await.unwrap();
    fleet.run(ask("b")).await;
    let full = notices.try_recv().unwrap();
    assert!(
        full.text.raw().contains("14 of 14 tokens (100 %)"),
        "{full:?}"
    );
    assert!(
        full.text.raw().contains("dispatches are refused"),
        "{full:?}"
    );
    assert!(notices.try_recv().is_err(), "one for one figure");
    let since = fleet.handle().budget_notices(&app(), begun_ms).await;
    assert_eq!(since.unwrap(), [near, full], "who waits for a dispatch");
}

#[tokio::test]
async fn a_mark_that_was_stored_by_nobody_is_told_at_the_next_start() {
    let fleet =
        Fleet::with_budget(FakePeer::new(hello()).await, Some(tokens(8, Window::Total))).await;
    // As a daemon that ends a dispatch before it has seen fleet.toml, or dies in between.
    let without = super::config(fleet.dir.path(), None);
    let handle = fleet.handle();
    let view = handle.submit(ask("a"), &without, Vec::new()).await.unwrap();
    ended(&handle, view.dispatch_id).await;
    let told = fleet.told().await;
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("the total never resets"), "{told:?}");
    assert_eq!(fleet.told().await, told);
}

#[tokio::test]
async fn a_reset_counts_from_zero_and_keeps_what_is_held() {
    let bench = Bench::new().await;
    let limit = tokens(20, Window::Total);
    let spent = Usage {
        output_tokens: 9,
        turns: 1,
        ..Usage::default()
    };
    let row = bench.admit(on("a", "x"), Some(&limit)).await.unwrap();
    bench.end(row, DispatchState::Completed, spent).await;
    let open = bench.admit(on("b", "x"), Some(&limit)).await.unwrap();
    let reset = Adjustment {
        command_id: CommandId::mint(),
        peer: app(),
        kind: AdjustmentKind::Reset { since_ms: 0 },
        at_ms: 1_500,
    };
    assert_eq!(bench.store.adjust(&reset).await.unwrap(), Adjusted::Now);
    let balance = bench.balance().await;
    assert_eq!((balance.held.tokens, balance.spent.tokens), (5, 0));
    bench.end(open, DispatchState::Completed, spent).await;
    assert_eq!(bench.store.adjust(&reset).await.unwrap(), Adjusted::Before);
    let balance = bench.balance().await;
    assert_eq!(
        (
            balance.held.tokens,
            balance.spent.tokens,
            balance.spent.turns
        ),
        (0, 9, 1),
        "what ends later counts, however often the same reset is asked for"
    );
}

#[tokio::test]
async fn a_top_up_and_a_grant_hold_in_their_window_to_the_last_millisecond() {
    // 2026-11-22 is a Sunday.
    let sunday: i64 = 1_795_305_600_000;
    let last = sunday + 86_400_000 - 1;
    for (window, begins) in [
        (Window::Day, sunday),
        (Window::Week, sunday - 6 * 86_400_000),
    ] {
        let bench = Bench::new().await;
        let limit = BudgetLimit { window, ..turns(1) };
        let admit = |at_ms: i64, context: &str| {
            let request = on(context, "x");
            bench.admit_at(request, Some(&limit), at_ms)
        };
        let kind = AdjustmentKind::TopUp(BudgetUse {
            tokens: 0,
            turns: 1,
            cost: Cost(0),
        });
        let top_up = Adjustment {
            command_id: CommandId::mint(),
            peer: app(),
            kind,
            at_ms: last,
        };
        admit(begins - 1, "before").await.unwrap();
        admit(begins, "first").await.unwrap();
        admit(last, "second").await.unwrap_err();
        bench.store.adjust(&top_up).await.unwrap();
        admit(last, "second").await.unwrap();
        admit(last, "third").await.unwrap_err();
        admit(last + 1, "next").await.unwrap();
        let over = admit(last + 1, "over").await.unwrap_err();
        assert!(over.message.contains("0 of 1 turns"), "{over}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn grants_at_once_never_pass_the_limit_and_what_was_added(
        limit in 1..40_u64, share in 1..12_u64, added in prop::collection::vec(1..30_u64, 0..5),
    ) {
        let share = share.min(limit);
        let limit = BudgetLimit { per_dispatch_tokens: Some(share), ..tokens(limit, Window::Total) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let grants = (0..30).map(|i| bench.admit(on(&format!("c{i}"), "x"), Some(&limit)));
            let adjustments: Vec<Adjustment> = added.iter().map(|tokens| Adjustment {
                command_id: CommandId::mint(),
                peer: app(),
                kind: AdjustmentKind::TopUp(BudgetUse { tokens: *tokens, ..BudgetUse::default() }),
                at_ms: 1_000,
            }).collect();
            // Each twice, as by a client that lost its daemon.
            let twice = adjustments.iter().chain(&adjustments);
            let top_ups = join_all(twice.map(|adjustment| bench.store.adjust(adjustment)));
            let (granted, adjusted) = tokio::join!(join_all(grants), top_ups);
            let now = adjusted.iter().filter(|done| matches!(done, Ok(Adjusted::Now)));
            prop_assert_eq!(now.count(), added.len());
            let granted: u64 = granted.iter().flatten().filter_map(|row| row.granted.tokens).sum();
            let allowed = limit.tokens.unwrap() + added.iter().sum::<u64>();
            prop_assert!(granted <= allowed, "{granted} of {allowed}");
            let balance = bench.balance().await;
            prop_assert_eq!(balance.held.tokens, granted);
            prop_assert_eq!(balance.topped_up.tokens, added.iter().sum::<u64>());
            // What is left after that is less than a tenth of a share, or was not there when it was asked for.
            let later = join_all((0..60).map(|i| bench.admit(on(&format!("d{i}"), "x"), Some(&limit)))).await;
            let more: u64 = later.iter().flatten().filter_map(|row| row.granted.tokens).sum();
            let left = allowed - granted - more;
            prop_assert!(left < share.div_ceil(10) || later.iter().all(Result::is_ok), "{left} are left");
            bench.store.close().await;
            Ok(())
        })?;
    }
}
