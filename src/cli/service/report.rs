//! What became of a unit, in words and as JSON.

use serde_json::{Value, json};

use super::place::Place;
use super::systemctl::Told;
use crate::domain::SafeText;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) place: Place,
    pub(super) unit: Unit,
    pub(super) told: Told,
}

/// What became of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    Written,
    /// It said so already.
    AsItWas,
    Removed,
    /// There was none.
    Absent,
    /// It would be removed.
    WouldGo,
    /// It would be written so.
    Shown(String),
}

impl Report {
    pub(super) fn object(&self) -> Value {
        let (state, text) = match &self.unit {
            Unit::Written => ("written", None),
            Unit::AsItWas => ("unchanged", None),
            Unit::Removed => ("removed", None),
            Unit::Absent => ("absent", None),
            Unit::WouldGo => ("would be removed", None),
            Unit::Shown(text) => ("would be written", Some(text)),
        };
        json!({
            "unit": self.place.unit,
            "path": self.place.path.display().to_string(),
            "state": state,
            "text": text,
            "ran": self.told.ran,
            "remaining": self.told.left,
            "reason": self.told.why,
        })
    }

    pub(super) fn words(&self) -> SafeText {
        let path = self.place.path.display();
        let mut out = match &self.unit {
            Unit::Written => format!("Wrote {path}.\n"),
            Unit::AsItWas => format!("{path} is as it should be.\n"),
            Unit::Removed => format!("Removed {path}; receivers go on.\n"),
            Unit::Absent => format!("There is no {path}; nothing was done.\n"),
            Unit::WouldGo => format!("This would remove {path}.\n"),
            Unit::Shown(text) => format!("This would write {path}:\n\n{text}\n"),
        };
        for line in &self.told.ran {
            out.push_str(&format!("Ran: {line}\n"));
        }
        if let Some(why) = &self.told.why {
            out.push_str(&format!("{why}.\n"));
        }
        if !self.told.left.is_empty() {
            let when = match &self.unit {
                Unit::Shown(_) | Unit::WouldGo => "It would run",
                Unit::Written | Unit::AsItWas | Unit::Removed | Unit::Absent => {
                    "Run where your systemd can be reached"
                }
            };
            out.push_str(&format!("{when}:\n  {}\n", self.told.left.join("\n  ")));
        }
        SafeText::of(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(unit: Unit, told: Told) -> Report {
        let unit_name = "fleet-main-0a1b2c3d.service".to_owned();
        let place = Place {
            path: format!("/home/ada/.config/systemd/user/{unit_name}").into(),
            unit: unit_name,
        };
        Report { place, unit, told }
    }

    #[test]
    fn what_was_run_and_what_is_left() {
        let left = vec!["systemctl --user daemon-reload".to_owned()];
        let told = Told {
            why: Some("systemctl is not there".to_owned()),
            left,
            ..Told::default()
        };
        insta::assert_snapshot!(report(Unit::Written, told.clone()).words(), @r"
        Wrote /home/ada/.config/systemd/user/fleet-main-0a1b2c3d.service.
        systemctl is not there.
        Run where your systemd can be reached:
          systemctl --user daemon-reload
        ");
        let ran = Told {
            ran: told.left,
            ..Told::default()
        };
        insta::assert_snapshot!(report(Unit::Removed, ran.clone()).words(), @r"
        Removed /home/ada/.config/systemd/user/fleet-main-0a1b2c3d.service; receivers go on.
        Ran: systemctl --user daemon-reload
        ");
        insta::assert_snapshot!(report(Unit::Removed, ran).object(), @r#"{"unit":"fleet-main-0a1b2c3d.service","path":"/home/ada/.config/systemd/user/fleet-main-0a1b2c3d.service","state":"removed","text":null,"ran":["systemctl --user daemon-reload"],"remaining":[],"reason":null}"#);
    }
}
