//! Header, status line and footer.
//!
//! Owns: who and where we are, who waits for a person, the toast, and the keys that matter now.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::control::NoticeLevel;
use crate::domain::SafeText;
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::{Link, Model, Overlay, Prompt, Stream, Toast, View};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{Input, clip};

use super::pieces::{self, line, span};

pub(super) fn header(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let badge = badge(model, theme);
    let right = u16::try_from(badge.width()).unwrap_or(0);
    let [left, badge_area] =
        Layout::horizontal([Constraint::Min(1), Constraint::Length(right)]).areas(area);
    let mut spans = identity(model, theme);
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(left.width).saturating_sub(used);
    spans.extend(tabs(model.view, room, theme));
    pieces::lines(frame, left, vec![Line::from(spans)]);
    pieces::lines(frame, badge_area, vec![badge]);
}

fn identity(model: &Model, theme: Theme) -> Vec<Span<'static>> {
    let name = match model.link.snapshot() {
        Some(all) => SafeText::line_of(&all.fleet),
        None => SafeText::line_of("fleet"),
    };
    let (role, text) = match &model.link {
        Link::Connecting => (Role::Busy, "◐ connecting"),
        Link::Refused(_) => (Role::Bad, "✗ no daemon"),
        Link::Live(_) => (Role::Good, "● connected"),
        Link::Lost(..) => (Role::Bad, "✗ lost"),
    };
    vec![
        span(theme, Role::Title, format!(" {} ", clip(name.as_str(), 16))),
        span(theme, role, format!("{text}  ")),
    ]
}

/// The views with their numbers; in little room only the present one has its name.
fn tabs(view: View, room: usize, theme: Theme) -> Vec<Span<'static>> {
    let all: usize = View::ALL.iter().map(|view| view.word().len() + 4).sum();
    let mut out = Vec::new();
    for (i, other) in View::ALL.into_iter().enumerate() {
        let number = i + 1;
        if other == view {
            let text = format!(" {number} {} ", other.word());
            out.push(span(theme, Role::Selected, text));
        } else if all <= room {
            out.push(span(
                theme,
                Role::Dim,
                format!(" {number} {} ", other.word()),
            ));
        } else {
            out.push(span(theme, Role::Dim, format!(" {number} ")));
        }
    }
    out
}

/// How many requests wait for a person, and how long the shown one still does.
fn badge(model: &Model, theme: Theme) -> Line<'static> {
    let Prompt::Open(open) = &model.prompt else {
        return Line::default();
    };
    let left = match open.expires_at_ms() {
        Some(at) => format!(" · {}", format::left(at, model.now_ms)),
        None => String::new(),
    };
    let waiting = model.waiting().max(1);
    let word = if waiting == 1 { "waits" } else { "wait" };
    line(theme, Role::Prompt, format!(" ! {waiting} {word}{left} "))
}

pub(super) fn status(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    match model.overlays.last() {
        Some(Overlay::Filter(input)) => return typed(frame, area, ("filter: ", input), theme),
        Some(Overlay::Reason { input, .. }) => {
            return typed(frame, area, ("deny, because: ", input), theme);
        }
        Some(Overlay::OwnWords { input, .. }) => {
            return typed(frame, area, ("answer: ", input), theme);
        }
        Some(Overlay::TopUp(draft)) => {
            let label = format!("more for {} (50000, 5 turns, $2.50): ", draft.peer);
            return typed(frame, area, (&label, &draft.input), theme);
        }
        Some(
            Overlay::Help { .. }
            | Overlay::Composer
            | Overlay::Confirm(_)
            | Overlay::Question { .. }
            | Overlay::Arguments { .. },
        )
        | None => {}
    }
    let width = usize::from(area.width);
    let shown = match (&model.toast, &model.link) {
        (Toast::Shown { text, level, .. }, _) => {
            let (role, glyph) = level_sign(*level);
            let text = format!(" {glyph} {}", text.safe_line());
            line(theme, role, fit(&text, width))
        }
        (Toast::None, Link::Lost(_, failure)) => {
            let text = format!(" ✗ {} {}", failure.message, failure.remedy);
            line(
                theme,
                Role::Bad,
                fit(SafeText::line_of(&text).as_str(), width),
            )
        }
        (Toast::None, Link::Connecting | Link::Refused(_) | Link::Live(_)) => Line::default(),
    };
    pieces::lines(frame, area, vec![shown]);
}

