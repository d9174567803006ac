//! `(model, theme) -> frame`.
//!
//! Owns: the layout. Every area is cut out before anything is drawn, and ratatui clips to it, so that no text of a peer can
//! paint over the header, the permission prompt or the footer.

mod chrome;
mod composer;
mod dialog;
mod dispatches;
mod fleet;
mod help;
mod messages;
mod peer;
mod permission;
mod pieces;
mod question;
mod stream;
mod too_small;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::model::{Model, Overlay, Prompt, View};
use super::theme::Theme;

pub(crate) use stream::{stream_rows, stream_width};

/// Below this nothing useful fits.
pub(crate) const MIN_COLUMNS: u16 = 40;
pub(crate) const MIN_ROWS: u16 = 10;
/// From here on the detail stands beside the list, else below it.
pub(crate) const TWO_PANES: u16 = 84;
/// Header, status line and footer.
const CHROME_ROWS: u16 = 3;

/// The areas of a screen, from top to bottom.
struct Areas {
    header: Rect,
    body: Rect,
    prompt: Rect,
    status: Rect,
    footer: Rect,
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let screen = frame.area();
    if screen.width < MIN_COLUMNS || screen.height < MIN_ROWS {
        too_small::draw(frame, screen, theme);
        return;
    }
    let areas = areas(screen, model);
    chrome::header(frame, areas.header, model, theme);
    body(frame, areas.body, model, theme);
    permission::draw(frame, areas.prompt, model, theme);
    chrome::status(frame, areas.status, model, theme);
    chrome::footer(frame, areas.footer, model, theme);
}

fn areas(screen: Rect, model: &Model) -> Areas {
    let [header, body, prompt, status, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(prompt_rows(screen.height, model)),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(screen);
    Areas {
        header,
        body,
        prompt,
        status,
        footer,
    }
}

fn prompt_rows(screen_rows: u16, model: &Model) -> u16 {
    let usual = match screen_rows {
        30.. => 9,
        20.. => 6,
        _ => 4,
    };
    match &model.prompt {
        Prompt::Closed { .. } => 0,
        // Whoever answers sees all of the question, as far as the screen goes.
        Prompt::Open(open) if model.answers() => {
            let rows = question::rows(model, open, model.columns) + 2;
            let most = screen_rows.saturating_sub(CHROME_ROWS + 1);
            u16::try_from(rows).unwrap_or(most).max(usual).min(most)
        }
        Prompt::Open(_) => usual,
    }
}

/// Rows of the middle.
pub(crate) fn body_rows(model: &Model) -> usize {
    let taken = CHROME_ROWS + prompt_rows(model.rows, model);
    usize::from(model.rows.saturating_sub(taken))
}

/// The last first row of the page on top, so that scrolling ends with its end.
pub(crate) fn page_last_top(model: &Model) -> usize {
    let rows = match model.overlays.last() {
        Some(Overlay::Help { .. }) => help::rows(model),
        Some(Overlay::Arguments { .. }) => permission::argument_rows(model, model.columns).len(),
        Some(Overlay::Confirm(question)) => return dialog::last_top(model, question),
        Some(
            Overlay::Composer
            | Overlay::Filter(_)
            | Overlay::Question { .. }
            | Overlay::OwnWords { .. }
            | Overlay::Reason { .. }
            | Overlay::TopUp(_),
        )
        | None => 0,
    };
    rows.saturating_sub(body_rows(model).saturating_sub(2))
}

fn body(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    match model.view {
        View::Fleet => self::fleet::draw(frame, area, model, theme),
        View::Dispatches => dispatches::draw(frame, area, model, theme),
        View::Stream => stream::draw(frame, area, model, theme),
        View::Messages => messages::draw(frame, area, model, theme),
    }
    for overlay in &model.overlays {
        match overlay {
            Overlay::Composer => composer::draw(frame, area, model, theme),
            Overlay::Confirm(question) => dialog::draw(frame, area, question, theme),
            Overlay::Help { top } => help::draw(frame, area, (model, *top), theme),
            Overlay::Arguments { top } => {
                permission::draw_arguments(frame, area, (model, *top), theme);
            }
            // These take the status line, and the last one the prompt.
            Overlay::Filter(_)
            | Overlay::Reason { .. }
            | Overlay::OwnWords { .. }
            | Overlay::TopUp(_)
            | Overlay::Question { .. } => {}
        }
    }
}
