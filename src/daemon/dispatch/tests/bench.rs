//! A store with the guard and the ledger over it, and no peer.

use tempfile::TempDir;

use super::super::guard::{Admission, admit};
use super::super::request::prepare;
use super::{ask, config};
use crate::config::FleetConfig;
use crate::control::SubmitRequest;
use crate::daemon::ledger;
use crate::daemon::store::{Balance, DispatchRow, Entry, Store};
use crate::domain::{BudgetLimit, DispatchState, Failure, Settlement};
use fleet_a2a::ext::Usage;

pub(super) struct Bench {
    _dir: TempDir,
    config: FleetConfig,
    pub(super) store: Store,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
        let config = config(dir.path(), None);
        Self {
            _dir: dir,
            config,
            store,
        }
    }

    pub(super) async fn admit(
        &self,
        request: SubmitRequest,
        limit: Option<&BudgetLimit>,
    ) -> Result<DispatchRow, Failure> {
        self.admit_at(request, limit, 1_000).await
    }

    pub(super) async fn admit_at(
        &self,
        request: SubmitRequest,
        limit: Option<&BudgetLimit>,
        at_ms: i64,
    ) -> Result<DispatchRow, Failure> {
        let row = prepare(request, &self.config, at_ms)?;
        match admit(&self.store, row, limit, None).await? {
            Admission::New(row) | Admission::Known(row) => Ok(*row),
        }
    }

    pub(super) async fn end(
        &self,
        mut row: DispatchRow,
        state: DispatchState,
        spent: Usage,
    ) -> Option<Entry> {
        row.state = state;
        row.usage = spent;
        row.times.ended_at_ms = Some(2_000);
        let how = match state {
            DispatchState::Unknown => Settlement::Unknown,
            _ => Settlement::Told,
        };
        let entry = ledger::settlement(&row, how, Usage::default(), 2_000);
        let done = self.store.finish_dispatch(&row, &entry).await.unwrap();
        done.then_some(entry)
    }

    pub(super) async fn balance(&self) -> Balance {
        let all = self.store.balances(0).await.unwrap();
        all.get("app").copied().unwrap_or_default()
    }
}

pub(super) fn on(context: &str, text: &str) -> SubmitRequest {
    SubmitRequest {
        context_id: Some(context.to_owned()),
        ..ask(text)
    }
}
