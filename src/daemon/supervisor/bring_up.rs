//! Bringing one receiver up: taken over where one already runs, else deployed and started, then proven.
//!
//! Owns: the way from wanted to able. Does not own: what happens when it dies, see `receiver`.

use std::time::Duration;

use fleet_a2a::clock;
use fleet_receivers::{child, folder};
use tokio::time::Instant;

use super::ability::undecided;
use super::deploy::{Deployed, Plan};
use super::machine::{Event, Next};
use super::prove::prove;
use super::receiver::{Receiver, Wanted};
use super::start::{Running, adopt, start};
use crate::daemon::peers::ClientEnv;
use crate::domain::{Failure, Health};

/// How long a started receiver may take to know whether its agent can work: the program is asked twice at once, 0.3 s as a
/// rule, and is given up after 5 s.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(6);
/// Between two looks meanwhile.
const VERDICT_POLL: Duration = Duration::from_millis(25);

impl Receiver {
    pub(super) async fn start(
        &mut self,
        wanted: Wanted<'_>,
        env: &ClientEnv,
    ) -> Result<(), Failure> {
        let jitter = rand::random::<f64>();
        match self.machine.step(Event::Wanted, clock::now_ms(), jitter) {
            Next::Nothing => {}
            Next::Refuse(reason) => return Err(self.parked(&reason)),
            Next::Start(wait) => tokio::time::sleep(wait).await,
        }
        self.status.change(|status| {
            status.health = Health::Starting;
            status.reason = None;
        });
        // A daemon that was killed may have left one that this one has not seen yet; two never run at a time.
        if let Some(known) = self.known_deployment()
            && let Some(running) = adopt(&self.parts.client, known).await
        {
            self.proven(running).await;
            return Ok(());
        }
        let deployed = self.plan(wanted).deploy(&self.parts.store, env).await;
        let deployed = match deployed {
            Ok(deployed) => deployed,
            Err(failure) => {
                self.record_failure(&failure.message).await;
                self.show_stopped(None);
                return Err(failure);
            }
        };
        child::sweep(&deployed.config.receiver_id, None).await;
        let port = deployed.config.bind.port();
        match start(&self.parts.target.program, &self.parts.client, deployed).await {
            Ok(running) => {
                self.proven(running).await;
                Ok(())
            }
            Err(why) => {
                // It may have ended because one of an earlier daemon was a moment faster.
                if let Some(known) = self.known_deployment()
                    && let Some(running) = adopt(&self.parts.client, known).await
                {
                    self.proven(running).await;
                    return Ok(());
                }
                self.record_failure(&why).await;
                self.plan_retry();
                self.show_stopped(Some(port));
                Err(self.failed(&why))
            }
        }
    }

    pub(super) async fn proven(&mut self, running: Running) {
        let identity = running.identity.clone();
        self.running = Some(running);
        self.forget_retry();
        self.machine.step(Event::Proven, clock::now_ms(), 0.0);
        self.doubted = false;
        self.failed_probes = 0;
        self.store_row(|row| {
            row.should_run = true;
            row.pid = Some(identity.pid);
            row.start_time = Some(identity.start_time);
            row.boot_id = Some(identity.boot_id.clone());
            row.instance = Some(identity.instance.clone());
        })
        .await;
        self.show_running();
        self.await_verdict().await;
        self.shake_hands().await;
        self.show_running();
    }

    /// A receiver that has just started still asks its agent's program whether it is there and logged in. Until it knows,
    /// nothing is sent to it: what is missing is told before a turn is tried.
    async fn await_verdict(&mut self) {
        let give_up = Instant::now() + VERDICT_TIMEOUT;
        while let Some(running) = &mut self.running
            && undecided(&running.health)
            && Instant::now() < give_up
        {
            tokio::time::sleep(VERDICT_POLL).await;
            let asked = prove(&self.parts.client, &running.deployed, &running.identity).await;
            // One that does not answer is found dead by whoever needs it next.
            let Ok(health) = asked else { return };
            running.health = health;
            self.show_running();
        }
    }

    pub(super) fn plan<'a>(&'a self, (fleet, receiver): Wanted<'a>) -> Plan<'a> {
        Plan {
            fleet: &fleet.config.name,
            peer: &self.name,
            receiver,
            bands: &fleet.config.bands,
            dir: self.parts.target.receiver_dir(&self.name),
        }
    }

    pub(super) fn known_deployment(&self) -> Option<Deployed> {
        let dir = self.parts.target.receiver_dir(&self.name);
        let (config, token) = folder::load(&dir).ok()?;
        Some(Deployed {
            env: folder::read_env(&dir).ok().flatten().unwrap_or_default(),
            dir,
            config,
            token,
        })
    }
}
