//! The loop: keys, news and frames.
//!
//! Owns: the terminal, the clock, and the order of things (signals, then keys, then a due frame, then data, so that no
//! amount of data delays a key). Does not own: any decision; `update` makes them.

use std::io::{self, Stdout};
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::control::Target;
use crate::domain::Failure;

use super::effects::{Ears, Runner};
use super::format;
use super::frames::{Frames, Urgency};
use super::model::{Exit, Link, Model, Stream, Toast};
use super::msg::{Effect, Msg};
use super::sweep::sweep;
use super::terminal::{self, TerminalGuard};
use super::theme::Theme;
use super::update::update;
use super::views;

/// Messages taken before the loop looks at the keys again.
const DATA_AT_A_TIME: usize = 16;
/// While something counts down or a toast stands.
const TICK: Duration = Duration::from_secs(1);
/// While nothing does: only ages change, and those are coarse.
const IDLE_TICK: Duration = Duration::from_secs(60);

type Screen = Terminal<CrosstermBackend<Stdout>>;

/// Opens the console on a fleet and returns when the person leaves it, or when the terminal goes away. Dispatches go on in
/// the daemon either way.
///
/// # Errors
/// A [`Failure`] of kind `usage` when there is no terminal, or when it cannot be drawn on.
pub async fn run(target: Target) -> Result<(), Failure> {
    let guard = TerminalGuard::enter()?;
    let signals = Signals::new().map_err(|error| terminal::broken(&error))?;
    let screen = Terminal::new(CrosstermBackend::new(io::stdout()))
        .map_err(|error| terminal::broken(&error))?;
    let theme = Theme::for_no_color(std::env::var_os("NO_COLOR").as_deref());
    let size = screen.size().map_err(|error| terminal::broken(&error))?;
    let model = Model::new(size.width, size.height, fleet_a2a::clock::now_ms());
    let mut console = Console {
        model,
        theme,
        screen,
        frames: Frames::new(Instant::now()),
    };
    // The first frame comes before anything is asked of the daemon.
    console.draw().map_err(|error| terminal::broken(&error))?;
    let (runner, ears) = Runner::start(target);
    let outcome = Box::pin(console.drive(runner, ears, signals)).await;
    drop(guard);
    let open = console.model.open_dispatches();
    if open > 0 {
        let what = format::count(open, "dispatch goes on", "dispatches go on");
        terminal::say_goodbye(&format!("{what} in the daemon; `fleet` shows them again."));
    }
    outcome.map_err(|error| terminal::broken(&error))
}

struct Console {
    model: Model,
    theme: Theme,
    screen: Screen,
    frames: Frames,
}

/// Whatever asks a program to end: then the terminal is given back first.
struct Signals {
    term: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Console {
    async fn drive(
        &mut self,
        mut runner: Runner,
        mut ears: Ears,
        mut signals: Signals,
    ) -> io::Result<()> {
        let mut keys = EventStream::new();
        while self.model.exit != Exit::Leave {
            let tick = tokio::time::sleep(tick_of(&self.model));
            tokio::select! {
                biased;
                () = signals.any() => return Ok(()),
                event = keys.next() => match event {
                    Some(Ok(event)) => self.event(event, &mut runner)?,
                    // The terminal is gone; that is a way to leave, not an error.
                    Some(Err(_)) | None => return Ok(()),
                },
                () = self.frames.due() => self.draw()?,
                changed = ears.link.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let news = ears.link.borrow_and_update().clone();
                    self.take(Msg::Link(news), Urgency::Data, &mut runner)?;
                }
                Some(msg) = ears.messages.recv() => {
                    self.take(msg, Urgency::Data, &mut runner)?;
                    for _ in 1..DATA_AT_A_TIME {
                        let Ok(msg) = ears.messages.try_recv() else { break };
                        self.take(msg, Urgency::Data, &mut runner)?;
                    }
                }
                () = tick => self.take(Msg::Tick, Urgency::Data, &mut runner)?,
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event, runner: &mut Runner) -> io::Result<()> {
        match event {
            Event::Key(key) => self.take(Msg::Key(key), Urgency::Key, runner),
            Event::Paste(text) => self.take(Msg::Paste(text), Urgency::Key, runner),
            Event::Resize(columns, rows) => {
                self.take(Msg::Resize { columns, rows }, Urgency::Key, runner)
            }
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) => Ok(()),
        }
    }

    fn take(&mut self, msg: Msg, urgency: Urgency, runner: &mut Runner) -> io::Result<()> {
        for effect in update(&mut self.model, msg, fleet_a2a::clock::now_ms()) {
            match effect {
                Effect::Call { purpose, command } => runner.call(purpose, command),
                Effect::Follow {
                    dispatch_id,
                    from_seq,
                } => runner.follow(dispatch_id, from_seq),
                Effect::Copy(text) => terminal::copy(&text)?,
            }
        }
        self.frames.ask(urgency, Instant::now());
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        if !terminal::is_ours() {
            return Err(io::Error::other("a part of the console failed, see above"));
        }
        let (model, theme) = (&self.model, self.theme);
        self.screen.draw(|frame| {
            views::draw(frame, model, theme);
            sweep(frame.buffer_mut());
        })?;
        self.frames.drawn(Instant::now());
        Ok(())
    }
}

/// How long nothing may happen before a figure on screen would be wrong.
fn tick_of(model: &Model) -> Duration {
    let live = matches!(&model.link, Link::Live(_)) && model.open_dispatches() > 0;
    let opened = matches!(&model.stream, Stream::Open(open) if !open.view.state.is_final());
    if live || opened || matches!(model.toast, Toast::Shown { .. }) {
        TICK
    } else {
        IDLE_TICK
    }
}
