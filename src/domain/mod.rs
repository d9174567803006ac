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
    BudgetLimit, BudgetRefusal, BudgetUse, Cost, Figure, GrantedAmounts, MAX_TOP_UP, Mark,
    Settlement, TopUp, TopUpError, Window, grant_for, grouped, marks_reached, settle_for,
};
pub use dispatch::{DispatchState, Progress, Reason, Verification, next_state};
pub use failure::{ErrorKind, Failure};
pub use health::Health;
pub use ids::{CommandId, DispatchId, NameError, PeerName};
pub use safe_text::{PeerText, SafeText};
