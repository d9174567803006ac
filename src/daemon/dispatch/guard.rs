//! The guard: a dispatch is stored once, runs once, and never beyond its peer's budget.
//!
//! Owns: the one transaction that decides and stores. Does not own: the SQL, the sums.

use crate::daemon::ledger::{self, GrantError};
use crate::daemon::store::{
    self, AuditEntry, Before, DispatchRow, Standing, Store, StoreError, Write, outcome_word,
};
use crate::domain::{BudgetLimit, DispatchId, DispatchState, ErrorKind, Failure};

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Admission {
    /// Stored and granted.
    New(Box<DispatchRow>),
    /// The same request was stored before.
    Known(Box<DispatchRow>),
}

/// Stores a dispatch with its grant, or says why not. Nothing is stored on refusal. `entry` is written in the same transaction.
///
/// # Errors
/// `Contract` for a known id with another request, `Duplicate`, `Budget`, or the store's failure.
pub(super) async fn admit(
    store: &Store,
    new: DispatchRow,
    limit: Option<&BudgetLimit>,
    entry: Option<&AuditEntry>,
) -> Result<Admission, Failure> {
    let mut tx = store.begin().await?;
    let decided = decide(&mut tx, new, limit).await?;
    if let Ok(Admission::New(new)) = &decided {
        store::insert(&mut tx, new, &ledger::grant(new)).await?;
    }
    if let Some(entry) = entry {
        entry
            .put(&mut tx, &outcome_word(decided.as_ref().err()))
            .await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    if let Some(entry) = entry {
        entry.is_written();
    }
    decided
}

/// What becomes of a request, before anything is written; the outer error is the store's.
async fn decide(
    tx: &mut Write,
    mut new: DispatchRow,
    limit: Option<&BudgetLimit>,
) -> Result<Result<Admission, Failure>, StoreError> {
    match store::before(tx, &new).await? {
        Before::Nothing => {}
        Before::Known(known) => return Ok(same_request(&new, known)),
        Before::Standing(standing) => return Ok(Err(duplicate(&new, &standing))),
    }
    let now_ms = new.times.accepted_at_ms;
    Ok(match ledger::decide(tx, &new.peer, limit, now_ms).await {
        Ok(granted) => {
            new.granted = granted;
            Ok(Admission::New(Box::new(new)))
        }
        Err(GrantError::Refused(refusal)) => Err(over_budget(&new, &refusal)),
        Err(GrantError::Store(error)) => return Err(error),
    })
}

fn same_request(new: &DispatchRow, known: Box<DispatchRow>) -> Result<Admission, Failure> {
    if known.identity.request_hash == new.identity.request_hash {
        return Ok(Admission::Known(known));
    }
    Err(Failure::new(
        ErrorKind::Contract,
        format!(
            "Dispatch {} was submitted before with another contract, peer or context.",
            known.dispatch_id
        ),
        "Submit new work with a new dispatch id.",
    )
    .about(known.dispatch_id))
}

fn duplicate(new: &DispatchRow, standing: &Standing) -> Failure {
    let Standing { dispatch_id, state } = standing;
    let what = if new.identity.context_named {
        "a turn is open on this context"
    } else {
        "the same work is open"
    };
    Failure::new(
        ErrorKind::Duplicate,
        format!(
            "This was not sent: {what} of {} already, as dispatch {dispatch_id} ({}).",
            new.peer,
            state.word()
        ),
        duplicate_remedy(new, *dispatch_id, *state),
    )
    .about(*dispatch_id)
}

fn duplicate_remedy(new: &DispatchRow, id: DispatchId, state: DispatchState) -> String {
    if state == DispatchState::Unknown {
        return format!(
            "It may have run. Look with: fleet dispatches show {id}; then decide with: \
             fleet dispatches resolve {id} completed|failed|canceled"
        );
    }
    if new.identity.context_named {
        format!("Wait for it with: fleet dispatches wait {id}")
    } else {
        format!(
            "Wait for it with: fleet dispatches wait {id}; or run it a second time with --again."
        )
    }
}

fn over_budget(new: &DispatchRow, refusal: &crate::domain::BudgetRefusal) -> Failure {
    let peer = &new.peer;
    Failure::new(
        ErrorKind::Budget,
        format!("This was not sent to {peer}: {refusal}."),
        format!(
            "See what is held and spent with: fleet budget show {peer}; add to it with: fleet budget top-up {peer} --{} {}; \
             or wait for the next window.",
            refusal.figure.word(),
            refusal.figure.flag_value()
        ),
    )
}
