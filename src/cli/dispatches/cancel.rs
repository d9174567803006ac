//! `fleet dispatches cancel`: asks for the end of a dispatch; done when the wish is stored.

use super::changed;
use crate::cli::args::{GlobalArgs, IdArgs};
use crate::cli::session::{Session, dispatch_id};
use crate::cli::text;
use crate::control::Command;
use crate::domain::Failure;

/// Does `fleet dispatches cancel`.
pub(super) async fn execute(global: &GlobalArgs, args: &IdArgs) -> Result<(), Failure> {
    let session = Session::open(global).await?;
    let dispatch_id = dispatch_id(&session, &args.id).await?;
    let view = session.dispatch(Command::Cancel { dispatch_id }).await?;
    let words = if view.state.is_final() {
        format!("had ended already, {}", text::outcome(&view))
    } else {
        "the cancellation is stored".to_owned()
    };
    changed(global, &view, &words)
}
