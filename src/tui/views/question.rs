//! The questions of an agent, in the rows of the permission prompt.
//!
//! Owns: how a question and its options look, and which rows are shown where not all fit. Every row stands behind a bar, so
//! that a question cannot pose as ours; numbers and marks are drawn by us.

use fleet_a2a::ext::{Question, QuestionOption};
use ratatui::text::{Line, Span};

use crate::domain::SafeText;
use crate::tui::keymap::Layer;
use crate::tui::model::{Model, OpenPrompt};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::wrap;

use super::permission::BAR;
use super::pieces::span;

/// Rows of text, and which of them are under the cursor.
struct Rows {
    all: Vec<Vec<Span<'static>>>,
    cursor: std::ops::Range<usize>,
}

/// How many rows the question takes.
pub(super) fn rows(model: &Model, open: &OpenPrompt, width: u16) -> usize {
    lay(model, open, width, Theme::Mono).all.len()
}

/// The rows between title and keys, as many as there is room for. With the keys on it the cursor stays in sight.
pub(super) fn lines(
    model: &Model,
    open: &OpenPrompt,
    (width, room): (u16, usize),
    theme: Theme,
) -> Vec<Line<'static>> {
    let rows = lay(model, open, width, theme);
    let total = rows.all.len();
    let top = if model.answers() {
        // Of the first option the first row is enough, so that the question before it is read.
        let end = match open.answering.cursor() {
            0 => rows.cursor.start + 1,
            _ => rows.cursor.end,
        };
        end.saturating_sub(room).min(rows.cursor.start)
    } else {
        0
    };
    let shown = rows.all.into_iter().enumerate().skip(top).take(room);
    shown
        .map(|(at, row)| {
            let more_above = at == top && top > 0;
            let more_below = at + 1 == top + room && at + 1 < total;
            let bar = match (more_above, more_below) {
                (true, _) => " ┃↑",
                (false, true) => " ┃↓",
                (false, false) => " ┃ ",
            };
            let mut spans = vec![span(theme, Role::Prompt, bar)];
            spans.extend(row);
            Line::from(spans)
        })
        .collect()
}

/// What the title says after the peer's name.
pub(super) fn title(open: &OpenPrompt) -> String {
    let count = open.request.questions.len();
    if count > 1 {
        format!("asks you {} of {count}", open.answering.at() + 1)
    } else {
        "asks you".to_owned()
    }
}

/// The keys that matter.
pub(super) fn keys(model: &Model, open: &OpenPrompt) -> Vec<(&'static str, &'static str)> {
    let types = model.layers().contains(&Layer::AskedWhileTyping);
    if model.answers() && types {
        return vec![
            ("enter", "take your words"),
            ("esc", "drop them"),
            ("alt-d", "deny"),
        ];
    }
    if !model.answers() {
        return if types {
            vec![
                ("alt-a", "answer"),
                ("alt-d", "deny"),
                ("alt-v", "all of it"),
            ]
        } else {
            vec![
                ("a", "answer"),
                ("d", "deny"),
                ("r", "deny with a reason"),
                ("v", "all of it"),
            ]
        };
    }
    let question = open.answering.question(&open.request.questions);
    let several = question.is_some_and(|question| question.multi_select);
    let mut keys = if several {
        vec![("space", "mark"), ("enter", "take")]
    } else {
        vec![("enter", "choose")]
    };
    keys.extend([("o", "own words"), ("d", "deny"), ("esc", "later")]);
    if open.answering.at() > 0 {
        keys.push(("b", "back"));
    }
    keys
}

fn lay(model: &Model, open: &OpenPrompt, width: u16, theme: Theme) -> Rows {
    let width = width.saturating_sub(BAR);
    let mut rows = Rows {
        all: Vec::new(),
        cursor: 0..0,
    };
    let Some(question) = open.answering.question(&open.request.questions) else {
        return rows;
    };
    asked(&mut rows, question, width, theme);
    let cursor = if model.answers() {
        open.answering.cursor()
    } else {
        usize::MAX
    };
    for (n, option) in question.options.iter().enumerate() {
        let mark = match (question.multi_select, open.answering.is_marked(n)) {
            (true, true) => "[x] ",
            (true, false) => "[ ] ",
            (false, _) => "",
        };
        let prefix = format!("{} {mark}", n + 1);
        offered(
            &mut rows,
            (&prefix, &words(option)),
            (width, cursor == n),
            theme,
        );
    }
    let own = cursor == question.options.len();
    if model.answers() {
        offered(&mut rows, ("o ", "your own words"), (width, own), theme);
    }
    rows
}

fn asked(rows: &mut Rows, question: &Question, width: u16, theme: Theme) {
    let header = SafeText::line_of(&question.header);
    let text = match header.as_str() {
        "" => question.question.clone(),
        header => format!("{header}: {}", question.question),
    };
    let safe = SafeText::of(&text);
    for one in safe.as_str().split('\n') {
        let one = one.replace('\t', "    ");
        for row in wrap(&one, width) {
            rows.all.push(vec![span(theme, Role::Title, &one[row])]);
        }
    }
}

/// One line each: an option with line ends could pose as several.
fn words(option: &QuestionOption) -> String {
    let label = SafeText::line_of(&option.label);
    match option.description.as_str() {
        "" => label.as_str().to_owned(),
        text => format!("{}: {}", label.as_str(), SafeText::line_of(text).as_str()),
    }
}

/// One option; behind its number all of it, row below row.
fn offered(
    rows: &mut Rows,
    (prefix, text): (&str, &str),
    (width, at_cursor): (u16, bool),
    theme: Theme,
) {
    let pointer = if at_cursor { "▸ " } else { "  " };
    let prefix = format!("{pointer}{prefix}");
    let indent = prefix.chars().count();
    let room = width.saturating_sub(u16::try_from(indent).unwrap_or(u16::MAX));
    let text = text.replace('\t', "    ");
    let start = rows.all.len();
    for (n, row) in wrap(&text, room).into_iter().enumerate() {
        let before = if n == 0 {
            span(theme, Role::Key, prefix.clone())
        } else {
            Span::raw(" ".repeat(indent))
        };
        let role = if at_cursor {
            Role::Selected
        } else {
            Role::Text
        };
        rows.all.push(vec![before, span(theme, role, &text[row])]);
    }
    if at_cursor {
        rows.cursor = start..rows.all.len();
    }
}
