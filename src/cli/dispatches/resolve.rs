//! `fleet dispatches resolve`: a person says how a dispatch of unknown outcome ended.

use super::changed;
use crate::cli::args::{GlobalArgs, ResolveArgs, ResolvedState};
use crate::cli::session::{Session, dispatch_id};
use crate::cli::text;
use crate::control::Command;
use crate::domain::{DispatchState, Failure};

/// Does `fleet dispatches resolve`.
pub(super) async fn execute(global: &GlobalArgs, args: &ResolveArgs) -> Result<(), Failure> {
    let session = Session::open(global).await?;
    let command = Command::Resolve {
        dispatch_id: dispatch_id(&session, &args.id).await?,
        state: match args.state {
            ResolvedState::Completed => DispatchState::Completed,
            ResolvedState::Failed => DispatchState::Failed,
            ResolvedState::Canceled => DispatchState::Canceled,
        },
    };
    let view = session.dispatch(command).await?;
    changed(global, &view, &text::outcome(&view))
}
