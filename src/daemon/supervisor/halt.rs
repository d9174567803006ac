//! Stopping a receiver: for good, or to start it again.
//!
//! Owns: the order of the wish, the drain and what is swept up after it. Does not own: why.

use std::time::Duration;

use fleet_a2a::clock;
use fleet_receivers::child;
use fleet_receivers::folder::Identity;

use super::actor::STOP_TIMEOUT;
use super::deploy::rotate_token;
use super::machine::Event;
use super::process::Process;
use super::receiver::{Receiver, Wanted};
use super::start::Running;
use crate::control::Tokens;
use crate::daemon::peers::ClientEnv;
use crate::domain::Failure;

/// How long a killed process may take to be gone.
pub(super) const KILL_TIMEOUT: Duration = Duration::from_secs(5);

impl Receiver {
    /// Drains and stops it; it stays stopped until it is started or needed.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        // Before the effect: a daemon that is killed meanwhile leaves the stopping to the next.
        self.store_row(|row| {
            row.should_run = false;
            row.forget_process();
        })
        .await;
        self.halt().await;
        Ok(())
    }

    /// Drains, stops and starts it again. The token changes between the two, so that nobody who runs has another than the
    /// file says; whoever sent with the old one is told 401 or nothing, and sends again.
    pub(super) async fn restart(
        &mut self,
        wanted: Wanted<'_>,
        env: &ClientEnv,
        tokens: Tokens,
    ) -> Result<(), Failure> {
        self.expect_start().await;
        self.halt().await;
        match tokens {
            Tokens::Keep => {}
            Tokens::Rotate => {
                rotate_token(&self.parts.target.receiver_dir(&self.name))?;
            }
        }
        self.start(wanted, env).await
    }

    /// Says that it is to run and that no process does yet: a daemon that is killed before it has started one leaves that to
    /// the next.
    pub(super) async fn expect_start(&self) {
        self.store_row(|row| {
            row.should_run = true;
            row.forget_process();
        })
        .await;
    }

    async fn halt(&mut self) {
        self.forget_retry();
        self.machine.step(Event::StopAsked, clock::now_ms(), 0.0);
        let port = self.status.get().port;
        if let Some(running) = self.running.take() {
            self.status.change(|status| {
                status.ready = None;
                status.reason = Some("it drains".to_owned());
            });
            end(running).await;
        }
        self.machine.step(Event::Ended, clock::now_ms(), 0.0);
        self.show_stopped(port);
        self.store_failures().await;
    }
}

/// Lets it drain, then ends it, then whatever it left.
pub(super) async fn end(mut running: Running) {
    running.process.terminate();
    drained(&mut running.process).await;
    child::sweep(&running.deployed.config.receiver_id, None).await;
    // One that had to be killed could not do it itself; it did not die, it was stopped.
    if let Err(error) = Identity::forget(&running.deployed.dir) {
        tracing::warn!(%error, "the identity of a receiver that was stopped is left");
    }
}

/// Waits for the end of a process that drains; what does not end in time is killed.
pub(super) async fn drained(process: &mut Process) {
    if process.exited_within(STOP_TIMEOUT).await.is_none() {
        process.kill();
        let _ = process.exited_within(KILL_TIMEOUT).await;
    }
}
