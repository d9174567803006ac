//! Help for what lies below it.
//!
//! Owns: the layout. Every key comes from the keymap, so help cannot be wrong about one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::keymap::Layer;
use crate::tui::model::{Model, Overlay};
use crate::tui::theme::{Role, Theme};

use super::pieces::{self, line, pad, span};

const KEYS: usize = 29;

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
    let mut out = Vec::new();
    for layer in explained(model) {
        if layer.bindings().is_empty() {
            continue;
        }
        out.push(line(theme, Role::Title, layer.title()));
        for binding in layer.bindings() {
            out.push(Line::from(vec![
                span(
                    theme,
                    Role::Key,
                    pad(&format!("  {}", binding.labels()), KEYS),
                ),
                span(theme, Role::Text, binding.help),
            ]));
        }
    }
    out.push(line(theme, Role::Title, "Good to know"));
    for text in [
        "  A fleet.toml that is not accepted starts only echo peers: t asks.",
        "  Every view has a command: y copies it. `fleet --help` lists them.",
        "  Dispatches run in the daemon; closing the console ends none.",
    ] {
        out.push(line(theme, Role::Text, text));
    }
    out
}
