//! The check of the ports: whether each band has room, and who holds a port that a peer was given.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use fleet_receivers::Mode;
use fleet_receivers::folder::Identity;

use super::check::Check;
use super::owner;
use crate::config::{FleetConfig, PeerKind};
use crate::domain::Band;

const ABOUT: &str = "ports";

/// Who holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// The receiver of a peer of this fleet.
    Peer(String),
    /// Another program, as far as the system tells which.
    Stranger(Option<String>),
}

pub(super) fn checks(fleet: &FleetConfig, state_dir: &Path) -> Vec<Check> {
    let ours = running(fleet, state_dir);
    let mut checks = Vec::new();
    let mut modes: BTreeMap<Mode, usize> = BTreeMap::new();
    for peer in &fleet.peers {
        let PeerKind::Receiver(receiver) = &peer.kind else {
            continue;
        };
        match receiver.port {
            Some(port) => {
                let holder = holder(port, &ours);
                checks.extend(judge_port(peer.name.as_str(), port, &holder));
            }
            None if !ours.values().any(|name| name == peer.name.as_str()) => {
                *modes.entry(receiver.mode).or_default() += 1;
            }
            None => {}
        }
    }
    for (mode, wanted) in modes {
        if let Some(band) = fleet.bands.0.get(&mode) {
            let holders: Vec<Holder> = band.ports().map(|port| holder(port, &ours)).collect();
            checks.push(judge_band(mode, *band, &holders, wanted));
        }
    }
    checks
}

/// Ports of the receivers that run, with their peers.
fn running(fleet: &FleetConfig, state_dir: &Path) -> BTreeMap<u16, String> {
    let names = fleet.peers.iter().map(|peer| peer.name.as_str());
    let identity = |name: &str| {
        let dir = state_dir.join("receivers").join(name);
        let identity = Identity::read(&dir).ok().flatten();
        identity.filter(Identity::is_running)
    };
    names
        .filter_map(|name| Some((identity(name)?.addr.port(), name.to_owned())))
        .collect()
}

/// Proven by binding, as deploy does; the port is free again at once.
fn holder(port: u16, ours: &BTreeMap<u16, String>) -> Holder {
    match ours.get(&port) {
        Some(name) => Holder::Peer(name.clone()),
        None if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() => Holder::Nobody,
        None => Holder::Stranger(owner::of(port)),
    }
}

fn judge_port(name: &str, port: u16, holder: &Holder) -> Option<Check> {
    let text = match holder {
        Holder::Nobody => return None,
        Holder::Peer(own) if own == name => return None,
        Holder::Peer(other) => {
            format!("Port {port}, which fleet.toml gives to {name}, is that of {other}.")
        }
        Holder::Stranger(program) => {
            let program = program.as_deref().unwrap_or("another program");
            format!("Port {port}, which fleet.toml gives to {name}, is taken by {program}.")
        }
    };
    Some(Check::bad(ABOUT, "port", text).fix(whose(port)))
}

fn judge_band(mode: Mode, band: Band, holders: &[Holder], wanted: usize) -> Check {
    let is_stranger = |holder: &Holder| matches!(holder, Holder::Stranger(_));
    let free = holders.iter().filter(|one| **one == Holder::Nobody).count();
    let taken = match holders.iter().filter(|one| is_stranger(one)).count() {
        0 => String::new(),
        n => format!(" Other programs have {n} of them."),
    };
    let text = format!(
        "Of {band}, the band of mode {mode}, {free} of {} ports are free, and {wanted} may be needed.{taken}",
        holders.len()
    );
    if free >= wanted {
        return Check::ok(ABOUT, "band", text);
    }
    let taken = holders.iter().position(is_stranger);
    let stranger = taken.and_then(|at| band.ports().nth(at));
    let check = Check::bad(ABOUT, "band", text);
    match stranger {
        Some(port) => check.fix(whose(port)),
        None => check.fix(format!(
            "widen `{mode} = [first, last]` under [bands] in fleet.toml"
        )),
    }
}

/// Tells who listens there.
fn whose(port: u16) -> String {
    format!("ss -ltnp 'sport = :{port}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;

    #[test]
    fn a_full_band_and_a_taken_port_are_told() {
        let band = Band::new(9300, 9302).unwrap();
        let (free, other) = (
            Holder::Nobody,
            Holder::Stranger(Some("process 7 (nc)".to_owned())),
        );
        let peer = |name: &str| Holder::Peer(name.to_owned());
        let mut checks = vec![
            judge_band(
                Mode::Cc,
                band,
                &[peer("app"), free.clone(), free.clone()],
                1,
            ),
            judge_band(
                Mode::Cc,
                band,
                &[peer("app"), other.clone(), free.clone()],
                2,
            ),
            judge_band(Mode::Cc, band, &[peer("a"), peer("b"), peer("c")], 1),
        ];
        checks.extend(judge_port("app", 9000, &other));
        checks.extend(judge_port("app", 9000, &peer("lint")));
        assert_eq!(judge_port("app", 9000, &peer("app")), None);
        assert_eq!(judge_port("app", 9000, &free), None);
        insta::assert_snapshot!(Report::new(checks).words());
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = holder(port, &BTreeMap::new());
        let own = format!("process {}", std::process::id());
        assert!(
            matches!(&found, Holder::Stranger(Some(program)) if program.starts_with(&own)),
            "{found:?}"
        );
        let ours = BTreeMap::from([(port, "app".to_owned())]);
        assert_eq!(holder(port, &ours), Holder::Peer("app".to_owned()));
    }
}
