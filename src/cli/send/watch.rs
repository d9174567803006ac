//! Staying with a dispatch until it has ended.
//!
//! Owns: what happens when the daemon goes away (start it, say the same again, wait on), when time runs out, and when the
//! person presses Ctrl-C. Does not own: how a daemon is reached, see [`Link`].

use std::future::Future;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::time::{Instant, sleep, timeout_at};

use crate::control::DispatchView;
use crate::domain::{DispatchId, ErrorKind, Failure};

/// After its deadline a dispatch is final: the peer ends it in 2 s, the daemon looks for it 10 s more. What is not final
/// by then, nobody will tell.
const AFTER_DEADLINE: Duration = Duration::from_secs(30);
/// Until the first answer the deadline is unknown; so long a daemon that was reached once is looked for.
pub(crate) const BEFORE_ACCEPTED: Duration = Duration::from_secs(30);
/// Between two attempts to reach a daemon that went away.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long Ctrl-C waits for the dispatch to end; the wish itself is stored long before.
const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// What watching needs from the daemon; tests put a scripted one in its place.
pub(crate) trait Link {
    /// Makes the daemon know the dispatch (again) and gives it as it stands. Starts the daemon when none runs.
    fn begin(&mut self) -> impl Future<Output = Result<DispatchView, Failure>> + Send;
    /// Whether a daemon was reached at all, so that a lost one is worth looking for.
    fn reached(&self) -> bool;
    /// The dispatch at its next change; `None` when the daemon has nothing more to say.
    fn next_change(&mut self)
    -> impl Future<Output = Result<Option<DispatchView>, Failure>> + Send;
    /// Stores the wish that it end.
    fn cancel(&mut self) -> impl Future<Output = Result<DispatchView, Failure>> + Send;
}

/// How watching ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// The dispatch is final.
    Final,
    /// The person pressed Ctrl-C.
    Interrupted,
    /// It could not be learnt how the dispatch ended, or there is none.
    Lost(Failure),
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watched {
    /// The dispatch as it last stood; `None` when it was refused or never reached the daemon.
    pub(crate) last: Option<DispatchView>,
    /// Why the watching is over.
    pub(crate) end: End,
}

/// Watches one dispatch; `tell` sees each change.
#[derive(Debug)]
pub(crate) struct Watch<'a, L, T> {
    /// The daemon.
    pub(crate) link: &'a mut L,
    /// The dispatch, for messages.
    pub(crate) dispatch_id: DispatchId,
    /// The wall clock, in milliseconds of Unix time.
    pub(crate) now_ms: fn() -> i64,
    /// Sees the dispatch at each change.
    pub(crate) tell: T,
    /// As it last stood.
    pub(crate) last: Option<DispatchView>,
}

