//! Whether the agent can work, asked again and again while it cannot.
//!
//! Owns: the rhythm of the probes, and what they and the guard add up to. Does not own: the probe (see `adapter`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::App;
use crate::adapter::{Readiness, ReadinessState};
use crate::folder::ReadinessWord;
use crate::harness::Verdict;
use crate::registry::Shared;

/// Between two probes of an agent that cannot work: soon after somebody installed it or logged in, it shows.
const AGAIN: Duration = Duration::from_secs(15);

/// Between two looks whether the settings of the repo are accepted, while they are not.
const UNTRUSTED_LOOK: Duration = Duration::from_secs(1);

/// What is known of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentState {
    /// The first probe is under way, or waits until the settings of the repo are accepted.
    Checking,
    /// The last probe said so.
    Probed(Readiness),
}

impl AgentState {
    /// The CLI's version, as far as known.
    pub(crate) fn version(&self) -> Option<String> {
        match self {
            Self::Checking => None,
            Self::Probed(readiness) => readiness.version.clone(),
        }
    }

    /// The word, what is missing, and what mends it.
    pub(crate) fn verdict(&self) -> (ReadinessWord, &str, &str) {
        match self {
            Self::Checking => (ReadinessWord::Checking, "", ""),
            Self::Probed(readiness) => match &readiness.state {
                ReadinessState::Ready => (ReadinessWord::Ready, "", ""),
                ReadinessState::Missing { detail, remedy } => {
                    (ReadinessWord::Missing, detail, remedy)
                }
                ReadinessState::Outdated { detail, remedy } => {
                    (ReadinessWord::Outdated, detail, remedy)
                }
                ReadinessState::Unauthenticated { detail, remedy } => {
                    (ReadinessWord::Unauthenticated, detail, remedy)
                }
            },
        }
    }
}

/// How the agent stands, as `/health` and `/harness` tell it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) cli_version: Option<String>,
    pub(super) readiness: ReadinessWord,
    pub(super) detail: String,
    pub(super) remedy: String,
}

/// What the last probe said, unless the settings of the repo are not accepted: then nothing runs, whatever else is well.
pub(super) async fn standing(app: &App) -> Standing {
    let verdict = app.registry.shared().guard.recent().await;
    let state = app.agent.borrow().clone();
    let (readiness, detail, remedy) = match verdict {
        Verdict::Refused { detail, remedy } => (ReadinessWord::Untrusted, detail, remedy),
        Verdict::Accepted => {
            let (word, detail, remedy) = state.verdict();
            (word, detail.to_owned(), remedy.to_owned())
        }
    };
    Standing {
        cli_version: state.version(),
        readiness,
        detail,
        remedy,
    }
}

/// Probes at start, then every [`AGAIN`] while the agent cannot work, and when a turn found it without a login. A probe runs the
/// agent in the repo, whose settings may name commands: it waits until they are accepted.
pub(crate) async fn watch_agent(shared: Arc<Shared>, state: watch::Sender<AgentState>) {
    loop {
        while shared.guard.recent().await != Verdict::Accepted {
            tokio::time::sleep(UNTRUSTED_LOOK).await;
        }
        let readiness = shared.adapter.probe().await;
        let ready = readiness.state == ReadinessState::Ready;
        state.send_replace(AgentState::Probed(readiness));
        if ready {
            shared.doubt.notified().await;
        } else {
            tokio::time::sleep(AGAIN).await;
        }
    }
}
