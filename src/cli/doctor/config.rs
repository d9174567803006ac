//! The checks of fleet.toml: found, valid, accepted.

use super::check::Check;
use crate::config::{self, FleetConfig, trust};
use crate::control::Target;

const ABOUT: &str = "fleet.toml";

/// The checks, and the fleet as far as it is valid.
pub(super) fn checks(target: &Target) -> (Vec<Check>, Option<FleetConfig>) {
    match config::load(&target.config) {
        Ok(fleet) => {
            let accepted = is_accepted(target, &fleet);
            (judge(&fleet, accepted), Some(fleet))
        }
        Err(failure) => (vec![Check::of_failure(ABOUT, "config", &failure)], None),
    }
}

/// Whether all of the file may be used.
pub(super) fn is_accepted(target: &Target, fleet: &FleetConfig) -> bool {
    let accepted = trust::Accepted::of(&target.state_dir).contains(&fleet.hash);
    !trust::needs_acceptance(fleet, target.explicit || accepted)
}

fn judge(fleet: &FleetConfig, accepted: bool) -> Vec<Check> {
    let peers = match fleet.peers.len() {
        1 => "1 peer".to_owned(),
        n => format!("{n} peers"),
    };
    let path = fleet.path.display();
    let valid = Check::ok(ABOUT, "config", format!("{path} is valid: {peers}."));
    let trust = if accepted {
        Check::ok(ABOUT, "trust", "It may be used.")
    } else {
        let text = "Nobody has accepted it yet: only echo peers start.";
        Check::bad(ABOUT, "trust", text).fix("fleet trust")
    };
    vec![valid, trust]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn a_file_is_valid_and_accepted_or_not() {
        let path = std::path::Path::new("/src/fleet.toml");
        let fleet = config::parse(path, "[peers.echo]\nmode = \"echo\"\n", None).unwrap();
        insta::assert_snapshot!(Report::new(judge(&fleet, false)).words(), @r"
        fleet.toml
          ✓ /src/fleet.toml is valid: 1 peer.
          ✗ Nobody has accepted it yet: only echo peers start.
              try: fleet trust
        1 problem.
        ");
        assert!(Report::new(judge(&fleet, true)).ok);
    }
}
