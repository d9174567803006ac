//! `fleet daemon`: runs, starts, stops and shows the daemon. One of the two doors of the command line.

use super::CommandResult;
use super::args::{DaemonArgs, GlobalArgs};
use crate::domain::{ErrorKind, Failure};

/// Does what `fleet daemon` was asked to do; the value is the exit code.
///
/// # Errors
/// [`Failure`] when the daemon cannot be run, started or stopped.
#[allow(clippy::unused_async, reason = "the daemon behind this door is async")]
pub(crate) async fn execute(_global: &GlobalArgs, _args: DaemonArgs) -> CommandResult {
    Err(Failure::new(
        ErrorKind::Internal,
        "The daemon is not part of this build.",
        "",
    ))
}
