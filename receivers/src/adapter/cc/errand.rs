//! One turn from the message to its end: on which process, how often it is tried, and what becomes of the process.
//!
//! Owns: that a message which may have been read is never sent twice. A turn is tried again only when nothing of it can have
//! reached the model: the CLI refused the session before any call, or died and left the whole message unread in its pipe.

use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::argv::{self, Session};
use super::events::Parser;
use super::process::{Autopsy, Bound, HURRIED_GRACE, LEAVE_GRACE, Process};
use super::run::{Finish, Running, read, tell};
use super::whose::Whose;
use super::{CcAdapter, outcome, reason, usage, wire};
use crate::adapter::{AdapterEvent, Turn, TurnEnd, TurnIo, TurnOutcome};
use crate::child::{ChildEnv, Spawner};
use crate::config::Permissions;

/// The variable that tells the CLI that root is harmless here.
const SANDBOX: &str = "IS_SANDBOX";

/// Runs a turn to its end.
pub(super) async fn run(adapter: &CcAdapter, turn: Turn, mut io: TurnIo) -> TurnEnd {
    if adapter.permissions == Permissions::Full && is_root_outside_sandbox(turn.spawner.env()) {
        return failed(
            "Claude Code refuses permissions = \"full\" to root. Run the fleet as another user, or, on a machine that is a \
             sandbox, set IS_SANDBOX=1 where the receiver is deployed from."
                .to_owned(),
        );
    }
    let session = argv::session(adapter, &turn.context, &turn.session);
    tell(&io, AdapterEvent::Session(session.id().to_owned())).await;
    let mut errand = Errand {
        adapter,
        turn: &turn,
        io: &mut io,
    };
    let session = match errand.on_a_warm_one(session).await {
        ControlFlow::Break(end) => return end,
        ControlFlow::Continue(session) => session,
    };
    match errand.on_a_new_one(session).await {
        Attempt::Over(end) => end,
        Attempt::Again { session, .. } => match errand.on_a_new_one(session).await {
            Attempt::Over(end) | Attempt::Again { otherwise: end, .. } => end,
        },
    }
}

/// How one try ended.
#[derive(Debug)]
enum Attempt {
    /// The turn is over.
    Over(TurnEnd),
    /// Nothing reached the model: a new process with this session may help.
    Again {
        session: Session,
        /// How the turn ended if nobody tries again.
        otherwise: TurnEnd,
    },
}

/// Which process a turn runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Opened {
    /// It has served a turn before.
    Earlier,
    /// It was started for this turn, with this session.
    Now(Session),
}

/// A turn and those it talks to.
#[derive(Debug)]
struct Errand<'a> {
    adapter: &'a CcAdapter,
    turn: &'a Turn,
    io: &'a mut TurnIo,
}

