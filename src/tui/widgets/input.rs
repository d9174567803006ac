//! A field one can type in.
//!
//! Owns: one `TextArea` with our defaults (soft wrap, no line marks, a cursor only with the focus). Does not own: what
//! the text means.

use ratatui::style::{Modifier, Style};
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

/// Undo steps a field keeps; more than a person goes back.
const MAX_UNDO: usize = 200;

/// How many lines a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    One,
    Many,
}

/// A field.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    area: TextArea<'static>,
    lines: Lines,
}

impl Input {
    /// An empty field.
    pub(crate) fn new(lines: Lines) -> Self {
        Self::with(lines, "")
    }

    /// A field that holds a text, the cursor behind it.
    pub(crate) fn with(lines: Lines, text: &str) -> Self {
        let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
        area.set_cursor_line_style(Style::new());
        area.set_max_histories(MAX_UNDO);
        area.set_wrap_mode(match lines {
            Lines::One => WrapMode::None,
            Lines::Many => WrapMode::WordOrGlyph,
        });
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        let mut input = Self { area, lines };
        input.focus(false);
        input
    }

    /// Shows or hides the cursor.
    pub(crate) fn focus(&mut self, focused: bool) {
        let style = if focused {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        };
        self.area.set_cursor_style(style);
    }

    /// Takes a key that means nothing else; says whether the text changed.
    pub(crate) fn key(&mut self, key: impl Into<ratatui_textarea::Input>) -> bool {
        self.area.input(key)
    }

    /// Takes pasted text. Terminals send line ends as carriage returns; a field of one line joins them by spaces.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        match self.lines {
            Lines::One => self.area.insert_str(text.replace('\n', " ")),
            Lines::Many => self.area.insert_str(text),
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether nothing but white space stands in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// What draws it.
    pub(crate) fn area(&self) -> &TextArea<'static> {
        &self.area
    }
}
