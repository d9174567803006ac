//! Help for what lies below it.
//!
//! Owns: the layout. Every key comes from the keymap, so help cannot be wrong about one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::keymap::{Binding, Layer};
use crate::tui::model::{Model, Overlay};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::wrap;

use super::pieces::{self, line, pad, span};

/// Columns of the keys.
const KEYS: u16 = 29;
/// Columns of words beside them, at least; with fewer the words stand below.
const MIN_BESIDE: u16 = 24;
/// Of words that stand below.
const INDENT: u16 = 6;
/// Left and right.
const BORDERS: u16 = 2;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, (model, top): (&Model, usize), theme: Theme) {
    let all = lines(model, theme);
    let room = usize::from(area.height).saturating_sub(2);
    let title = match all.len().saturating_sub(top + room) {
        0 => "help · esc closes".to_owned(),
        below => format!("help · j k scroll, {below} more below · esc closes"),
    };
    let inside = pieces::page(frame, area, &title, theme);
    let shown = all.into_iter().skip(top);
    pieces::lines(
        frame,
        inside,
        shown.take(usize::from(inside.height)).collect(),
    );
}

/// How many rows it has.
pub(super) fn rows(model: &Model) -> usize {
    lines(model, Theme::Mono).len()
}

/// The layers below the help on top.
pub(super) fn explained(model: &Model) -> Vec<Layer> {
    let depth = model
        .overlays
        .iter()
        .position(|overlay| matches!(overlay, Overlay::Help { .. }))
        .unwrap_or(model.overlays.len());
    model.layers_below(depth)
}

fn lines(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let width = model.columns.saturating_sub(BORDERS);
    let mut out = Vec::new();
    for layer in explained(model) {
        if layer.bindings().is_empty() {
            continue;
        }
        out.push(line(theme, Role::Title, layer.title()));
        for binding in layer.bindings() {
            out.extend(told(binding, width, theme));
        }
    }
    out.push(line(theme, Role::Title, "Good to know"));
    for text in [
        "  A fleet.toml that is not accepted starts only echo peers: t asks.",
        "  Every view has a command: y copies it. `fleet --help` lists them.",
        "  Dispatches run in the daemon; closing the console ends none.",
    ] {
        for row in wrap(text, width) {
            out.push(line(theme, Role::Text, text[row].to_owned()));
        }
    }
    out
}

/// A key and what it does: beside each other, or below where there is no room.
fn told(binding: &Binding, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let keys = format!("  {}", binding.labels());
    let beside = width.saturating_sub(KEYS);
    let (first, indent, room) = if beside >= MIN_BESIDE {
        (pad(&keys, usize::from(KEYS)), KEYS, beside)
    } else {
        (keys, INDENT, width.saturating_sub(INDENT))
    };
    let mut key = vec![span(theme, Role::Key, first)];
    let mut out = Vec::new();
    if indent == INDENT {
        out.push(Line::from(std::mem::take(&mut key)));
    }
    for row in wrap(binding.help, room) {
        let gap = span(theme, Role::Text, " ".repeat(usize::from(indent)));
        let mut spans = std::mem::take(&mut key);
        if spans.is_empty() {
            spans.push(gap);
        }
        spans.push(span(theme, Role::Text, binding.help[row].to_owned()));
        out.push(Line::from(spans));
    }
    out
}
