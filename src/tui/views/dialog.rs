//! The dialog that asks yes or no.
//!
//! Owns: its words. It names the thing and the effect, lists what there is to read, and tells the marked button by brackets
//! too. What does not fit scrolls; the buttons stay.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::domain::SafeText;
use crate::tui::format;
use crate::tui::model::{Button, Deed, Model, Question};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::wrap;

use super::pieces::{self, line, span};

/// Widest dialog that only asks, in columns: longer lines are hard to read.
const ASKS: u16 = 64;
/// Widest dialog that lists something: command lines are long.
const LISTS: u16 = 110;
/// The border, and the row of buttons with a blank one above it.
const FRAME_ROWS: u16 = 4;
/// In front of what is listed.
const BULLET: &str = "· ";

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, question: &Question, theme: Theme) {
    let width = width(area.width, &question.deed);
    let said = said(&question.deed, width - 2, theme);
    let height = u16::try_from(said.len()).unwrap_or(u16::MAX);
    let height = height.saturating_add(FRAME_ROWS).min(area.height);
    let [column] = Layout::horizontal([Constraint::Length(width)])
        .flex(Flex::Center)
        .areas(area);
    let [place] = Layout::vertical([Constraint::Length(height)])
        .flex(Flex::Center)
        .areas(column);
    let inside = pieces::page(frame, place, title(&question.deed), theme);
    let room = usize::from(inside.height).saturating_sub(2);
    let below = said.len().saturating_sub(question.top + room);
    let mut lines: Vec<_> = said.into_iter().skip(question.top).take(room).collect();
    lines.push(Line::default());
    lines.push(buttons(question.marked, below, theme));
    pieces::lines(frame, inside, lines);
}

/// The last first row, so that scrolling ends with the end.
pub(super) fn last_top(model: &Model, question: &Question) -> usize {
    let width = width(model.columns, &question.deed);
    let rows = said(&question.deed, width.saturating_sub(2), Theme::Mono).len();
    let room = super::body_rows(model).saturating_sub(usize::from(FRAME_ROWS));
    rows.saturating_sub(room)
}

fn width(columns: u16, deed: &Deed) -> u16 {
    let widest = if deed.listed().is_empty() {
        ASKS
    } else {
        LISTS
    };
    columns.saturating_sub(4).min(widest)
}

/// Everything there is to read.
fn said(deed: &Deed, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut out = pieces::paragraph(theme, Role::Text, &SafeText::of(&question(deed)), width);
    for listed in deed.listed() {
        let text = listed.safe_line();
        let rows = wrap(text.as_str(), width.saturating_sub(2));
        for (row, range) in rows.into_iter().enumerate() {
            let bullet = if row == 0 { BULLET } else { "  " };
            out.push(Line::from(vec![
                span(theme, Role::Prompt, bullet),
                span(theme, Role::Text, &text.as_str()[range]),
            ]));
        }
    }
    if !deed.listed().is_empty() {
        out.push(line(theme, Role::Dim, "That is all."));
    }
    out
}

fn title(deed: &Deed) -> &'static str {
    match deed {
        Deed::CancelDispatch { .. } => "Cancel the dispatch?",
        Deed::StopReceiver { .. } => "Stop the receiver?",
        Deed::ResetBudget { .. } => "Reset the budget?",
        Deed::AcceptFile(_) => "Accept this fleet.toml?",
        Deed::TrustSettings { .. } => "Accept the agent settings?",
    }
}

fn question(deed: &Deed) -> String {
    match deed {
        Deed::CancelDispatch { dispatch_id, peer } => format!(
            "Dispatch {dispatch_id} to {peer} ends now. The text so far is kept; what the agent \
             did to its repo stays."
        ),
        Deed::TrustSettings { peer, reason, .. } => format!(
            "{}\nThey can run commands and widen what {peer} may do; until they are accepted none of its turns begins. Read \
             them first with: fleet trust {peer}",
            reason.raw()
        ),
        Deed::StopReceiver { peer, in_flight: 0 } => {
            format!("The receiver of {peer} stops. Nothing runs on it; it starts again on demand.")
        }
        Deed::StopReceiver { peer, in_flight } => {
            let open = usize::try_from(*in_flight).unwrap_or(usize::MAX);
            let what = format::count(open, "dispatch", "dispatches");
            format!(
                "The receiver of {peer} stops. It has {what} in flight: each gets a grace period \
                 and is then interrupted."
            )
        }
        Deed::ResetBudget { peer, .. } => format!(
            "What {peer} has spent in this window counts from zero, so that it may spend all of its \
             budget again. What open dispatches hold stays held. It cannot be undone."
        ),
        Deed::AcceptFile(trust) => format!(
            "{} was found here and may have come with a repo. Accepted, it would:",
            trust.config
        ),
    }
}

/// The buttons, and how much there is still to read.
fn buttons(marked: Button, below: usize, theme: Theme) -> Line<'static> {
    let button = |button: Button, word: &str| {
        if button == marked {
            span(theme, Role::Selected, format!("[ {word} ]"))
        } else {
            span(theme, Role::Text, format!("  {word}  "))
        }
    };
    let mut spans = vec![
        button(Button::No, "No"),
        Span::raw("   "),
        button(Button::Yes, "Yes"),
    ];
    if below > 0 {
        spans.push(span(theme, Role::Warn, format!("   j: {below} more")));
    }
    Line::from(spans)
}
