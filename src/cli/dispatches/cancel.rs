//! `fleet dispatches cancel`: asks for the end of a dispatch; done when the wish is stored.

use super::changed;
use crate::cli::args::{GlobalArgs, IdArgs};
use crate::cli::session::{Session, dispatch_id};
use crate::control::Command;
use crate::domain::Failure;

/// Does `fleet dispatches cancel`.
pub(super) async fn execute(global: &GlobalArgs, args: &IdArgs) -> Result<(), Failure> {
    let dispatch_id = dispatch_id(&args.id)?;
    let session = Session::open(global).await?;
    let view = session.dispatch(Command::Cancel { dispatch_id }).await?;
    changed(global, &view)
}
