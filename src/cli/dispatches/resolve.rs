//! `fleet dispatches resolve`: a person says how a dispatch of unknown outcome ended.

use super::changed;
use crate::cli::args::{GlobalArgs, ResolveArgs, ResolvedState};
use crate::cli::session::{Session, dispatch_id};
use crate::control::Command;
use crate::domain::{DispatchState, Failure};

/// Does `fleet dispatches resolve`.
pub(super) async fn execute(global: &GlobalArgs, args: &ResolveArgs) -> Result<(), Failure> {
    let command = Command::Resolve {
        dispatch_id: dispatch_id(&args.id)?,
        state: match args.state {
            ResolvedState::Completed => DispatchState::Completed,
            ResolvedState::Failed => DispatchState::Failed,
            ResolvedState::Canceled => DispatchState::Canceled,
        },
    };
    let view = Session::open(global).await?.dispatch(command).await?;
    changed(global, &view)
}
