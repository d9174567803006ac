//! `exec`: any command line as an agent.
//!
//! Owns: how a command is told its work and how it answers. Does not own: the process (see [`crate::child`]).

mod contract_file;
mod reply;
mod run;
#[cfg(test)]
mod tests;

use crate::adapter::{Adapter, BoxFuture, Readiness, ReadinessState, Turn, TurnEnd, TurnIo};
use crate::child::{ChildEnv, Spawner};
use crate::config::{ExecEvents, ReceiverConfig};

/// Runs the configured command once per turn.
#[derive(Debug)]
pub struct ExecAdapter {
    command: Vec<String>,
    events: ExecEvents,
    receiver_id: String,
    /// Knows the repo and the environment, to look for the program.
    finder: Spawner,
}

impl ExecAdapter {
    /// For this receiver; `env` is what its processes get. Removes contract files that a killed receiver left behind.
    #[must_use]
    pub fn new(config: &ReceiverConfig, env: ChildEnv) -> Self {
        contract_file::remove_leftovers(&config.receiver_id);
        Self {
            command: config.command.clone(),
            events: config.events,
            receiver_id: config.receiver_id.clone(),
            finder: Spawner::for_probe(&config.receiver_id, config.repo.clone(), env),
        }
    }

    fn readiness(&self) -> ReadinessState {
        let Some(program) = self.command.first() else {
            return ReadinessState::Missing {
                detail: "this peer has no command".to_owned(),
                remedy: "add `command = [\"program\", \"argument\"]` to the peer in fleet.toml"
                    .to_owned(),
            };
        };
        if self.finder.find(program).is_some() {
            return ReadinessState::Ready;
        }
        ReadinessState::Missing {
            detail: format!("{program:?} is no executable file in the repo or on PATH"),
            remedy: format!("install {program}, or correct `command` of the peer in fleet.toml"),
        }
    }
}

impl Adapter for ExecAdapter {
    fn probe(&self) -> BoxFuture<'_, Readiness> {
        Box::pin(async {
            Readiness {
                version: None,
                state: self.readiness(),
            }
        })
    }

    fn run(&self, turn: Turn, io: TurnIo) -> BoxFuture<'_, TurnEnd> {
        Box::pin(async move {
            let outcome = run::run(self, turn, io).await;
            TurnEnd {
                outcome,
                refused: Vec::new(),
            }
        })
    }
}
