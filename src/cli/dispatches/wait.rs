//! `fleet dispatches wait`: stays with a dispatch until it has ended, and exits as `send` would.
//!
//! Ctrl-C ends the waiting only: whoever sent the dispatch decides about it.

use crate::cli::CommandResult;
use crate::cli::args::{GlobalArgs, IdArgs};
use crate::cli::send::{Begin, DaemonLink, Watched, finish, refuse, watcher};
use crate::cli::session::{Session, dispatch_id, target};
use crate::domain::Failure;

/// Does `fleet dispatches wait`.
pub(super) async fn execute(global: &GlobalArgs, args: &IdArgs) -> CommandResult {
    match watch(global, args).await {
        Ok(watched) => finish(global, (Some(&args.id), None), watched),
        Err(failure) => refuse(global, (Some(&args.id), None), &failure),
    }
}

async fn watch(global: &GlobalArgs, args: &IdArgs) -> Result<Watched, Failure> {
    let dispatch_id = match args.id.parse() {
        Ok(id) => id,
        Err(_part) => dispatch_id(&Session::open(global).await?, &args.id).await?,
    };
    let mut link = DaemonLink::new(target(global)?, Begin::Attach(dispatch_id));
    // Without a listener of ours, Ctrl-C ends the process as it ends any other.
    let interrupts = futures::stream::pending();
    Ok(watcher(global, &mut link, dispatch_id)
        .run(interrupts)
        .await)
}