impl<L: Link, T: FnMut(&DispatchView)> Watch<'_, L, T> {
    /// Until the dispatch is final. The first of `interrupts` cancels it, the second leaves at once.
    pub(crate) async fn run(mut self, mut interrupts: impl Stream<Item = ()> + Unpin) -> Watched {
        let end = tokio::select! {
            biased;
            Some(()) = interrupts.next() => End::Interrupted,
            learnt = self.until_final() => learnt.map_or_else(End::Lost, |()| End::Final),
        };
        if end == End::Interrupted {
            tokio::select! {
                biased;
                Some(()) = interrupts.next() => {}
                _told = tokio::time::timeout(CANCEL_WAIT, self.cancel()) => {}
            }
        }
        Watched {
            last: self.last,
            end,
        }
    }

    async fn until_final(&mut self) -> Result<(), Failure> {
        let mut view = begin(self.link, Instant::now() + BEFORE_ACCEPTED).await?;
        // Set once: it must not move with each new connection.
        let give_up_at = self.limit(&view);
        loop {
            match timeout_at(give_up_at, self.see_changes(view)).await {
                Ok(Err(failure)) if is_lost(self.link, &failure) => sleep(RETRY_PAUSE).await,
                Ok(ended) => return ended,
                Err(_elapsed) => return Err(self.nobody_tells()),
            }
            let again = begin(self.link, give_up_at).await;
            view = again.map_err(|failure| self.out_of_reach(failure))?;
        }
    }

    /// A newer build took the fleet over, and this one cannot talk to it: the dispatch goes on all the same.
    fn out_of_reach(&self, failure: Failure) -> Failure {
        if failure.kind != ErrorKind::Usage {
            return failure;
        }
        Failure::new(
            ErrorKind::UnknownOutcome,
            format!("{} The dispatch goes on there.", failure.message),
            format!(
                "With that fleet: fleet dispatches wait {}",
                self.dispatch_id
            ),
        )
        .about(self.dispatch_id)
    }

    /// One connection's worth of changes; `Ok` when the dispatch is final.
    async fn see_changes(&mut self, mut view: DispatchView) -> Result<(), Failure> {
        loop {
            let is_final = view.state.is_final();
            (self.tell)(&view);
            self.last = Some(view);
            if is_final {
                return Ok(());
            }
            view = self.link.next_change().await?.ok_or_else(went_silent)?;
        }
    }

    fn limit(&self, view: &DispatchView) -> Instant {
        let left_ms = view.detail.deadline_at_ms - (self.now_ms)();
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        Instant::now() + left + AFTER_DEADLINE
    }

    fn nobody_tells(&self) -> Failure {
        Failure::new(
            ErrorKind::UnknownOutcome,
            format!(
                "The daemon did not say how the dispatch ended, {} s after its deadline.",
                AFTER_DEADLINE.as_secs()
            ),
            format!("fleet dispatches show {}", self.dispatch_id),
        )
        .about(self.dispatch_id)
    }

    /// Stores the wish and sees the dispatch end. A submission may still be on its way when the person gives up, so a
    /// dispatch that is not known yet is asked for again.
    async fn cancel(&mut self) {
        let mut view = loop {
            match self.link.cancel().await {
                Ok(view) => break view,
                Err(_not_yet) => sleep(RETRY_PAUSE).await,
            }
        };
        loop {
            let is_final = view.state.is_final();
            self.last = Some(view);
            if is_final {
                return;
            }
            match self.link.next_change().await {
                Ok(Some(change)) => view = change,
                Ok(None) | Err(_) => return,
            }
        }
    }
}

/// Makes the daemon know the dispatch. A daemon that was reached and went away is looked for until `give_up_at`.
pub(crate) async fn begin<L: Link>(
    link: &mut L,
    give_up_at: Instant,
) -> Result<DispatchView, Failure> {
    loop {
        match timeout_at(give_up_at, link.begin()).await {
            Ok(Err(failure)) if is_lost(link, &failure) && Instant::now() < give_up_at => {
                sleep(RETRY_PAUSE).await;
            }
            Ok(begun) => return begun,
            Err(_elapsed) => return Err(went_silent()),
        }
    }
}

fn is_lost(link: &impl Link, failure: &Failure) -> bool {
    failure.kind == ErrorKind::Daemon && link.reached()
}

