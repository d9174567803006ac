//! What the console does with keys, what it shows, and that nothing unsafe gets through.

mod budget;
mod handshake;
mod keys;
mod permission;
mod question;
mod safety;
mod samples;
mod screens;
mod trust;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::model::Model;
use super::msg::{Effect, Msg};
use super::sweep::sweep;
use super::theme::Theme;
use super::update::update;
use super::views;

/// 2026-03-01 12:00:00 UTC.
pub(super) const NOW_MS: i64 = 1_772_366_400_000;

/// Presses keys, one a character, named ones in angle brackets: `jj<enter><ctrl-s><alt-a>`.
pub(super) fn feed(model: &mut Model, keys: &str) -> Vec<Effect> {
    feed_at(model, keys, NOW_MS)
}

pub(super) fn feed_at(model: &mut Model, keys: &str, now_ms: i64) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let event = if c == '<' {
            let end = rest.find('>').expect("a named key ends with >");
            let name = &rest[1..end];
            rest = &rest[end + 1..];
            named(name)
        } else {
            rest = &rest[c.len_utf8()..];
            KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
        };
        effects.extend(update(model, Msg::Key(event), now_ms));
    }
    effects
}

fn named(name: &str) -> KeyEvent {
    let (mods, name) = match name.split_once('-') {
        Some(("ctrl", key)) => (KeyModifiers::CONTROL, key),
        Some(("alt", key)) => (KeyModifiers::ALT, key),
        Some(_) | None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "right" => KeyCode::Right,
        "left" => KeyCode::Left,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "f1" => KeyCode::F(1),
        "backspace" => KeyCode::Backspace,
        one => KeyCode::Char(one.chars().next().expect("a key has a name")),
    };
    KeyEvent::new(code, mods)
}

/// The finished frame, as the terminal would get it.
pub(super) fn frame(model: &Model, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a test backend");
    terminal
        .draw(|frame| {
            views::draw(frame, model, Theme::Ansi);
            sweep(frame.buffer_mut());
        })
        .expect("a test backend draws");
    terminal.backend().buffer().clone()
}

/// The same as text, one line a row, without trailing spaces.
pub(super) fn screen(model: &mut Model, columns: u16, rows: u16) -> String {
    update(model, Msg::Resize { columns, rows }, NOW_MS);
    text_of(&frame(model, columns, rows))
}

pub(super) fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width).map(|row| {
        let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}
