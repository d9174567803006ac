//! One dispatch: head, text, verdict.
//!
//! Owns: how each kind of line looks. The text is wrapped in the model already; only the visible rows are touched.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::control::DispatchView;
use crate::domain::{DispatchState, Reason, SafeText, Verification, grouped};
use crate::tui::format;
use crate::tui::model::{Feed, Ink, Model, Stream, StreamModel, Tail};
use crate::tui::theme::{Role, Theme};

use super::pieces::{self, line, pad, span};

/// State, figures, budget.
const HEAD_ROWS: usize = 3;
/// The line that says whether the end is followed.
const TAIL_ROWS: usize = 1;
/// Rows of the verdict, so that a long list of failed checks leaves room for the text.
const MAX_VERDICT_ROWS: usize = 6;
/// The mark before each row, and a free column behind it.
const MARK: u16 = 3;

/// What a row of text holds on a screen so wide.
pub(crate) fn stream_width(columns: u16) -> u16 {
    columns.saturating_sub(MARK)
}

/// Rows of text on the present screen.
pub(crate) fn stream_rows(model: &Model) -> usize {
    match &model.stream {
        Stream::Closed => 0,
        Stream::Open(stream) => {
            let verdict = verdict(&stream.view, model.columns, Theme::Mono).len();
            super::body_rows(model)
                .saturating_sub(HEAD_ROWS + TAIL_ROWS + verdict)
                .max(1)
        }
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Stream::Open(stream) = &model.stream else {
        let inside = pieces::titled(frame, area, "stream", theme);
        let text = "Here a dispatch is read as it runs, or as it ran. None was opened yet: \
                    2 lists them, enter opens one, n begins one.";
        let lines = pieces::paragraph(theme, Role::Dim, &SafeText::of(text), inside.width);
        pieces::lines(frame, inside, lines);
        return;
    };
    let verdict = verdict(&stream.view, area.width, theme);
    let rows = u16::try_from(verdict.len()).unwrap_or(0);
    let [head, text, verdict_area, tail] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(1),
        Constraint::Length(rows),
        Constraint::Length(1),
    ])
    .areas(area);
    pieces::lines(frame, head, self::head(model, stream, theme));
    let shown = visible(stream, usize::from(text.height), theme);
    let shown = if shown.is_empty() {
        nothing_yet(model, &stream.view, text.width, theme)
    } else {
        shown
    };
    pieces::lines(frame, text, shown);
    pieces::lines(frame, verdict_area, verdict);
    let tail_line = self::tail(stream, usize::from(text.height), theme);
    pieces::lines(frame, tail, vec![tail_line]);
}

fn head(model: &Model, stream: &StreamModel, theme: Theme) -> Vec<Line<'static>> {
    let view = &stream.view;
    let state = format::state(view.state);
    let first = Line::from(vec![
        span(theme, Role::Text, " "),
        span(theme, state.role, format!("{} {}", state.glyph, state.word)),
        span(theme, Role::Title, format!("  {}  ", view.peer)),
        span(theme, Role::Dim, view.dispatch_id.to_string()),
    ]);
    let time = if view.state.is_final() {
        format!("took {}", format::took(view.elapsed_ms))
    } else {
        let at = view.detail.deadline_at_ms;
        format!("deadline in {}", format::left(at, model.now_ms))
    };
    let spent = format::usage(&stream.usage, view.detail.granted_tokens);
    let turns = format::count(
        usize::try_from(stream.usage.turns).unwrap_or(usize::MAX),
        "turn",
        "turns",
    );
    let figures = format!(" {time} · {spent} · {turns}");
    let width = usize::from(model.columns);
    vec![
        first,
        line(theme, Role::Text, pad(&figures, width)),
        line(theme, Role::Dim, pad(&budget(model, view), width)),
    ]
}

fn budget(model: &Model, view: &DispatchView) -> String {
    let peers = model.link.snapshot().map_or(&[][..], |all| &all.peers);
    match peers.iter().find(|peer| peer.name == view.peer) {
        None => " budget unknown".to_owned(),
        Some(peer) => {
            let window = peer.budget.window.map_or("", |window| window.word());
            let gauge = pieces::budget_gauge(&peer.budget, 10);
            match peer.budget.tokens.limit {
                Some(_) => {
                    let tokens = pieces::amount(&peer.budget.tokens, "tokens");
                    format!(" budget {gauge} · {tokens} · {window}")
                }
                None => format!(" budget {gauge} {window}"),
            }
        }
    }
}

/// The rows in the window, and a word where something stands above that is not kept.
fn visible(stream: &StreamModel, height: usize, theme: Theme) -> Vec<Line<'static>> {
    let top = stream.top_row(height);
    let mut rows = stream
        .lines()
        .flat_map(|text| {
            let mut is_first = true;
            text.rows().map(move |row| {
                let mark = if std::mem::take(&mut is_first) {
                    mark(text.ink)
                } else {
                    ' '
                };
                (text.ink, mark, row)
            })
        })
        .skip(top)
        .take(height)
        .map(|(ink, mark, row)| line(theme, role(ink), format!(" {mark} {row}")))
        .collect::<Vec<_>>();
    if top == 0 && stream.dropped() > 0 {
        let text = format!(
            " … {} earlier lines: fleet transcripts show",
            grouped(stream.dropped())
        );
        if let Some(first) = rows.first_mut() {
            *first = line(theme, Role::Dim, text);
        }
    }
    rows
}

