//! The life of one receiver.
//!
//! Owns: which state follows which, when to try again, and when to give up. Plain data; the time and the jitter are given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The first wait after a failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest.
const BACKOFF_LAST: Duration = Duration::from_secs(30);
/// So many failures within [`PARK_WITHIN_MS`] and it is given up.
const PARK_AFTER: usize = 5;
const PARK_WITHIN_MS: i64 = 60_000;

/// Where a receiver stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    /// Not running: never started, stopped, or idle. It starts on demand.
    Stopped,
    /// Started, not yet proven.
    Starting,
    /// Proven.
    Ready,
    /// Told to stop, its turns may still end.
    Draining,
    /// Failed too often; a person must start it.
    Parked {
        /// The last failure.
        reason: String,
    },
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody needs it.
    Wanted,
    /// A person starts it: what failed before is forgiven.
    Started,
    /// It proved itself.
    Proven,
    /// It did not start, or died, or stopped answering.
    Failed {
        /// One sentence.
        reason: String,
    },
    /// It is told to stop.
    StopAsked,
    /// Its process ended as it should.
    Ended,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// Start it after this time.
    Start(Duration),
    /// Refuse: it is parked.
    Refuse(String),
}

/// Failures that count, in milliseconds of Unix time, oldest first; kept in the store over restarts of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Failures(Vec<i64>);

/// One receiver's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) life: Life,
    pub(super) failures: Failures,
}

impl Machine {
    pub(super) fn new(failures: Failures, parked: Option<String>) -> Self {
        let life = parked.map_or(Life::Stopped, |reason| Life::Parked { reason });
        Self { life, failures }
    }

    /// Takes one event. `jitter` is a random number from 0 to 1.
    pub(super) fn step(&mut self, event: Event, now_ms: i64, jitter: f64) -> Next {
        self.failures.forget(now_ms);
        match (&self.life, event) {
            (Life::Parked { reason }, Event::Wanted) => Next::Refuse(reason.clone()),
            (Life::Stopped, Event::Wanted) => {
                self.life = Life::Starting;
                Next::Start(self.failures.wait(now_ms, jitter))
            }
            (Life::Stopped | Life::Parked { .. }, Event::Started) => {
                self.failures = Failures::default();
                self.life = Life::Starting;
                Next::Start(Duration::ZERO)
            }
            (Life::Starting | Life::Ready | Life::Draining, Event::Wanted | Event::Started) => {
                Next::Nothing
            }
            (Life::Stopped | Life::Starting | Life::Ready, Event::Proven) => {
                self.life = Life::Ready;
                Next::Nothing
            }
            (Life::Draining | Life::Parked { .. }, Event::Proven) => Next::Nothing,
            (Life::Stopped | Life::Starting | Life::Ready, Event::Failed { reason }) => {
                self.failures.0.push(now_ms);
                self.life = if self.failures.0.len() >= PARK_AFTER {
                    Life::Parked { reason }
                } else {
                    Life::Stopped
                };
                Next::Nothing
            }
            (Life::Parked { .. }, Event::Failed { .. }) => Next::Nothing,
            // A receiver that is killed while it drains has stopped all the same.
            (Life::Draining, Event::Failed { .. } | Event::Ended) => {
                self.life = Life::Stopped;
                Next::Nothing
            }
            (Life::Starting | Life::Ready, Event::StopAsked) => {
                self.life = Life::Draining;
                Next::Nothing
            }
            (Life::Parked { .. }, Event::StopAsked) => {
                self.failures = Failures::default();
                self.life = Life::Stopped;
                Next::Nothing
            }
            (Life::Stopped | Life::Draining, Event::StopAsked) => Next::Nothing,
            (Life::Stopped | Life::Starting | Life::Ready, Event::Ended) => {
                self.life = Life::Stopped;
                Next::Nothing
            }
            (Life::Parked { .. }, Event::Ended) => Next::Nothing,
        }
    }

    /// How long the next start has to wait.
    pub(super) fn wait(&self, now_ms: i64, jitter: f64) -> Duration {
        self.failures.wait(now_ms, jitter)
    }
}

impl Failures {
    /// Failures that are older than the window count no more.
    fn forget(&mut self, now_ms: i64) {
        self.0
            .retain(|at| (now_ms - PARK_WITHIN_MS..=now_ms).contains(at));
    }

    /// How long to wait before the next start: nothing if that time has passed since the last failure.
    fn wait(&self, now_ms: i64, jitter: f64) -> Duration {
        let Some(last) = self.0.last() else {
            return Duration::ZERO;
        };
        let since = Duration::from_millis(u64::try_from(now_ms - last).unwrap_or(0));
        backoff(self.0.len(), jitter).saturating_sub(since)
    }
}

