//! The one line for a terminal in which nothing fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use crate::tui::theme::{Role, Theme};

use super::{MIN_COLUMNS, MIN_ROWS};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let text = format!("terminal too small: needs {MIN_COLUMNS}x{MIN_ROWS}");
    let line = Paragraph::new(text).style(theme.style(Role::Warn));
    frame.render_widget(line, area);
}
