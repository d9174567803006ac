//! A person's word on the agent settings of a peer's repo.
//!
//! Owns: showing what changed, and writing the acceptance into the receiver's folder, where the receiver reads it before each
//! turn. Does not own: what is watched, nor the refusal (see `fleet_receivers::harness`).

use std::path::PathBuf;

use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::harness::{Accepted, Acceptor, Listing, Verdict, changes, judge};

use super::deploy::refused;
use super::receiver::{Receiver, Wanted};
use crate::control::{ChangeView, PeerTrustView};
use crate::daemon::fleet::stopping;
use crate::daemon::peers::ClientEnv;
use crate::domain::{ErrorKind, Failure, PeerName, PeerText};

/// One question about one repo, answered where the disk may be waited for.
#[derive(Debug)]
struct Question {
    name: PeerName,
    dir: PathBuf,
    config: ReceiverConfig,
    accept: Option<String>,
}

impl Receiver {
    /// Shows the settings; accepts those with the hash that was shown before.
    pub(super) async fn trust(
        &mut self,
        wanted: Wanted<'_>,
        accept: Option<String>,
    ) -> Result<PeerTrustView, Failure> {
        let accepts = accept.is_some();
        let question = Question {
            name: self.name.clone(),
            dir: self.parts.target.receiver_dir(&self.name),
            config: self.plan(wanted).receiver_config(String::new(), 0),
            accept,
        };
        let answered = tokio::task::spawn_blocking(move || question.answer())
            .await
            .map_err(|_| stopping())?;
        let view = match answered {
            Ok(view) => view,
            Err(failure) => {
                // Whoever was shown an old hash is shown the new one next time.
                if let Some(running) = &mut self.running {
                    running.handshake = None;
                }
                self.probe(Some(wanted)).await;
                return Err(failure);
            }
        };
        if accepts {
            tracing::info!(peer = %self.name, hash = %view.hash, "a person accepted the agent settings");
            self.read_settings_again(wanted).await;
        }
        Ok(view)
    }

    /// A warm agent has the settings that it started with, so an idle receiver is started again.
    async fn read_settings_again(&mut self, wanted: Wanted<'_>) {
        if self.end_if_idle().await
            && let Err(failure) = self.start(wanted, &ClientEnv::new()).await
        {
            tracing::warn!(peer = %self.name, %failure, "a receiver could not be started again");
        }
        self.probe(Some(wanted)).await;
    }
}

impl Question {
    fn answer(self) -> Result<PeerTrustView, Failure> {
        let listing = Listing::read(&self.config.repo, self.config.mode);
        let hash = listing.hash();
        if let Some(shown) = &self.accept {
            if *shown != hash {
                return Err(self.changed_again());
            }
            let accepted = Accepted::of(&self.config, &listing, Acceptor::Person);
            accepted.write(&self.dir).map_err(refused)?;
        }
        // What cannot be read counts as not accepted, and accepting replaces it.
        let accepted = Accepted::read(&self.dir).ok().flatten();
        let about = accepted.filter(|known| known.is_about(self.config.mode, &self.config.repo));
        let verdict = judge(&self.config, &listing, about.as_ref());
        let known = about.map(|known| known.entries).unwrap_or_default();
        let changes = changes(&self.config.repo, &known, &listing);
        let reason = match verdict {
            Verdict::Accepted => None,
            Verdict::Refused { detail, .. } => Some(PeerText::new(detail)),
        };
        Ok(PeerTrustView {
            peer: self.name,
            repo: self.config.repo.display().to_string(),
            hash,
            accepted: reason.is_none(),
            reason,
            changes: changes.into_iter().map(ChangeView::from).collect(),
        })
    }

    fn changed_again(&self) -> Failure {
        Failure::new(
            ErrorKind::State,
            format!(
                "The agent settings in {} have changed since they were shown.",
                self.config.repo.display()
            ),
            format!("Look at them again with: fleet trust {}", self.name),
        )
    }
}
