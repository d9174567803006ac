//! The composer: one row for what is short, more for what is long, most for what is being typed.
//!
//! Owns: its layout and the line that says what a field takes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::domain::SafeText;
use crate::tui::model::{Composer, FieldId, Known, Model, Phase};
use crate::tui::theme::{Role, Theme};

use super::pieces::{self, line, pad, span};

const LABEL: u16 = 19;
/// Rows below the fields: what the field takes, what is wrong, or what the daemon said.
const SAID_ROWS: u16 = 3;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let composer = &model.composer;
    let goes_on = !composer.context_id.is_blank();
    let title = if goes_on {
        "new dispatch, in the conversation below"
    } else {
        "new dispatch"
    };
    let inside = pieces::page(frame, area, title, theme);
    let known = Known::of(model.link.snapshot());
    let complaints = &composer.wrong;
    let [fields, said] =
        Layout::vertical([Constraint::Min(1), Constraint::Length(SAID_ROWS)]).areas(inside);
    let areas = Layout::vertical(heights(composer, fields.height)).split(fields);
    for (field, area) in FieldId::ALL.into_iter().zip(areas.iter()) {
        let wrong = complaints.iter().any(|said| said.field == field);
        draw_field(frame, *area, (composer, &known, field, wrong), theme);
    }
    let lines = self::said(composer, said.width, theme);
    pieces::lines(frame, said, lines);
}

/// The long fields share what the short ones leave; with little room only the one being typed gets more than a row.
fn heights(composer: &Composer, rows: u16) -> Vec<Constraint> {
    let is_long = |field| {
        matches!(
            field,
            FieldId::Instruction | FieldId::Context | FieldId::Expected
        )
    };
    let focused_long = is_long(composer.focus);
    FieldId::ALL
        .into_iter()
        .map(|field| match (is_long(field), field == composer.focus) {
            (true, true) => Constraint::Min(1),
            (true, false) if rows < 12 => Constraint::Length(1),
            (true, false) if focused_long => Constraint::Length(3),
            (true, false) => Constraint::Fill(1),
            (false, _) => Constraint::Length(1),
        })
        .collect()
}

fn draw_field(
    frame: &mut Frame<'_>,
    area: Rect,
    (composer, known, field, wrong): (&Composer, &Known, FieldId, bool),
    theme: Theme,
) {
    let [label, value] =
        Layout::horizontal([Constraint::Length(LABEL), Constraint::Min(1)]).areas(area);
    let focused = field == composer.focus;
    let arrow = if focused { "▸" } else { " " };
    let role = if focused { Role::Title } else { Role::Dim };
    // An instruction that was not begun is no mistake to point at yet.
    let untouched = field == FieldId::Instruction && composer.instruction.is_blank();
    let mark = if wrong && !untouched { "✗" } else { " " };
    let labelled = Line::from(vec![
        span(theme, role, format!("{arrow} {}", pad(field.label(), 15))),
        span(theme, Role::Bad, mark),
    ]);
    pieces::lines(frame, label, vec![labelled]);
    match composer.input(field) {
        None => pieces::lines(frame, value, vec![peer(composer, known, theme)]),
        Some(input) if input.text().is_empty() && !focused => {
            let text = default_of(field, known);
            pieces::lines(frame, value, vec![line(theme, Role::Dim, text)]);
        }
        Some(input) => frame.render_widget(input.area(), value),
    }
}

fn peer(composer: &Composer, known: &Known, theme: Theme) -> Line<'static> {
    let name = composer.peer.as_ref().map_or("–", |peer| peer.as_str());
    let others = known.peers.len();
    let hint = if others > 1 {
        format!("  ← → one of {others}")
    } else {
        String::new()
    };
    Line::from(vec![
        span(theme, Role::Title, name.to_owned()),
        span(theme, Role::Dim, hint),
    ])
}

/// What an empty field means.
fn default_of(field: FieldId, known: &Known) -> String {
    match field {
        FieldId::Peer => String::new(),
        FieldId::Instruction => "what to do".to_owned(),
        FieldId::Context | FieldId::Expected => "none".to_owned(),
        FieldId::ReplyTo => "console".to_owned(),
        FieldId::Deadline => known
            .default_deadline_s
            .map_or("the fleet's default".to_owned(), |s| s.to_string()),
        FieldId::ContextId => "a new one".to_owned(),
    }
}

/// What the daemon said, else what is wrong with the field, else what it takes.
fn said(composer: &Composer, width: u16, theme: Theme) -> Vec<Line<'static>> {
    match &composer.phase {
        Phase::Sending(_) => return vec![line(theme, Role::Busy, "◐ sending …")],
        Phase::Refused(failure) => return pieces::failure(theme, failure, width),
        Phase::Editing => {}
    }
    let untouched = composer.focus == FieldId::Instruction && composer.instruction.is_blank();
    match composer
        .wrong
        .iter()
        .find(|said| said.field == composer.focus)
    {
        Some(complaint) if !untouched => {
            let text = SafeText::of(&format!("✗ {}", complaint.text));
            pieces::paragraph(theme, Role::Bad, &text, width)
        }
        Some(_) | None => {
            let text = SafeText::of(composer.focus.purpose());
            pieces::paragraph(theme, Role::Dim, &text, width)
        }
    }
}
