//! `update(model, message, now) -> effects`: the only place where the model changes.
//!
//! Owns: routing. Each view and overlay has its own file. Does no I/O, never awaits, reads no clock.

mod budget;
mod call;
mod composer;
mod confirm;
mod link;
mod lists;
mod overlay;
mod permission;
mod question;
mod stream;
mod trust;

use crossterm::event::KeyEvent;

use crate::control::{Answer, DispatchView, NoticeLevel};
use crate::domain::Failure;

use super::keymap::{Action, Key, resolve};
use super::model::{Exit, Model, Overlay, Stream, Toast, View};
use super::msg::{Effect, Msg, Purpose, Verb};
use super::views;

pub(crate) use stream::follow_command;

/// Takes one message; `now_ms` is Unix time in milliseconds.
pub(crate) fn update(model: &mut Model, msg: Msg, now_ms: i64) -> Vec<Effect> {
    model.now_ms = now_ms;
    fade_toast(model);
    match msg {
        Msg::Key(event) => key(model, event),
        Msg::Paste(text) => paste(model, &text),
        Msg::Resize { columns, rows } => resize(model, columns, rows),
        Msg::Tick => Vec::new(),
        Msg::Link(news) => link::update(model, news),
        Msg::Answered { purpose, result } => answered(model, &purpose, *result),
        Msg::Lines { dispatch_id, lines } => stream::lines(model, dispatch_id, &lines),
        Msg::FollowEnded {
            dispatch_id,
            result,
        } => stream::feed_ended(model, dispatch_id, result),
    }
}

fn fade_toast(model: &mut Model) {
    if let Toast::Shown { until_ms, .. } = model.toast
        && model.now_ms >= until_ms
    {
        model.toast = Toast::None;
    }
}

fn resize(model: &mut Model, columns: u16, rows: u16) -> Vec<Effect> {
    (model.columns, model.rows) = (columns, rows);
    if let Stream::Open(stream) = &mut model.stream {
        stream.set_width(views::stream_width(columns));
    }
    Vec::new()
}

fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    let Some(key) = Key::of(event) else {
        return Vec::new();
    };
    let action = resolve(&model.layers(), key);
    let leaves = matches!(action, Some(Action::Exit | Action::Close));
    if model.exit == Exit::Warned && !leaves {
        model.exit = Exit::Stay;
    }
    match action {
        Some(action) => act(model, action),
        None => {
            overlay::type_key(model, event);
            Vec::new()
        }
    }
}

fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    overlay::paste(model, text);
    Vec::new()
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Exit => exit(model),
        Action::Close => close(model),
        Action::Back => back(model),
        Action::Help => overlay::open(model, Overlay::Help { top: 0 }),
        Action::NextView => turn(model, 1),
        Action::PrevView => turn(model, View::ALL.len() - 1),
        Action::Jump(view) => show(model, view),
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::Top => step(model, isize::MIN),
        Action::Bottom => step(model, isize::MAX),
        Action::HalfUp => step(model, -half_page(model)),
        Action::HalfDown => step(model, half_page(model)),
        Action::PageUp => step(model, -2 * half_page(model)),
        Action::PageDown => step(model, 2 * half_page(model)),
        Action::Open => lists::open_selected(model),
        Action::Compose => match lists::ask_trust(model) {
            Some(effects) => effects,
            None => composer::open(model),
        },
        Action::Filter => overlay::open_filter(model),
        Action::Yank => yank(model),
        Action::Start => lists::receiver(model, Verb::Start),
        Action::Stop => lists::receiver(model, Verb::Stop),
        Action::Deploy => lists::receiver(model, Verb::Deploy),
        Action::CancelDispatch => lists::ask_cancel(model),
        Action::TopUp => budget::open_top_up(model),
        Action::ResetBudget => budget::ask_reset(model),
        Action::Trust => trust::open(model),
        Action::Prompt(action) => permission::act(model, action),
        Action::Question(action) => question::act(model, action),
        Action::Composer(action) => composer::act(model, action),
        Action::Confirm(action) => confirm::act(model, action),
        Action::Submit => overlay::submit(model),
    }
}

/// Leaves; a draft is not lost to a slip of one key.
fn exit(model: &mut Model) -> Vec<Effect> {
    let loses = !model.composer.is_blank();
    model.exit = match model.exit {
        Exit::Stay if loses => {
            model.say(
                NoticeLevel::Warning,
                "The composer holds a draft that would be lost: again quits, n shows it.",
            );
            Exit::Warned
        }
        Exit::Stay | Exit::Warned | Exit::Leave => Exit::Leave,
    };
    Vec::new()
}

fn close(model: &mut Model) -> Vec<Effect> {
    match model.view {
        View::Fleet => exit(model),
        View::Dispatches | View::Stream | View::Messages => back(model),
    }
}

