//! The checks of a peer's agent: whether its CLI is there, of which version, and logged in.
//!
//! A running receiver has told it; else the adapter is asked, without a turn, as the receiver would ask it.

use fleet_receivers::Mode;
use fleet_receivers::adapter::versions::{Fit, versions};
use fleet_receivers::adapter::{Readiness, ReadinessState, build};
use fleet_receivers::child::ChildEnv;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::ReadinessWord;

use super::check::Check;
use crate::config::ReceiverPeer;
use crate::control::PeerView;
use crate::domain::{Health, PeerName};

/// What is known of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// It needs no program.
    BuiltIn,
    NotAccepted,
    NotBuilt,
    Known(Readiness),
}

pub(super) async fn checks(
    (name, receiver): (&PeerName, &ReceiverPeer),
    view: Option<&PeerView>,
    accepted: bool,
) -> Vec<Check> {
    let seen = match told(view) {
        Some(readiness) => Seen::Known(readiness),
        None => look(name, receiver, accepted).await,
    };
    judge(name.as_str(), receiver.mode, &seen)
}

/// What the receiver told, if it runs.
fn told(view: Option<&PeerView>) -> Option<Readiness> {
    let view = view.filter(|view| view.pid.is_some())?;
    let login = view.handshake.as_ref()?.login;
    let text = |text: &Option<crate::domain::PeerText>| {
        text.as_ref()
            .map_or_else(String::new, |text| text.raw().to_owned())
    };
    let (detail, remedy) = match view.health {
        Health::Degraded => (text(&view.reason), text(&view.remedy)),
        Health::Stopped
        | Health::Starting
        | Health::Ready
        | Health::Unreachable
        | Health::Parked
        | Health::Unknown => (String::new(), String::new()),
    };
    let state = match login {
        ReadinessWord::Ready => ReadinessState::Ready,
        ReadinessWord::Missing => ReadinessState::Missing { detail, remedy },
        ReadinessWord::Outdated => ReadinessState::Outdated { detail, remedy },
        ReadinessWord::Unauthenticated => ReadinessState::Unauthenticated { detail, remedy },
        ReadinessWord::Checking | ReadinessWord::Untrusted => return None,
    };
    let version = view
        .version
        .as_ref()
        .map(|version| version.raw().to_owned());
    Some(Readiness { version, state })
}

async fn look(name: &PeerName, receiver: &ReceiverPeer, accepted: bool) -> Seen {
    if receiver.mode == Mode::Echo {
        return Seen::BuiltIn;
    }
    // What nobody accepted is not started, not even to ask it who it is.
    if !accepted {
        return Seen::NotAccepted;
    }
    let Some(config) = probe_config(name, receiver) else {
        return Seen::NotBuilt;
    };
    let env = ChildEnv::pick_own(receiver.mode, &receiver.env);
    match build(&config, env) {
        Ok(adapter) => Seen::Known(adapter.probe().await),
        Err(_not_built) => Seen::NotBuilt,
    }
}

/// As much of a receiver as its adapter needs to be asked.
fn probe_config(name: &PeerName, receiver: &ReceiverPeer) -> Option<ReceiverConfig> {
    let text = toml::Table::from_iter([
        ("fleet".to_owned(), "doctor".into()),
        ("peer".to_owned(), name.as_str().into()),
        (
            "receiver_id".to_owned(),
            format!("doctor-{}", std::process::id()).into(),
        ),
        ("mode".to_owned(), receiver.mode.word().into()),
        ("repo".to_owned(), receiver.repo.to_str()?.into()),
        ("bind".to_owned(), "127.0.0.1:0".into()),
        ("command".to_owned(), receiver.command.clone().into()),
    ]);
    text.try_into().ok()
}

fn judge(name: &str, mode: Mode, seen: &Seen) -> Vec<Check> {
    let readiness = match seen {
        Seen::BuiltIn => return vec![Check::ok(name, "agent", "Its agent is built in.")],
        Seen::NotAccepted => {
            let text = "Its agent is not asked before fleet.toml is accepted.";
            return vec![Check::unchecked(name, "agent", text)];
        }
        Seen::NotBuilt => {
            let text = format!("This version of fleet cannot start mode {mode} yet.");
            let check = Check::bad(name, "agent", text);
            return vec![check.fix("use one of the modes cc, exec and echo in fleet.toml")];
        }
        Seen::Known(readiness) => readiness,
    };
    let mut checks: Vec<Check> = readiness
        .version
        .as_deref()
        .map(|version| judge_version(name, mode, version))
        .into_iter()
        .collect();
    checks.push(match &readiness.state {
        ReadinessState::Ready if versions(mode).is_some() => Check::ok(
            name,
            "login",
            "Its agent is logged in, as far as can be known without a turn.",
        ),
        ReadinessState::Ready => Check::ok(name, "agent", "Its agent is there."),
        ReadinessState::Missing { detail, remedy } => told_bad(
            (name, "agent"),
            (detail, "Its agent is not installed"),
            remedy,
        ),
        ReadinessState::Outdated { detail, remedy } => {
            told_bad((name, "agent"), (detail, "Its agent is too old"), remedy)
        }
        ReadinessState::Unauthenticated { detail, remedy } => told_bad(
            (name, "login"),
            (detail, "Its agent is not logged in"),
            remedy,
        ),
    });
    checks
}

fn told_bad(
    (name, check): (&str, &'static str),
    (detail, else_say): (&str, &str),
    remedy: &str,
) -> Check {
    let text = if detail.is_empty() { else_say } else { detail };
    let bad = Check::bad(name, check, format!("{}.", text.trim_end_matches('.')));
    match remedy {
        "" => bad,
        remedy => bad.fix(remedy),
    }
}

fn judge_version(name: &str, mode: Mode, version: &str) -> Check {
    let Some(known) = versions(mode) else {
        return Check::ok(
            name,
            "version",
            format!("Its agent is of version {version}."),
        );
    };
    let text = format!("Its agent is of version {}.", known.words(version));
    match known.fit(version) {
        Fit::Tested | Fit::Newer | Fit::Older => Check::ok(name, "version", text),
        Fit::Unclear => Check::warning(name, "version", text),
        Fit::TooOld => Check::bad(name, "version", text).fix(known.update),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn what_is_missing_has_its_command() {
        let known = |version: &str, state| {
            Seen::Known(Readiness {
                version: Some(version.to_owned()),
                state,
            })
        };
        let unauthenticated = ReadinessState::Unauthenticated {
            detail: "Claude Code is not logged in".to_owned(),
            remedy: "claude /login".to_owned(),
        };
        let missing = ReadinessState::Missing {
            detail: String::new(),
            remedy: "npm install".to_owned(),
        };
        let all = [
            Seen::BuiltIn,
            Seen::NotAccepted,
            Seen::NotBuilt,
            known("2.1.329", ReadinessState::Ready),
            known("1.0.3", unauthenticated),
            Seen::Known(Readiness {
                version: None,
                state: missing,
            }),
        ];
        let checks = all.iter().flat_map(|seen| judge("app", Mode::Cc, seen));
        insta::assert_snapshot!(Report::new(checks.collect()).words());
    }
}
