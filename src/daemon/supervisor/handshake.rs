//! What a receiver tells of itself once it is proven, and whether it works where the file wants it to.
//!
//! Owns: asking for it with the token, the view of it, and the comparison. Does not own: what the receiver looks at.

use std::path::{Path, PathBuf};

use fleet_a2a::client::Client;
use fleet_receivers::Mode;
use fleet_receivers::adapter::versions::versions;
use fleet_receivers::config::Permissions;
use fleet_receivers::folder::{Health, ReadinessWord};
use fleet_receivers::harness::Handshake;

use super::prove::{base_url, same_folder};
use super::receiver::{Receiver, Wanted};
use super::start::Running;
use crate::config::PeerKind;
use crate::config::trust::permissions_word;
use crate::control::{HandshakeView, NoticeLevel};
use crate::daemon::fleet::Fleet;
use crate::domain::{ErrorKind, Failure, PeerName};

/// Every so many probes the receiver is asked again what the repo brings along: once a minute.
const EVERY: u32 = 6;

/// What a running receiver drives, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serves {
    pub(super) mode: Mode,
    pub(super) repo: PathBuf,
    pub(super) permissions: Permissions,
}

impl Serves {
    pub(super) fn of(running: &Running) -> Self {
        Self {
            mode: running.deployed.config.mode,
            repo: running.deployed.config.repo.clone(),
            permissions: running.deployed.config.permissions,
        }
    }
}

/// Whether a receiver may get new work of that peer. What the file no longer names goes on as it is.
pub(super) fn fits(fleet: &Fleet, peer: &PeerName, serves: Option<&Serves>) -> bool {
    match (fleet.config.peer(peer).map(|peer| &peer.kind), serves) {
        (Some(PeerKind::Receiver(wanted)), Some(serves)) => {
            wanted.mode == serves.mode
                && wanted.repo == serves.repo
                && serves.permissions <= wanted.permissions
        }
        (Some(PeerKind::Receiver(_) | PeerKind::Foreign(_)) | None, _) => true,
    }
}

/// The handshake as commands and screens show it.
pub(super) fn view(told: &Handshake) -> HandshakeView {
    let known = versions(told.mode);
    HandshakeView {
        login: told.login,
        settings_accepted: told.settings_accepted,
        settings_hash: told.settings_hash.clone(),
        tested: known.map(|known| known.tested.to_owned()),
        oldest: known.map(|known| known.oldest.to_owned()),
        harness: told.harness.clone(),
    }
}

async fn ask(client: &Client, running: &Running) -> Option<Handshake> {
    let base = base_url(&running.identity)?;
    let answer = client.get_json(&running.endpoint, &base, "harness").await;
    match answer.map(serde_json::from_value) {
        Ok(Ok(told)) => Some(told),
        Ok(Err(_)) | Err(_) => None,
    }
}

impl Receiver {
    /// Takes in what the health says, and tells people when the agent settings turn out to have changed.
    pub(super) fn heard(&mut self, health: Health) {
        let Some(running) = &mut self.running else {
            return;
        };
        let was_trusted = running.health.readiness != ReadinessWord::Untrusted;
        if was_trusted && health.readiness == ReadinessWord::Untrusted {
            let text = format!("{} Look with: {}", health.detail, health.remedy);
            self.parts
                .notices
                .say(NoticeLevel::Warning, &self.name, text);
        }
        running.health = health;
    }

    /// Asks what the repo brings along: at first, now and then, and when what the health said has changed.
    pub(super) async fn shake_hands(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let due = self.probes.is_multiple_of(EVERY);
        self.probes = self.probes.wrapping_add(1);
        let stale = running.handshake.as_ref().is_none_or(|told| {
            told.cli_version != running.health.cli_version
                || told.readiness() != running.health.readiness
        });
        if due || stale {
            // A receiver that does not tell is none the worse for it.
            if let Some(told) = ask(&self.parts.client, running).await {
                running.handshake = Some(told);
            }
        }
    }

    /// Refuses new work to a receiver that works elsewhere than the file says, or that may do more, because its turns have not
    /// ended yet. One that may do less gets it: nothing happens that a person has not allowed.
    pub(super) async fn refuse_misfit(&self, (_, wanted): Wanted<'_>) -> Result<(), Failure> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        let serves = Serves::of(running);
        let name = &self.name;
        let (now, then) =
            if serves.mode != wanted.mode || !same_folder(&serves.repo, &wanted.repo).await {
                let place = |mode, repo: &Path| format!("{mode} in {}", repo.display());
                (
                    format!("as {}", place(serves.mode, &serves.repo)),
                    place(wanted.mode, &wanted.repo),
                )
            } else if serves.permissions > wanted.permissions {
                let level = |permissions| permissions_word(permissions).to_owned();
                (
                    format!("with permissions {}", level(serves.permissions)),
                    level(wanted.permissions),
                )
            } else {
                return Ok(());
            };
        Err(Failure::new(
            ErrorKind::Unreachable,
            format!(
                "The receiver of {name} works {now}, and fleet.toml says {then}: nothing is sent to it."
            ),
            format!(
                "It is deployed anew once its turns have ended; see them with `fleet dispatches list`, or end them with `fleet stop {name}`."
            ),
        ))
    }
}