/// Before the first line, or where nothing was ever sent: what is asked, and what it waits for.
fn nothing_yet(model: &Model, view: &DispatchView, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let said = SafeText::of(&format!(" │ > {}", view.detail.instruction.raw()));
    let mut out = pieces::paragraph(theme, Role::Title, &said, width);
    let word = match view.state {
        DispatchState::Queued => "not sent yet",
        DispatchState::Sending => "being sent",
        DispatchState::Working | DispatchState::InputRequired => "no word yet",
        DispatchState::Completed
        | DispatchState::Failed
        | DispatchState::Rejected
        | DispatchState::Canceled
        | DispatchState::Expired
        | DispatchState::Unknown => "nothing came back",
    };
    out.push(line(theme, Role::Dim, format!(" · {word}")));
    let peers = model.link.snapshot().map_or(&[][..], |all| &all.peers);
    let peer = peers.iter().find(|peer| peer.name == view.peer);
    if let Some(peer) = peer.filter(|_| !view.state.is_final()) {
        let sign = format::health(peer.health);
        let reason = peer.reason.as_ref().map_or("", |reason| reason.raw());
        let text = format!(" {} {} is {}: {reason}", sign.glyph, peer.name, sign.word);
        let text = SafeText::line_of(text.trim_end_matches(": "));
        out.extend(pieces::paragraph(theme, sign.role, &text, width));
    }
    out
}

fn mark(ink: Ink) -> char {
    match ink {
        Ink::Instruction => '│',
        Ink::Reply => ' ',
        Ink::Thought => '~',
        Ink::Tool => '⚙',
        Ink::ToolResult => '└',
        Ink::ToolError => '✗',
        Ink::Ask => '?',
        Ink::Note => '·',
        Ink::Warning => '▲',
        Ink::Good | Ink::Bad => '─',
    }
}

fn role(ink: Ink) -> Role {
    match ink {
        Ink::Instruction => Role::Title,
        Ink::Reply => Role::Text,
        Ink::Thought | Ink::Note | Ink::ToolResult => Role::Dim,
        Ink::Tool => Role::Tool,
        Ink::Ask | Ink::Warning => Role::Warn,
        Ink::ToolError | Ink::Bad => Role::Bad,
        Ink::Good => Role::Good,
    }
}

/// How it ended: checks that failed, tools that were refused, what went wrong. Empty while it runs.
fn verdict(view: &DispatchView, width: u16, theme: Theme) -> Vec<Line<'static>> {
    if !view.state.is_final() {
        return Vec::new();
    }
    let mut out = vec![verdict_line(view, theme)];
    for check in &view.failed_checks {
        let text = SafeText::line_of(&format!("   failed check: {}", check.raw()));
        out.extend(pieces::paragraph(theme, Role::Bad, &text, width));
    }
    for refusal in &view.refused {
        let text = format!("   refused: {} {}", refusal.tool, refusal.arguments);
        let clipped = pad(SafeText::line_of(&text).as_str(), usize::from(width));
        out.push(line(theme, Role::Warn, clipped));
    }
    // Who canceled it knows why.
    let told = view
        .error
        .as_ref()
        .filter(|_| view.reason != Some(Reason::Canceled));
    if let Some(error) = told {
        out.extend(pieces::failure(theme, error, width));
    }
    if out.len() > MAX_VERDICT_ROWS {
        let more = out.len() - (MAX_VERDICT_ROWS - 1);
        out.truncate(MAX_VERDICT_ROWS - 1);
        let text = format!(
            "   … {more} more: fleet dispatches show {}",
            view.dispatch_id
        );
        out.push(line(theme, Role::Dim, text));
    }
    out
}

fn verdict_line(view: &DispatchView, theme: Theme) -> Line<'static> {
    let state = format::state(view.state);
    let mut spans = vec![span(
        theme,
        state.role,
        format!(" {} {}", state.glyph, state.word),
    )];
    if let Some(reason) = view.reason {
        spans.push(span(theme, Role::Text, format!(", {}", because(reason))));
    }
    match view.verification {
        Some(said @ (Verification::Verified | Verification::Rejected)) => {
            let said = format::verification(said);
            spans.push(span(theme, Role::Dim, " · checks: "));
            let said_so = format!("{} {}", said.glyph, said.word);
            spans.push(span(theme, said.role, said_so));
        }
        Some(Verification::Unverified) => {
            spans.push(span(
                theme,
                Role::Dim,
                " · unverified: there was nothing to check",
            ));
        }
        None => {}
    }
    if view.late {
        spans.push(span(theme, Role::Warn, " · the reply came late"));
    }
    Line::from(spans)
}

fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Canceled => "a person canceled it",
        Reason::Budget => "the grant was used up",
        Reason::Deadline => "the deadline passed",
        Reason::Interrupted => "the receiver was interrupted",
        Reason::AgentError => "the agent failed",
        Reason::Unauthenticated => "a login or token is missing",
        Reason::Untrusted => "its repo's settings are not accepted",
        Reason::Unreachable => "the peer could not be reached",
        Reason::Duplicate => "the peer is busy with this context",
        Reason::Resolved => "a person resolved it",
    }
}

/// Whether the end is followed; a person who scrolled must know that more came.
fn tail(stream: &StreamModel, height: usize, theme: Theme) -> Line<'static> {
    let below = stream.rows_below(height);
    match (&stream.feed, stream.tail) {
        (Feed::Broken(failure), _) => {
            let text = SafeText::line_of(&failure.message);
            line(
                theme,
                Role::Bad,
                format!(" ✗ the lines stopped coming: {text}"),
            )
        }
        (Feed::Live | Feed::Ended, Tail::Held { .. }) => {
            let rows = format::count(below, "row", "rows");
            line(
                theme,
                Role::Warn,
                format!(" ▼ not following, {rows} below: G follows again"),
            )
        }
        (Feed::Live, Tail::Following) => line(theme, Role::Dim, " following"),
        (Feed::Ended, Tail::Following) => line(theme, Role::Dim, " the end"),
    }
}