/// A sentence that does not fit says where the whole of it stands.
fn fit(text: &str, width: usize) -> String {
    const REST: &str = " (4: all)";
    if text.width() <= width {
        text.to_owned()
    } else {
        clip(text, width.saturating_sub(REST.len())) + REST
    }
}

/// Glyph and meaning of a notice.
pub(super) fn level_sign(level: NoticeLevel) -> (Role, &'static str) {
    match level {
        NoticeLevel::Info => (Role::Text, "·"),
        NoticeLevel::Warning => (Role::Warn, "▲"),
        NoticeLevel::Error => (Role::Bad, "✗"),
    }
}

fn typed(frame: &mut Frame<'_>, area: Rect, (label, input): (&str, &Input), theme: Theme) {
    let width = u16::try_from(label.width() + 1).unwrap_or(0);
    let [left, right] =
        Layout::horizontal([Constraint::Length(width), Constraint::Min(1)]).areas(area);
    pieces::lines(
        frame,
        left,
        vec![line(theme, Role::Key, format!(" {label}"))],
    );
    frame.render_widget(input.area(), right);
}

/// The keys that matter now, from the keymap; help comes first because it names all others.
pub(super) fn footer(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let layers = model.layers();
    let mut hinted: Vec<_> = layers
        .iter()
        .flat_map(|layer| layer.bindings())
        .filter(|binding| !binding.hint.is_empty() && is_of_use(model, binding.action))
        .collect();
    hinted.sort_by_key(|binding| binding.action != Action::Help);
    let mut spans = vec![Span::raw(" ")];
    let mut room = usize::from(area.width).saturating_sub(1);
    for binding in hinted {
        let key = binding
            .keys
            .first()
            .map_or(String::new(), |key| key.label());
        let hint = match (binding.action, model.view) {
            (Action::Close, View::Dispatches | View::Stream | View::Messages) => "back",
            (Action::Compose, View::Stream) if matches!(model.stream, Stream::Closed) => {
                "new dispatch"
            }
            (_, View::Fleet | View::Dispatches | View::Stream | View::Messages) => binding.hint,
        };
        let need = key.width() + hint.width() + 3;
        if need <= room {
            room -= need;
            spans.push(span(theme, Role::Key, key));
            spans.push(span(theme, Role::Dim, format!(" {hint}  ")));
        }
    }
    pieces::lines(frame, area, vec![Line::from(spans)]);
}

/// Whether the peer that is selected waits for a person's word about the agent settings of its repo.
fn changed_settings(model: &Model) -> bool {
    let told = model.peer().and_then(|peer| peer.handshake.as_ref());
    model.view == View::Fleet && told.is_some_and(|told| !told.settings_accepted)
}

/// A key that could only say why it does nothing is not advertised.
fn is_of_use(model: &Model, action: Action) -> bool {
    let shown = match (model.view, &model.stream) {
        (View::Stream, Stream::Open(stream)) => Some(&stream.view),
        (View::Dispatches, _) => model.dispatch(),
        (View::Stream, Stream::Closed) | (View::Fleet | View::Messages, _) => None,
    };
    let only_if = |about: Action, holds: bool| action != about || holds;
    let cancels = shown.is_some_and(|view| !view.state.is_final());
    let limited = model.peer().is_some_and(|peer| peer.budget.is_limited());
    let untrusted = model.link.snapshot();
    let untrusted = untrusted.is_some_and(|all| !all.trust.accepted) || changed_settings(model);
    only_if(Action::CancelDispatch, cancels)
        && only_if(Action::TopUp, limited)
        && only_if(Action::Trust, untrusted)
}
