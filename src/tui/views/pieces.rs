//! Pieces that several views share.
//!
//! Owns: padding, boxes, scrolled lists and budgets as text. Whatever comes in is safe text already.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use crate::control::{Amounts, BudgetView};
use crate::domain::{Failure, SafeText, grouped};
use crate::tui::format::Sign;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{clip, gauge, wrap};

/// Exactly `width` columns: clipped with a mark, or filled.
pub(super) fn pad(text: &str, width: usize) -> String {
    let mut out = clip(text, width);
    let used = out.width();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}

/// A span of a meaning.
pub(super) fn span(theme: Theme, role: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), theme.style(role))
}

/// Glyph and word of a state.
pub(super) fn sign_span(theme: Theme, sign: Sign, width: usize) -> Span<'static> {
    span(
        theme,
        sign.role,
        pad(&format!("{} {}", sign.glyph, sign.word), width),
    )
}

/// A line of one meaning.
pub(super) fn line(theme: Theme, role: Role, text: impl Into<String>) -> Line<'static> {
    Line::from(span(theme, role, text))
}

/// Text of any length as lines of a width.
pub(super) fn paragraph(
    theme: Theme,
    role: Role,
    text: &SafeText,
    width: u16,
) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for one in text.as_str().split('\n') {
        let one = one.replace('\t', "    ");
        for row in wrap(&one, width) {
            out.push(line(theme, role, &one[row]));
        }
    }
    out
}

/// What went wrong and what mends it.
pub(super) fn failure(theme: Theme, failure: &Failure, width: u16) -> Vec<Line<'static>> {
    let message = format!("✗ {}", failure.message);
    let mut out = paragraph(theme, Role::Bad, &SafeText::of(&message), width);
    if !failure.remedy.is_empty() {
        out.extend(paragraph(
            theme,
            Role::Text,
            &SafeText::of(&failure.remedy),
            width,
        ));
    }
    out
}

/// A titled box that hides what lies below; gives the inside.
pub(super) fn page(frame: &mut Frame<'_>, area: Rect, title: &str, theme: Theme) -> Rect {
    frame.render_widget(Clear, area);
    let block = Block::new()
        .borders(Borders::ALL)
        .border_style(theme.style(Role::Border))
        .title(span(theme, Role::Title, format!(" {title} ")));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// A title line above a pane; gives the rest.
pub(super) fn titled(frame: &mut Frame<'_>, area: Rect, title: &str, theme: Theme) -> Rect {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(theme.style(Role::Border))
        .title(span(theme, Role::Title, format!(" {title} ")));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// Lines from the top of an area; those that do not fit are not drawn.
pub(super) fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// How many there are, and how many of them fit on the screen when not all do.
pub(super) fn shown(all: usize, rows: usize) -> String {
    if all > rows {
        format!("{all}, {rows} shown")
    } else {
        all.to_string()
    }
}

/// A window on rows of which one is selected: it stays near the middle.
pub(super) fn window(count: usize, selected: usize, height: usize) -> std::ops::Range<usize> {
    let top = selected
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height));
    top..(top + height).min(count)
}

/// The selected row reversed as a whole.
pub(super) fn selectable(
    theme: Theme,
    line: Line<'static>,
    is_selected: Selected,
) -> Line<'static> {
    match is_selected {
        Selected::No => line,
        Selected::Yes => {
            let text: String = line.spans.iter().map(|s| s.content.as_ref()).collect();
            Line::styled(text, theme.style(Role::Selected))
        }
    }
}

/// Whether a row is under the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected {
    No,
    Yes,
}

impl Selected {
    pub(super) fn when(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// How full a budget is, in `cells` cells; the fullest figure counts.
pub(super) fn budget_gauge(budget: &BudgetView, cells: usize) -> String {
    let usd = &budget.cost_usd;
    let cost = Amounts {
        limit: usd.limit.map(micros),
        topped_up: micros(usd.topped_up),
        granted: micros(usd.granted),
        spent: micros(usd.spent),
        remaining: usd.remaining.map(micros),
    };
    let fullest = [budget.tokens, budget.turns, cost]
        .into_iter()
        .filter_map(|amount| {
            Some((
                taken(&amount),
                amount.limit?.saturating_add(amount.topped_up),
            ))
        })
        .max_by_key(|(taken, limit)| u128::from(*taken) * 1_000 / u128::from((*limit).max(1)));
    match fullest {
        Some((taken, limit)) => {
            let percent = u128::from(taken) * 100 / u128::from(limit.max(1));
            format!("{} {percent}%", gauge(taken, limit, cells))
        }
        None => "no limit".to_owned(),
    }
}

/// Money in millionths of a dollar; nonsense is zero.
fn micros(usd: f64) -> u64 {
    (usd.max(0.0) * 1e6) as u64
}

fn taken(amount: &Amounts<u64>) -> u64 {
    amount.spent.saturating_add(amount.granted)
}

/// One figure of a budget in words: `1,200 spent + 500 held of 5,000 tokens`.
pub(super) fn amount(amount: &Amounts<u64>, what: &str) -> String {
    let held = match amount.granted {
        0 => String::new(),
        held => format!(" + {} held", grouped(held)),
    };
    let spent = grouped(amount.spent);
    let more = match amount.topped_up {
        0 => String::new(),
        more => format!(" + {}", grouped(more)),
    };
    match amount.limit {
        Some(limit) => format!("{spent} spent{held} of {}{more} {what}", grouped(limit)),
        None => format!("{spent} {what} spent{held}, no limit"),
    }
}
