//! The one sentence for a terminal in which nothing fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::{Paragraph, Wrap};

use crate::tui::theme::{Role, Theme};

use super::{MIN_COLUMNS, MIN_ROWS};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let (columns, rows) = (area.width, area.height);
    let text = format!(
        "too small: {columns}x{rows}, needs {MIN_COLUMNS}x{MIN_ROWS}. Enlarge the terminal; ctrl-c quits."
    );
    let line = Paragraph::new(text)
        .style(theme.style(Role::Warn))
        .wrap(Wrap { trim: true });
    frame.render_widget(line, area);
}
