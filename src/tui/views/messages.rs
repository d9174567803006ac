//! The messages: everything that was said above the footer, and the daemon's notices.
//!
//! Owns: showing them whole, newest last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::control::Notice;
use crate::domain::SafeText;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};

use super::chrome::level_sign;
use super::pieces::{self, line, pad, span};

/// Time, glyph and the spaces around them.
const HEAD: u16 = 12;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let notices = model.notices();
    let inside = pieces::titled(
        frame,
        area,
        &format!("messages ({}), times in UTC", notices.len()),
        theme,
    );
    if notices.is_empty() {
        let text = "Here stands what happened while you looked elsewhere. Nothing yet.";
        pieces::lines(frame, inside, vec![line(theme, Role::Dim, text)]);
        return;
    }
    let height = usize::from(inside.height);
    let last = notices.len().saturating_sub(model.messages.up);
    let mut rows: Vec<Line<'static>> = Vec::new();
    for notice in notices[..last].iter().rev() {
        let mut block = entry(notice, inside.width, theme);
        block.extend(rows);
        rows = block;
        if rows.len() >= height {
            break;
        }
    }
    let top = rows.len().saturating_sub(height);
    pieces::lines(frame, inside, rows.split_off(top));
}

fn entry(notice: &Notice, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let (role, glyph) = level_sign(notice.level);
    let time = notice.at.get(11..19).unwrap_or("");
    let about = notice
        .peer
        .as_ref()
        .map_or(String::new(), |peer| format!("{peer}: "));
    let text = SafeText::line_of(&format!("{about}{}", notice.text.raw()));
    let head = format!(" {time} {glyph} ");
    let room = width.saturating_sub(HEAD).max(1);
    let rows = pieces::paragraph(theme, role, &text, room);
    let indented = |(i, row): (usize, Line<'static>)| {
        let start = if i == 0 {
            head.clone()
        } else {
            pad("", usize::from(HEAD))
        };
        let mut spans = vec![span(theme, role, start)];
        spans.extend(row.spans);
        Line::from(spans)
    };
    rows.into_iter().enumerate().map(indented).collect()
}
