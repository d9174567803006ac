//! The dispatches, newest first.
//!
//! Owns: the columns, and what an empty list says.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::control::{DispatchView, SNAPSHOT_DISPATCHES};
use crate::domain::{SafeText, grouped};
use crate::tui::format;
use crate::tui::model::{Model, Whose};
use crate::tui::theme::{Role, Theme};

use super::pieces::{self, Selected, line, pad, span};

const STATE: usize = 17;
const PEER: usize = 13;
const CHECKS: usize = 13;
const AGE: usize = 5;
const TOKENS: usize = 10;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let shown = model.listed();
    let inside = pieces::titled(frame, area, &title(model, shown.len(), area.height), theme);
    if shown.is_empty() {
        pieces::lines(frame, inside, empty(model, inside.width, theme));
        return;
    }
    let ids: Vec<_> = shown.iter().map(|view| &view.dispatch_id).collect();
    let selected = model.dispatches.cursor.index(&ids).unwrap_or(0);
    let width = usize::from(inside.width);
    let height = usize::from(inside.height).saturating_sub(1);
    let mut rows = vec![line(theme, Role::Dim, heading(width))];
    for at in pieces::window(shown.len(), selected, height) {
        if let Some(view) = shown.get(at) {
            let row = row(theme, (view, model.now_ms), width);
            rows.push(pieces::selectable(
                theme,
                row,
                Selected::when(at == selected),
            ));
        }
    }
    pieces::lines(frame, inside, rows);
}

fn title(model: &Model, count: usize, height: u16) -> String {
    let mut title = match &model.whose {
        Whose::Everybody => "dispatches".to_owned(),
        Whose::One(peer) => format!("dispatches of {peer}"),
    };
    if !model.dispatches.filter.is_empty() {
        let filter = SafeText::line_of(&model.dispatches.filter);
        title.push_str(&format!(" with {:?}", filter.as_str()));
    }
    // A title and a heading stand above the rows.
    let count = pieces::shown(count, usize::from(height).saturating_sub(2));
    title.push_str(&format!(" ({count})"));
    let all = model.link.snapshot().map_or(0, |all| all.dispatches.len());
    if all >= SNAPSHOT_DISPATCHES {
        title.push_str(", older ones: fleet dispatches list");
    }
    title
}

fn empty(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let text = if model.dispatches.filter.is_empty() {
        "A dispatch is work sent to a peer. There is none yet: n begins one, or run\n\n\
         fleet send PEER TEXT"
    } else {
        "No dispatch fits the filter; esc clears it."
    };
    pieces::paragraph(theme, Role::Dim, &SafeText::of(text), width)
}

/// Columns that are given up first: tokens, then the checks.
fn optional(width: usize) -> (usize, usize) {
    match width {
        0..56 => (0, 0),
        56..70 => (CHECKS, 0),
        70.. => (CHECKS, TOKENS),
    }
}

fn heading(width: usize) -> String {
    let (checks, tokens) = optional(width);
    [
        pad(" state", STATE + 1),
        pad("peer", PEER),
        pad("checks", checks),
        pad("age", AGE),
        pad("tokens", tokens),
        "instruction".to_owned(),
    ]
    .concat()
}

fn row(theme: Theme, (view, now_ms): (&DispatchView, i64), width: usize) -> Line<'static> {
    let (checks, tokens) = optional(width);
    let rest = width.saturating_sub(STATE + 1 + PEER + checks + AGE + tokens);
    let age = format::at_ms(&view.detail.accepted_at)
        .map_or_else(String::new, |at| format::age(at, now_ms));
    let used = grouped(view.usage.counted_tokens());
    let used = if view.usage.estimated {
        format!("~{used}")
    } else {
        used
    };
    let first = view.detail.instruction.raw().lines().next().unwrap_or("");
    let checked = match view.verification {
        Some(said) => pieces::sign_span(theme, format::verification(said), checks),
        None => span(theme, Role::Dim, pad("–", checks)),
    };
    Line::from(vec![
        span(theme, Role::Text, " "),
        pieces::sign_span(theme, format::state(view.state), STATE),
        span(theme, Role::Text, pad(view.peer.as_str(), PEER)),
        checked,
        span(theme, Role::Dim, pad(&age, AGE)),
        span(theme, Role::Dim, pad(&used, tokens)),
        span(
            theme,
            Role::Text,
            pad(SafeText::line_of(first).as_str(), rest),
        ),
    ])
}