impl Errand<'_> {
    /// On the process that waits for this context; goes on with a session for a new one when there is none, or it died before
    /// it read anything.
    async fn on_a_warm_one(&mut self, session: Session) -> ControlFlow<TurnEnd, Session> {
        let pool = &self.adapter.pool;
        let Some(process) = pool.take(&self.turn.context).await else {
            return ControlFlow::Continue(session);
        };
        // One that has read settings which a person has replaced since is not asked again.
        if !process.fits(&self.bound(&session)) {
            let debt = Debt::new(&self.turn.spawner, &process);
            process.end(HURRIED_GRACE, pool.hurry()).await;
            debt.settle();
            return ControlFlow::Continue(session);
        }
        match self.attempt(process, Opened::Earlier).await {
            Attempt::Over(end) => ControlFlow::Break(end),
            Attempt::Again { session, .. } => ControlFlow::Continue(session),
        }
    }

    fn bound(&self, session: &Session) -> Bound {
        Bound {
            session: session.id().to_owned(),
            settings: self.turn.settings.clone(),
        }
    }

    async fn on_a_new_one(&mut self, session: Session) -> Attempt {
        let adapter = self.adapter;
        let Some(place) = adapter.pool.place().await else {
            return Attempt::Over(failed("The receiver is stopping.".to_owned()));
        };
        let repo = self.turn.spawner.cwd().to_string_lossy();
        let argv = argv::argv(
            adapter,
            &repo,
            &session,
            &adapter.grants.of(&self.turn.context),
        );
        match Process::start(&self.turn.spawner, &argv, self.bound(&session), place) {
            Ok(process) => self.attempt(process, Opened::Now(session)).await,
            Err(error) => {
                let detail = format!("{error}. Install Claude Code: {}.", super::INSTALL_REMEDY);
                Attempt::Over(failed(detail))
            }
        }
    }

    async fn attempt(&mut self, mut process: Process, opened: Opened) -> Attempt {
        let debt = Debt::new(&self.turn.spawner, &process);
        let message = Uuid::new_v4().to_string();
        let whose = if process.tells_whose {
            Whose::nobodys_until_told(&message)
        } else {
            Whose::turn(&message)
        };
        let parser = Parser::new(process.session())
            .for_turn(whose)
            .after(process.spent);
        let mut running = Running::new(self.adapter, &self.turn.context, parser);
        let place = process.begin();
        process
            .writer
            .write(wire::user(&self.turn.prompt, &message));
        match read(&mut running, &mut process, self.io).await {
            Finish {
                result: Some(result),
                ..
            } => {
                process.spent = usage::process_total(&result).max(process.spent);
                process.tells_whose |= running.parser.was_told();
                self.over(running, (process, debt), &result, opened).await
            }
            Finish {
                result: None,
                status,
            } => {
                let autopsy = process.autopsy(status, place).await;
                debt.settle();
                judge(running, &autopsy, opened)
            }
        }
    }

    /// There is a result: the process waits for the next turn if all is well with it, and is ended else.
    async fn over(
        &mut self,
        running: Running<'_>,
        (process, debt): (Process, Debt<'_>),
        result: &Value,
        opened: Opened,
    ) -> Attempt {
        let known = running.parser.known(running.interrupted);
        let outcome = outcome::of_result(result, &known);
        let next = match &outcome {
            TurnOutcome::Completed { .. } if !running.interrupted => {
                self.adapter.pool.beside(process.tidying_up(running.began));
                Next::Wait
            }
            // It may have been done before the interrupt reached it, which then stops nothing.
            TurnOutcome::Completed { .. } | TurnOutcome::Interrupted => {
                // A tool that it was just starting may come up after its answer to the interrupt: only its end is sure to end
                // all of it. Seen once in 500 kills.
                if running.called || process.may_work_on() {
                    Next::Leave(HURRIED_GRACE)
                } else {
                    process.end_what_began(running.began).await;
                    Next::Wait
                }
            }
            TurnOutcome::Failed { .. }
            | TurnOutcome::Unauthenticated { .. }
            | TurnOutcome::Rejected { .. } => Next::Leave(LEAVE_GRACE),
        };
        self.part_with(process, debt, next).await;
        let interrupted = running.interrupted;
        let end = TurnEnd {
            outcome,
            refused: running.parser.into_refused(),
        };
        match opened {
            Opened::Now(session @ Session::Resume(_))
                if !interrupted && reason::says_unknown(result) =>
            {
                Attempt::Again {
                    session: session.other(),
                    otherwise: end,
                }
            }
            Opened::Now(_) | Opened::Earlier => Attempt::Over(end),
        }
    }

    async fn part_with(&self, process: Process, debt: Debt<'_>, next: Next) {
        let pool = &self.adapter.pool;
        let (rest, patience) = match next {
            Next::Wait => (pool.put(&self.turn.context, process), LEAVE_GRACE),
            Next::Leave(patience) => (Err(Box::new(process)), patience),
        };
        if let Err(process) = rest {
            process.end(patience, pool.hurry()).await;
        }
        debt.settle();
    }
}

/// What becomes of a process after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It waits for the next turn.
    Wait,
    /// It is ended, with so much patience.
    Leave(Duration),
}

/// There is no result: whether the turn is over, or nothing of it can have reached the model.
fn judge(running: Running<'_>, autopsy: &Autopsy, opened: Opened) -> Attempt {
    let known = running.parser.known(running.interrupted);
    let end = TurnEnd {
        outcome: outcome::of_exit(autopsy.status, &autopsy.last_words, &known),
        refused: running.parser.into_refused(),
    };
    let was_killed = autopsy
        .status
        .is_some_and(|status| status.signal().is_some());
    let session = match opened {
        _ if known.interrupted => None,
        Opened::Earlier if autopsy.unread => Some(Session::Resume(autopsy.session.clone())),
        // It says so before it takes up anything; what is said later may be a hook's or a tool's.
        Opened::Now(session @ Session::Begin(_))
            if !running.took_up && outcome::says_in_use(&autopsy.last_words) =>
        {
            Some(session.other())
        }
        // One that ends by itself says why and would do so again.
        Opened::Now(session) if autopsy.unread && was_killed => Some(session),
        Opened::Now(_) | Opened::Earlier => None,
    };
    match session {
        Some(session) => Attempt::Again {
            session,
            otherwise: end,
        },
        None => Attempt::Over(end),
    }
}

fn failed(detail: String) -> TurnEnd {
    TurnEnd {
        outcome: TurnOutcome::Failed { detail },
        refused: Vec::new(),
    }
}

fn is_root_outside_sandbox(env: &ChildEnv) -> bool {
    rustix::process::geteuid().is_root() && !matches!(env.get(SANDBOX), Some("1" | "true"))
}

/// As long as a process may have to be swept and nobody else would do it, the turn owes it.
#[derive(Debug)]
struct Debt<'a> {
    turn: &'a Spawner,
    process: Spawner,
    open: bool,
}

impl<'a> Debt<'a> {
    fn new(turn: &'a Spawner, process: &Process) -> Self {
        Self {
            turn,
            process: process.spawner().clone(),
            open: true,
        }
    }

    /// It was swept, or the pool has it.
    fn settle(mut self) {
        self.open = false;
    }
}

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        if self.open {
            self.turn.owe(&self.process);
        }
    }
}