/// One level back: the overlay, then the view, then the filter.
fn back(model: &mut Model) -> Vec<Effect> {
    if model.overlays.pop().is_some() {
        return Vec::new();
    }
    match model.view {
        View::Fleet => model.fleet.filter.clear(),
        View::Dispatches if !model.dispatches.filter.is_empty() => {
            model.dispatches.filter.clear();
        }
        View::Dispatches => lists::leave_dispatches(model),
        View::Stream => return show(model, View::Dispatches),
        View::Messages => return show(model, View::Fleet),
    }
    Vec::new()
}

fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    let all = View::ALL;
    let now = all.iter().position(|view| *view == model.view).unwrap_or(0);
    match all.get((now + by) % all.len()) {
        Some(view) => show(model, *view),
        None => Vec::new(),
    }
}

fn show(model: &mut Model, view: View) -> Vec<Effect> {
    model.view = view;
    Vec::new()
}

fn half_page(model: &Model) -> isize {
    isize::try_from(views::body_rows(model) / 2)
        .unwrap_or(1)
        .max(1)
}

/// Moves whatever is on top: a page above the view, or the view's list or text.
fn step(model: &mut Model, by: isize) -> Vec<Effect> {
    if overlay::scroll(model, by) {
        return Vec::new();
    }
    match model.view {
        View::Fleet => lists::step_peers(model, by),
        View::Dispatches => lists::step_dispatches(model, by),
        View::Stream => stream::scroll(model, by),
        View::Messages => {
            let most = model.notices().len().saturating_sub(1);
            let up = model.messages.up;
            // Down means towards the newest, which stands last.
            model.messages.up = up.saturating_add_signed(by.saturating_neg()).min(most);
        }
    }
    Vec::new()
}

fn yank(model: &mut Model) -> Vec<Effect> {
    let shown = match model.view {
        View::Stream => match &model.stream {
            Stream::Open(stream) => Some(stream.id()),
            Stream::Closed => None,
        },
        View::Dispatches => model.dispatch().map(|view| view.dispatch_id),
        View::Fleet | View::Messages => None,
    };
    let command = match shown {
        Some(id) => format!("fleet dispatches show {id}"),
        None if model.view == View::Dispatches => "fleet dispatches list".to_owned(),
        None => "fleet status".to_owned(),
    };
    model.say(NoticeLevel::Info, format!("Copied: {command}"));
    vec![Effect::Copy(command)]
}

fn answered(model: &mut Model, purpose: &Purpose, result: Result<Answer, Failure>) -> Vec<Effect> {
    match purpose {
        Purpose::Submit(id) => composer::submitted(model, *id, result),
        Purpose::Permission {
            dispatch_id,
            request_id,
            decision,
        } => {
            let word = result.map(|_| permission::word(*decision));
            permission::answered(model, *dispatch_id, request_id, word);
            Vec::new()
        }
        Purpose::Question {
            dispatch_id,
            request_id,
        } => {
            let word = result.map(|_| "The agent gets your answer.");
            permission::answered(model, *dispatch_id, request_id, word);
            Vec::new()
        }
        Purpose::Cancel(_) => done(model, result, "The cancellation is stored."),
        Purpose::TopUp { command_id, peer } => {
            budget::topped_up(model, (*command_id, peer), result);
            Vec::new()
        }
        Purpose::ResetBudget(peer) => {
            budget::was_reset(model, peer, result);
            Vec::new()
        }
        Purpose::Trust { hash } => {
            trust::answered(model, hash, result);
            Vec::new()
        }
        Purpose::TrustSettings(peer) => {
            let text = format!("{peer}: the agent settings of its repo are accepted.");
            done(model, result, &text)
        }
        Purpose::Receiver { verb, peer } => {
            let text = format!("{peer}: {} is done.", verb.word());
            done(model, result, &text)
        }
    }
}

/// A command whose answer is only that it was done.
fn done(model: &mut Model, result: Result<Answer, Failure>, text: &str) -> Vec<Effect> {
    match result {
        Ok(_) => model.say(NoticeLevel::Info, text),
        Err(failure) => model.complain(&failure),
    }
    Vec::new()
}

/// The dispatch of an answer, where it is one.
fn dispatch_of(answer: Answer) -> Option<DispatchView> {
    match answer {
        Answer::Dispatch(view) => Some(*view),
        Answer::Snapshot(_)
        | Answer::Dispatches(_)
        | Answer::Peers(_)
        | Answer::Status(_)
        | Answer::Budgets(_)
        | Answer::Audit(_)
        | Answer::Transcripts(_)
        | Answer::Lines(_)
        | Answer::Trust(_)
        | Answer::PeerTrust(_)
        | Answer::Notice(_)
        | Answer::Welcome(_)
        | Answer::Done
        | Answer::Failed(_) => None,
    }
}
