//! What lies above the views: pages that scroll, and lines that are typed.
//!
//! Owns: help, arguments, filter, the reason of a denial and own words as an answer. The composer and the dialog have files of their own.

use crossterm::event::KeyEvent;

use crate::tui::model::{Model, Overlay, View};
use crate::tui::msg::Effect;
use crate::tui::views;
use crate::tui::widgets::{Input, Lines};

use super::{budget, composer, permission, question};

pub(super) fn open(model: &mut Model, overlay: Overlay) -> Vec<Effect> {
    model.overlays.push(overlay);
    Vec::new()
}

/// Opens the filter of the list; views without a list have no key for it.
pub(super) fn open_filter(model: &mut Model) -> Vec<Effect> {
    let now = match model.view {
        View::Fleet => &model.fleet.filter,
        View::Dispatches => &model.dispatches.filter,
        View::Stream | View::Messages => return Vec::new(),
    };
    let mut input = Input::with(Lines::One, now);
    input.focus(true);
    open(model, Overlay::Filter(Box::new(input)))
}

/// Enter in a line: the filter stays, the reason goes to the agent.
pub(super) fn submit(model: &mut Model) -> Vec<Effect> {
    match model.overlays.pop() {
        Some(Overlay::Reason {
            input,
            dispatch_id,
            request_id,
        }) => permission::deny_with(model, (dispatch_id, &request_id), input.text()),
        Some(Overlay::OwnWords {
            input,
            dispatch_id,
            request_id,
        }) => question::say(model, (dispatch_id, &request_id), &input.text()),
        Some(Overlay::Filter(input)) => {
            apply_filter(model, &input);
            Vec::new()
        }
        Some(Overlay::TopUp(draft)) => budget::submit(model, *draft),
        Some(
            Overlay::Help { .. }
            | Overlay::Composer
            | Overlay::Confirm(_)
            | Overlay::Question { .. }
            | Overlay::Arguments { .. },
        )
        | None => Vec::new(),
    }
}

fn apply_filter(model: &mut Model, input: &Input) {
    let text = input.text().trim().to_lowercase();
    match model.view {
        View::Fleet => model.fleet.filter = text,
        View::Dispatches => model.dispatches.filter = text,
        View::Stream | View::Messages => {}
    }
}

/// A key that means nothing in the keymap is typed, where one can type.
pub(super) fn type_key(model: &mut Model, event: KeyEvent) {
    match model.overlays.last_mut() {
        Some(Overlay::Composer) => composer::type_key(model, event),
        Some(Overlay::Filter(input)) => {
            input.key(event);
            let input = (**input).clone();
            apply_filter(model, &input);
        }
        Some(Overlay::Reason { input, .. } | Overlay::OwnWords { input, .. }) => {
            input.key(event);
        }
        Some(Overlay::TopUp(draft)) => {
            draft.input.key(event);
        }
        Some(
            Overlay::Help { .. }
            | Overlay::Confirm(_)
            | Overlay::Question { .. }
            | Overlay::Arguments { .. },
        )
        | None => {}
    }
}

/// Pasted text, where one can type.
pub(super) fn paste(model: &mut Model, text: &str) {
    match model.overlays.last_mut() {
        Some(Overlay::Composer) => composer::paste(model, text),
        Some(
            Overlay::Filter(input)
            | Overlay::Reason { input, .. }
            | Overlay::OwnWords { input, .. },
        ) => {
            input.paste(text);
        }
        Some(Overlay::TopUp(draft)) => {
            draft.input.paste(text);
        }
        Some(
            Overlay::Help { .. }
            | Overlay::Confirm(_)
            | Overlay::Question { .. }
            | Overlay::Arguments { .. },
        )
        | None => {}
    }
}

/// Scrolls the page on top, or moves in the question; says whether there is one.
pub(super) fn scroll(model: &mut Model, by: isize) -> bool {
    let most = views::page_last_top(model);
    match model.overlays.last_mut() {
        Some(Overlay::Help { top } | Overlay::Arguments { top }) => {
            *top = top.saturating_add_signed(by).min(most);
            true
        }
        Some(Overlay::Question { .. }) => {
            question::move_by(model, by);
            true
        }
        Some(Overlay::Confirm(question)) => {
            question.top = question.top.saturating_add_signed(by).min(most);
            true
        }
        Some(
            Overlay::Composer
            | Overlay::Filter(_)
            | Overlay::OwnWords { .. }
            | Overlay::Reason { .. }
            | Overlay::TopUp(_),
        )
        | None => false,
    }
}
