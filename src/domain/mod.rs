//! The words and rules of a fleet as plain data and plain functions.
//!
//! Owns: ids, the dispatch state table, budget arithmetic, port bands, health, text that is safe to show. Does no I/O,
//! reads no clock, and imports only std, serde, time and the ids and contract types of `fleet_a2a`.

mod bands;
mod budget;
mod dispatch;
mod failure;
mod health;
mod ids;
mod safe_text;

pub use bands::{Band, BandError};
pub use budget::{
    BudgetLimit, BudgetRefusal, BudgetUse, Cost, GrantedAmounts, Settlement, Window, grant_for,
    near_limit, settle_for,
};
pub use dispatch::{DispatchState, Progress, Reason, Verification, next_state};
pub use failure::{ErrorKind, Failure};
pub use health::Health;
pub use ids::{DispatchId, NameError, PeerName};
pub use safe_text::{PeerText, SafeText};