/// The wait after so many failures: doubling, from three quarters of it to all of it, so that many receivers do not start
/// at the same instant.
pub(super) fn backoff(failures: usize, jitter: f64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = BACKOFF_FIRST
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(BACKOFF_LAST);
    whole.mul_f64(0.75 + 0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed() -> Event {
        Event::Failed {
            reason: "it died".to_owned(),
        }
    }

    fn machine() -> Machine {
        Machine::new(Failures::default(), None)
    }

    #[test]
    fn it_starts_on_demand_and_stops_when_told() {
        let mut machine = machine();
        let step = |machine: &mut Machine, event, next| {
            assert_eq!(machine.step(event, 0, 1.0), next);
        };
        step(&mut machine, Event::Wanted, Next::Start(Duration::ZERO));
        step(&mut machine, Event::Proven, Next::Nothing);
        assert_eq!(machine.life, Life::Ready);
        step(&mut machine, Event::Wanted, Next::Nothing);
        step(&mut machine, Event::StopAsked, Next::Nothing);
        assert_eq!(machine.life, Life::Draining);
        step(&mut machine, Event::Ended, Next::Nothing);
        assert_eq!(machine.life, Life::Stopped);
    }

    #[test]
    fn five_failures_in_a_minute_park_it_and_a_person_starts_it_again() {
        let mut machine = machine();
        let mut now = 1_000;
        for expected in [0, 200, 400, 800, 1_600] {
            let next = machine.step(Event::Wanted, now, 1.0);
            assert_eq!(next, Next::Start(Duration::from_millis(expected)));
            now += i64::try_from(expected).unwrap();
            machine.step(failed(), now, 1.0);
        }
        assert!(matches!(machine.life, Life::Parked { .. }));
        let refused = machine.step(Event::Wanted, now + 600_000, 1.0);
        assert_eq!(refused, Next::Refuse("it died".to_owned()));
        assert_eq!(
            machine.step(Event::Started, now, 1.0),
            Next::Start(Duration::ZERO)
        );
    }

    #[test]
    fn failures_far_apart_never_park_it() {
        let mut machine = machine();
        for minute in 0..100 {
            let now = minute * 61_000;
            machine.step(Event::Wanted, now, 0.5);
            machine.step(failed(), now, 0.5);
            assert_eq!(machine.life, Life::Stopped);
        }
    }

    #[test]
    fn a_death_while_draining_is_no_failure() {
        let mut machine = machine();
        machine.step(Event::Wanted, 0, 0.0);
        machine.step(Event::StopAsked, 0, 0.0);
        machine.step(failed(), 0, 0.0);
        assert_eq!(machine, self::machine());
    }

    #[test]
    fn those_that_die_at_once_do_not_start_at_once() {
        let waits: std::collections::BTreeSet<_> =
            (0..10).map(|n| backoff(1, f64::from(n) / 9.0)).collect();
        assert_eq!(waits.len(), 10);
        let (first, last) = (waits.first().unwrap(), waits.last().unwrap());
        assert_eq!(*last - *first, BACKOFF_FIRST / 4);
    }

    proptest! {
        #[test]
        fn the_wait_stays_within_its_bounds(failures in 1_usize..10_000, jitter in 0.0_f64..=1.0) {
            let wait = backoff(failures, jitter);
            prop_assert!(wait >= Duration::from_millis(150));
            prop_assert!(wait <= Duration::from_secs(30));
            prop_assert!(backoff(failures + 1, jitter) >= wait);
        }

        #[test]
        fn whatever_happens_it_can_be_stopped_and_started(
            events in proptest::collection::vec(0_u8..6, 0..50),
            step_ms in 0_i64..5_000,
        ) {
            let mut machine = machine();
            let mut now = 0;
            for event in events {
                let event = match event {
                    0 => Event::Wanted,
                    1 => Event::Started,
                    2 => Event::Proven,
                    3 => failed(),
                    4 => Event::StopAsked,
                    _ => Event::Ended,
                };
                machine.step(event, now, 0.5);
                prop_assert!(machine.failures.0.len() <= PARK_AFTER);
                now += step_ms;
            }
            machine.step(Event::StopAsked, now, 0.5);
            machine.step(Event::Ended, now, 0.5);
            prop_assert_eq!(&machine.life, &Life::Stopped);
            prop_assert_eq!(machine.step(Event::Started, now, 0.5), Next::Start(Duration::ZERO));
        }
    }
}