fn went_silent() -> Failure {
    Failure::new(
        ErrorKind::Daemon,
        "The daemon stopped telling how the dispatch goes on.",
        "fleet dispatches list",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures::stream;

    use super::*;
    use crate::cli::samples::{self, ACCEPTED_AT_MS};

    /// What the scripted daemon does next.
    enum Step {
        /// Answers.
        View(Box<DispatchView>),
        /// Goes away.
        Gone,
        /// Refuses.
        Refuse(ErrorKind),
        /// Has nothing more to say.
        Silent,
        /// Never answers.
        Hang,
    }

    #[derive(Default)]
    struct Script {
        begins: VecDeque<Step>,
        changes: VecDeque<Step>,
        cancels: VecDeque<Step>,
        begun: u32,
        canceled: u32,
        unreached: bool,
    }

    async fn play(step: Option<Step>) -> Result<Option<DispatchView>, Failure> {
        match step {
            Some(Step::View(view)) => Ok(Some(*view)),
            Some(Step::Gone) => Err(Failure::new(ErrorKind::Daemon, "Gone.", "")),
            Some(Step::Refuse(kind)) => Err(Failure::new(kind, "No.", "")),
            Some(Step::Silent) => Ok(None),
            Some(Step::Hang) | None => std::future::pending().await,
        }
    }

    impl Link for Script {
        async fn begin(&mut self) -> Result<DispatchView, Failure> {
            self.begun += 1;
            Ok(play(self.begins.pop_front()).await?.unwrap())
        }
        fn reached(&self) -> bool {
            !self.unreached
        }
        async fn next_change(&mut self) -> Result<Option<DispatchView>, Failure> {
            play(self.changes.pop_front()).await
        }
        async fn cancel(&mut self) -> Result<DispatchView, Failure> {
            self.canceled += 1;
            Ok(play(self.cancels.pop_front()).await?.unwrap())
        }
    }

    fn view(view: DispatchView) -> Step {
        Step::View(Box::new(view))
    }

    async fn watch(script: &mut Script, interrupts: impl Stream<Item = ()> + Unpin) -> Watched {
        let watch = Watch {
            link: script,
            dispatch_id: samples::completed().dispatch_id,
            now_ms: || ACCEPTED_AT_MS,
            tell: |_: &DispatchView| {},
            last: None,
        };
        watch.run(interrupts).await
    }

    /// An interrupt after each of the pauses, in seconds.
    fn after(pauses_s: &'static [u64]) -> impl Stream<Item = ()> + Unpin {
        Box::pin(stream::iter(pauses_s).then(|pause_s| sleep(Duration::from_secs(*pause_s))))
    }

    #[tokio::test(start_paused = true)]
    async fn it_survives_a_daemon_that_goes_away_again_and_again() {
        let mut script = Script {
            begins: [
                Step::Gone,
                view(samples::working()),
                Step::Gone,
                Step::Gone,
                view(samples::working()),
                view(samples::completed()),
            ]
            .into(),
            changes: [view(samples::working()), Step::Gone, Step::Gone].into(),
            ..Script::default()
        };
        let watched = watch(&mut script, stream::pending()).await;
        assert_eq!(watched.end, End::Final);
        assert_eq!(watched.last, Some(samples::completed()));
        assert_eq!((script.begun, script.canceled), (6, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_cannot_be_started_is_told_at_once() {
        let mut script = Script {
            begins: [Step::Gone].into(),
            unreached: true,
            ..Script::default()
        };
        let started = Instant::now();
        let watched = watch(&mut script, stream::pending()).await;
        assert!(matches!(watched.end, End::Lost(failure) if failure.kind == ErrorKind::Daemon));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let mut script = Script {
            begins: [Step::Refuse(ErrorKind::Budget)].into(),
            ..Script::default()
        };
        let watched = watch(&mut script, stream::pending()).await;
        assert_eq!(watched.last, None);
        assert!(matches!(watched.end, End::Lost(failure) if failure.kind == ErrorKind::Budget));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_thirty_seconds_after_the_deadline_whatever_the_daemon_does() {
        for endless in [true, false] {
            let mut script = Script {
                begins: [view(samples::working())].into(),
                changes: [if endless { Step::Hang } else { Step::Silent }].into(),
                ..Script::default()
            };
            let started = Instant::now();
            let watched = watch(&mut script, stream::pending()).await;
            let End::Lost(failure) = watched.end else {
                panic!("{:?}", watched.end)
            };
            assert_eq!(failure.kind.exit_code(), 4);
            assert_eq!(watched.last, Some(samples::working()));
            // The sample's deadline is 30 s after its acceptance.
            assert_eq!(started.elapsed().as_secs(), 60);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_cancels_and_sees_the_end() {
        let canceled = DispatchView {
            state: crate::domain::DispatchState::Canceled,
            ..samples::working()
        };
        let mut script = Script {
            begins: [view(samples::working())].into(),
            cancels: [Step::Refuse(ErrorKind::NotFound), view(samples::working())].into(),
            // The first hangs until Ctrl-C drops it.
            changes: [Step::Hang, view(canceled.clone())].into(),
            ..Script::default()
        };
        let watched = watch(&mut script, after(&[3])).await;
        assert_eq!(watched.end, End::Interrupted);
        assert_eq!(watched.last, Some(canceled));
        assert_eq!(script.canceled, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_does_not_wait_for_ever_and_a_second_one_not_at_all() {
        for (presses, left_after_s) in [(&[1u64][..], 6), (&[1, 2][..], 3)] {
            let mut script = Script {
                begins: [view(samples::working())].into(),
                ..Script::default()
            };
            let started = Instant::now();
            let interrupts = Box::pin(
                stream::iter(presses)
                    .then(|pause_s| sleep(Duration::from_secs(*pause_s)))
                    .chain(stream::pending()),
            );
            let watched = watch(&mut script, interrupts).await;
            assert_eq!(watched.end, End::Interrupted);
            assert_eq!(watched.last, Some(samples::working()));
            assert_eq!(started.elapsed().as_secs(), left_after_s);
        }
    }
}
