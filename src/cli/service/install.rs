//! `fleet service install`: systemd starts this fleet's daemon when its person logs in.

use super::place::{Place, Standing};
use super::report::{Report, Unit};
use super::systemctl::{only_shown, tell};
use super::unit;
use crate::control::Target;
use crate::domain::Failure;

/// Writes the unit and tells systemd.
pub(super) async fn install(target: &Target, place: Place) -> Result<Report, Failure> {
    let text = unit::text(target)?;
    let unit = match place.standing()? {
        Standing::Theirs => return Err(place.theirs()),
        Standing::Ours(there) if there == text => Unit::AsItWas,
        Standing::Ours(_) | Standing::Nothing => {
            place
                .write(&text)
                .map_err(|error| place.failed("written", &error))?;
            Unit::Written
        }
    };
    let told = tell(&commands(&place.unit)).await;
    Ok(Report { place, unit, told })
}

/// What it would do.
pub(super) fn shown(target: &Target, place: Place) -> Result<Report, Failure> {
    let told = only_shown(&commands(&place.unit));
    let unit = Unit::Shown(unit::text(target)?);
    Ok(Report { place, unit, told })
}

fn commands(unit: &str) -> [Vec<&str>; 2] {
    [vec!["daemon-reload"], vec!["enable", "--now", unit]]
}
