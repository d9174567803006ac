//! Colours by meaning.
//!
//! Owns: the one table from meaning to style. Only the terminal's own sixteen colours, so light and dark themes both
//! work; with `NO_COLOR` bold, dim and reverse stand in. A state is never told by colour alone.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    Dim,
    Title,
    Good,
    Busy,
    Warn,
    Bad,
    Tool,
    Selected,
    Border,
    Prompt,
    Key,
}

/// Which table is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// The terminal's sixteen colours.
    Ansi,
    /// No colour at all.
    Mono,
}

impl Theme {
    /// The theme for an environment: `NO_COLOR` set to anything but the empty text means no colour.
    pub(crate) fn for_no_color(value: Option<&std::ffi::OsStr>) -> Self {
        match value {
            Some(text) if !text.is_empty() => Self::Mono,
            Some(_) | None => Self::Ansi,
        }
    }

    /// The style of a meaning.
    pub(crate) fn style(self, role: Role) -> Style {
        match self {
            Self::Ansi => ansi(role),
            Self::Mono => mono(role),
        }
    }
}

fn ansi(role: Role) -> Style {
    let plain = Style::new();
    match role {
        Role::Text => plain,
        Role::Dim | Role::Border => plain.fg(Color::DarkGray),
        Role::Title => plain.add_modifier(Modifier::BOLD),
        Role::Good => plain.fg(Color::Green),
        Role::Busy => plain.fg(Color::Cyan),
        Role::Warn => plain.fg(Color::Yellow),
        Role::Bad => plain.fg(Color::Red),
        Role::Tool => plain.fg(Color::Blue),
        Role::Selected => plain.add_modifier(Modifier::REVERSED),
        Role::Prompt => plain.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        Role::Key => plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
    }
}

fn mono(role: Role) -> Style {
    let plain = Style::new();
    match role {
        Role::Text | Role::Good | Role::Busy | Role::Tool | Role::Border => plain,
        Role::Dim => plain.add_modifier(Modifier::DIM),
        Role::Title | Role::Warn | Role::Bad | Role::Key => plain.add_modifier(Modifier::BOLD),
        Role::Selected | Role::Prompt => plain.add_modifier(Modifier::REVERSED),
    }
}
