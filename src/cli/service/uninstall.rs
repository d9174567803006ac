//! `fleet service uninstall`: undoes what `install` did, and nothing else.

use std::io;

use super::place::{Place, Standing};
use super::report::{Report, Unit};
use super::systemctl::{only_shown, tell};
use crate::domain::Failure;

/// Tells systemd, then removes the unit. Doing it twice is no error. Receivers go on: the unit says that only the daemon is
/// stopped.
pub(super) async fn uninstall(place: Place) -> Result<Report, Failure> {
    match place.standing()? {
        Standing::Theirs => return Err(place.theirs()),
        Standing::Nothing => {
            let (unit, told) = (Unit::Absent, only_shown(&[]));
            return Ok(Report { place, unit, told });
        }
        Standing::Ours(_) => {}
    }
    // While the unit is there: systemd knows by it what to undo.
    let mut told = tell(&[disable(&place.unit)]).await;
    remove(&place).map_err(|error| place.failed("removed", &error))?;
    match told.why {
        // Without the unit, disabling is not possible any more, and not needed: its link went with it.
        Some(_) => told.left = only_shown(&[reload()]).left,
        None => {
            let reloaded = tell(&[reload()]).await;
            told.ran.extend(reloaded.ran);
            told.left.extend(reloaded.left);
            told.why = reloaded.why;
        }
    }
    let unit = Unit::Removed;
    Ok(Report { place, unit, told })
}

/// What it would do.
pub(super) fn shown(place: Place) -> Result<Report, Failure> {
    let (unit, told) = match place.standing()? {
        Standing::Theirs => return Err(place.theirs()),
        Standing::Nothing => (Unit::Absent, only_shown(&[])),
        Standing::Ours(_) => (Unit::WouldGo, only_shown(&[disable(&place.unit), reload()])),
    };
    Ok(Report { place, unit, told })
}

fn disable(unit: &str) -> Vec<&str> {
    vec!["disable", "--now", unit]
}

fn reload() -> Vec<&'static str> {
    vec!["daemon-reload"]
}

/// The unit and the link that enabling it made, should systemd not have been there to remove that.
fn remove(place: &Place) -> io::Result<()> {
    let link = place
        .path
        .parent()
        .map(|folder| folder.join("default.target.wants").join(&place.unit));
    if let Some(link) =
        link.filter(|link| std::fs::read_link(link).is_ok_and(|to| to == place.path))
    {
        std::fs::remove_file(link)?;
    }
    std::fs::remove_file(&place.path)
}
