//! The dialog before something that is hard to reverse.
//!
//! Owns: its words. It names the thing and the effect; the marked button is told by brackets too.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::domain::SafeText;
use crate::tui::format;
use crate::tui::model::{Button, Deed};
use crate::tui::theme::{Role, Theme};

use super::pieces::{self, span};

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    (deed, marked): (&Deed, Button),
    theme: Theme,
) {
    let width = area.width.saturating_sub(4).min(64);
    let text = pieces::paragraph(theme, Role::Text, &SafeText::of(&question(deed)), width - 2);
    let height = u16::try_from(text.len()).unwrap_or(3) + 4;
    let [column] = Layout::horizontal([Constraint::Length(width)])
        .flex(Flex::Center)
        .areas(area);
    let [place] = Layout::vertical([Constraint::Length(height.min(area.height))])
        .flex(Flex::Center)
        .areas(column);
    let inside = pieces::page(frame, place, title(deed), theme);
    let mut lines = text;
    lines.push(Line::default());
    lines.push(buttons(marked, theme));
    pieces::lines(frame, inside, lines);
}

fn title(deed: &Deed) -> &'static str {
    match deed {
        Deed::CancelDispatch { .. } => "Cancel the dispatch?",
        Deed::StopReceiver { .. } => "Stop the receiver?",
    }
}

fn question(deed: &Deed) -> String {
    match deed {
        Deed::CancelDispatch { dispatch_id, peer } => format!(
            "Dispatch {dispatch_id} to {peer} ends now. The text so far is kept; what the agent \
             did to its repo stays."
        ),
        Deed::StopReceiver { peer, in_flight: 0 } => {
            format!("The receiver of {peer} stops. Nothing runs on it; it starts again on demand.")
        }
        Deed::StopReceiver { peer, in_flight } => {
            let open = usize::try_from(*in_flight).unwrap_or(usize::MAX);
            let what = format::count(open, "dispatch", "dispatches");
            format!(
                "The receiver of {peer} stops. It has {what} in flight: each gets a grace period \
                 and is then interrupted."
            )
        }
    }
}

fn buttons(marked: Button, theme: Theme) -> Line<'static> {
    let button = |button: Button, word: &str| {
        if button == marked {
            span(theme, Role::Selected, format!("[ {word} ]"))
        } else {
            span(theme, Role::Text, format!("  {word}  "))
        }
    };
    Line::from(vec![
        button(Button::No, "No"),
        Span::raw("   "),
        button(Button::Yes, "Yes"),
    ])
}
