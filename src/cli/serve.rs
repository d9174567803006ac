//! `fleet serve`: runs a receiver. One of the two doors of the command line.

use super::CommandResult;
use super::args::{GlobalArgs, ServeArgs};
use crate::domain::{ErrorKind, Failure};

/// Serves one agent until told to stop; the value is the exit code.
///
/// # Errors
/// [`Failure`] when the receiver cannot start.
#[allow(
    clippy::unused_async,
    reason = "the receiver behind this door is async"
)]
pub(crate) async fn execute(_global: &GlobalArgs, _args: ServeArgs) -> CommandResult {
    Err(Failure::new(
        ErrorKind::Internal,
        "Receivers are not part of this build.",
        "",
    ))
}
