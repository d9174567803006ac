//! Whether a running receiver can work.
//!
//! Owns: what its readiness means to a person and to dispatch, and which modes this version can start. Does not own: asking it.

use fleet_receivers::Mode;
use fleet_receivers::adapter::is_built;
use fleet_receivers::folder::{Health, ReadinessWord};

use crate::domain::{ErrorKind, Failure, PeerName};

/// Why the agent of a running receiver cannot work, and whether a login would help.
pub(super) fn unable(health: &Health) -> Option<(String, ErrorKind)> {
    let (word, kind) = match health.readiness {
        ReadinessWord::Ready | ReadinessWord::Checking => return None,
        ReadinessWord::Missing => ("its agent is not installed", ErrorKind::NoAgent),
        ReadinessWord::Outdated => ("its agent is too old", ErrorKind::NoAgent),
        ReadinessWord::Unauthenticated => {
            ("its agent is not logged in", ErrorKind::Unauthenticated)
        }
        ReadinessWord::Untrusted => (
            "the agent settings of its repo are not accepted",
            ErrorKind::Untrusted,
        ),
    };
    let reason = match health.detail.as_str() {
        "" => word.to_owned(),
        detail => detail.to_owned(),
    };
    Some((reason, kind))
}

/// Whether another environment could make it able to work.
pub(super) fn depends_on_environment(health: &Health) -> bool {
    match health.readiness {
        ReadinessWord::Missing | ReadinessWord::Outdated | ReadinessWord::Unauthenticated => true,
        ReadinessWord::Ready | ReadinessWord::Checking | ReadinessWord::Untrusted => false,
    }
}

/// Whether the agent's program is still being asked for the first time. Modes without one have nothing to ask that takes time.
pub(super) fn undecided(health: &Health) -> bool {
    let asks = match health.mode {
        Mode::Cc | Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes => true,
        Mode::Exec | Mode::Echo => false,
    };
    asks && health.readiness == ReadinessWord::Checking
}

pub(super) fn refuse_unable(name: &PeerName, health: &Health) -> Result<(), Failure> {
    let Some((reason, kind)) = unable(health) else {
        return Ok(());
    };
    let reason = reason.trim_end_matches('.');
    Err(Failure::new(
        kind,
        format!("{name} cannot work: {reason}."),
        health.remedy.clone(),
    ))
}

/// Modes that fleet.toml may name and that this version cannot start yet.
pub(in crate::daemon) fn check_built(name: &PeerName, mode: Mode) -> Result<(), Failure> {
    if is_built(mode) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::Config,
        format!("{name} is of mode {mode}, which this version of fleet cannot start yet."),
        "Use one of the modes cc, exec and echo.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(readiness: ReadinessWord) -> Health {
        Health {
            ok: true,
            peer: "app".to_owned(),
            mode: Mode::Cc,
            repo: "/r".to_owned(),
            instance: "i".to_owned(),
            addr: "127.0.0.1:9300".parse().unwrap(),
            version: "0.1.0".to_owned(),
            cli_version: None,
            readiness,
            detail: String::new(),
            remedy: "claude /login".to_owned(),
            loop_age_ms: 0,
            open_tasks: 0,
            draining: false,
            proof: None,
        }
    }

    #[test]
    fn an_agent_that_cannot_work_is_refused_with_what_mends_it() {
        let name = PeerName::new("app").unwrap();
        let refuse = |word| refuse_unable(&name, &health(word)).unwrap_err();
        let login = refuse(ReadinessWord::Unauthenticated);
        assert_eq!(login.kind, ErrorKind::Unauthenticated);
        assert_eq!(login.remedy, "claude /login");
        assert_eq!(refuse(ReadinessWord::Missing).kind, ErrorKind::NoAgent);
        let old = refuse(ReadinessWord::Outdated);
        assert_eq!(old.kind, ErrorKind::NoAgent);
        assert_eq!(old.kind.exit_code(), 4);
        assert!(old.message.contains("too old"), "{old}");
        assert_eq!(refuse(ReadinessWord::Untrusted).kind.exit_code(), 2);
        for word in [ReadinessWord::Ready, ReadinessWord::Checking] {
            assert!(refuse_unable(&name, &health(word)).is_ok());
        }
    }

    #[test]
    fn only_an_agent_with_a_program_is_waited_for() {
        assert!(undecided(&health(ReadinessWord::Checking)));
        assert!(!undecided(&health(ReadinessWord::Ready)));
        let mode = Mode::Exec;
        let exec = Health {
            mode,
            ..health(ReadinessWord::Checking)
        };
        assert!(!undecided(&exec));
    }

    #[test]
    fn modes_of_later_versions_are_refused_by_name() {
        let name = PeerName::new("app").unwrap();
        let refused = check_built(&name, Mode::Codex).unwrap_err();
        assert!(refused.message.contains("mode codex"), "{refused}");
        assert_eq!(refused.kind.exit_code(), 2);
        assert!(check_built(&name, Mode::Cc).is_ok());
    }
}
