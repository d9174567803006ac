//! `fleet service`: this fleet's daemon as a service of systemd, for the person who is logged in.
//!
//! Owns: which verb is meant, a file each. A machine without systemd is no failure: what is left to do is printed.

mod install;
mod place;
mod report;
mod systemctl;
mod uninstall;
mod unit;

use super::args::{GlobalArgs, PrintArgs, ServiceArgs, ServiceCommand};
use super::session::target;
use super::{CommandResult, exit, output};
use crate::domain::{ErrorKind, Failure};
use place::Place;

/// Does `fleet service`.
pub(crate) async fn execute(global: &GlobalArgs, args: ServiceArgs) -> CommandResult {
    let target = target(global)?;
    if !cfg!(target_os = "linux") {
        return Err(no_systemd());
    }
    let place = Place::of(&target)?;
    let report = match args.command {
        ServiceCommand::Install(PrintArgs { print: true }) => install::shown(&target, place)?,
        ServiceCommand::Install(PrintArgs { print: false }) => {
            install::install(&target, place).await?
        }
        ServiceCommand::Uninstall(PrintArgs { print: true }) => uninstall::shown(place)?,
        ServiceCommand::Uninstall(PrintArgs { print: false }) => {
            uninstall::uninstall(place).await?
        }
    };
    if global.json {
        output::json(&report.object())?;
    } else {
        output::text(&report.words())?;
    }
    Ok(exit::DONE)
}

fn no_systemd() -> Failure {
    Failure::new(
        ErrorKind::Usage,
        "This system has no systemd to start the daemon.",
        "Nothing need be done: the daemon starts with the first command.",
    )
}
