//! The fleet: every peer, and the selected one in detail.
//!
//! Owns: which columns stay when there is little room, and what an empty fleet says.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::control::{FleetSnapshot, PeerView, TrustView};
use crate::domain::{DispatchState, SafeText};
use crate::tui::format;
use crate::tui::model::{Link, Model};
use crate::tui::theme::{Role, Theme};

use super::TWO_PANES;
use super::pieces::{self, Selected, line, pad, span};

/// Rows of the detail below the list; without this much room beside it the list has all.
const DETAIL_ROWS: u16 = 10;
/// What it keeps of them when the list is long: health, budget, permissions.
const DETAIL_ROWS_LEAST: u16 = 7;
const NAME: usize = 15;
pub(super) const HEALTH: usize = 14;
const BUDGET: usize = 13;
const MODE: usize = 8;
const FLIGHT: usize = 10;
const LAST_LEAST: usize = 10;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Some(snapshot) = model.link.snapshot() else {
        without_snapshot(frame, area, &model.link, theme);
        return;
    };
    let area = trust(frame, area, &snapshot.trust, theme);
    if snapshot.peers.is_empty() {
        no_peers(frame, area, theme);
        return;
    }
    let (list, detail) = panes(area, model.peers().len());
    peers(frame, list, (model, snapshot), theme);
    if let (Some(peer), Some(detail)) = (model.peer(), detail) {
        super::peer::draw(frame, detail, (model, snapshot, peer), theme);
    }
}

fn panes(area: Rect, peers: usize) -> (Rect, Option<Rect>) {
    if area.width >= TWO_PANES {
        let [list, detail] =
            Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)])
                .spacing(1)
                .areas(area);
        (list, Some(detail))
    } else if area.height >= DETAIL_ROWS + 5 {
        // The detail gives rows to a list that has no room, a title and a heading above it.
        let wanted = u16::try_from(peers + 2).unwrap_or(u16::MAX);
        let rows = area.height.saturating_sub(wanted);
        let rows = rows.clamp(DETAIL_ROWS_LEAST, DETAIL_ROWS);
        let [list, detail] =
            Layout::vertical([Constraint::Min(5), Constraint::Length(rows)]).areas(area);
        (list, Some(detail))
    } else {
        (area, None)
    }
}

fn without_snapshot(frame: &mut Frame<'_>, area: Rect, link: &Link, theme: Theme) {
    let inside = pieces::titled(frame, area, "fleet", theme);
    let text = match link {
        Link::Refused(failure) => pieces::failure(theme, failure, inside.width),
        Link::Connecting | Link::Live(_) | Link::Lost(..) => {
            vec![line(theme, Role::Busy, "Connecting to the daemon…")]
        }
    };
    pieces::lines(frame, inside, text);
}

/// What an unaccepted fleet.toml means, above the list; gives the rest.
fn trust(frame: &mut Frame<'_>, area: Rect, trust: &TrustView, theme: Theme) -> Rect {
    if trust.accepted {
        return area;
    }
    let text = "▲ This fleet.toml was found here and is not accepted: only echo peers start, nothing \
                else is contacted. Press t to read what it would run, and to accept it.";
    let lines = pieces::paragraph(theme, Role::Warn, &SafeText::of(text), area.width);
    let rows = u16::try_from(lines.len()).unwrap_or(1).min(area.height / 2);
    let [above, rest] =
        Layout::vertical([Constraint::Length(rows), Constraint::Min(1)]).areas(area);
    pieces::lines(frame, above, lines);
    rest
}

fn no_peers(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let inside = pieces::titled(frame, area, "fleet", theme);
    let text = "A peer is an agent that takes work. This fleet.toml names none. Add one in a shell:\n\n\
                fleet peers add echo --mode echo\n\
                fleet peers add app --mode cc --repo DIR\n\nIt shows here at once.";
    let lines = pieces::paragraph(theme, Role::Text, &SafeText::of(text), inside.width);
    pieces::lines(frame, inside, lines);
}

fn peers(
    frame: &mut Frame<'_>,
    area: Rect,
    (model, snapshot): (&Model, &FleetSnapshot),
    theme: Theme,
) {
    let shown = model.peers();
    // A title and a heading stand above the rows.
    let count = pieces::shown(shown.len(), usize::from(area.height).saturating_sub(2));
    let title = match model.fleet.filter.as_str() {
        "" => format!("peers ({count})"),
        filter => format!(
            "peers with {:?} ({count})",
            SafeText::line_of(filter).as_str()
        ),
    };
    let inside = pieces::titled(frame, area, &title, theme);
    if shown.is_empty() {
        let text = "No peer fits the filter; esc clears it.";
        pieces::lines(frame, inside, vec![line(theme, Role::Dim, text)]);
        return;
    }
    let names: Vec<_> = shown.iter().map(|peer| &peer.name).collect();
    let selected = model.fleet.cursor.index(&names).unwrap_or(0);
    let width = usize::from(inside.width);
    let height = usize::from(inside.height).saturating_sub(1);
    let mut rows = vec![line(theme, Role::Dim, heading(width))];
    for at in pieces::window(shown.len(), selected, height) {
        if let Some(peer) = shown.get(at) {
            let row = row(theme, (snapshot, peer), width);
            rows.push(pieces::selectable(
                theme,
                row,
                Selected::when(at == selected),
            ));
        }
    }
    pieces::lines(frame, inside, rows);
}

/// Columns in the order in which they are given up: last event first, then mode, budget, in flight.
struct Columns {
    flight: usize,
    budget: usize,
    mode: usize,
    last: usize,
}

fn columns(width: usize) -> Columns {
    let mut room = width.saturating_sub(NAME + HEALTH + 1);
    let mut take = |want: usize| {
        let got = if want <= room { want } else { 0 };
        room -= got;
        got
    };
    let (flight, budget, mode) = (take(FLIGHT), take(BUDGET), take(MODE));
    let last = if room >= LAST_LEAST { room } else { 0 };
    Columns {
        flight,
        budget,
        mode,
        last,
    }
}

fn heading(width: usize) -> String {
    let columns = columns(width);
    [
        pad(" peer", NAME + 1),
        pad("mode", columns.mode),
        pad("health", HEALTH),
        pad("in flight", columns.flight),
        pad("budget", columns.budget),
        pad("last event", columns.last),
    ]
    .concat()
}

fn row(theme: Theme, (snapshot, peer): (&FleetSnapshot, &PeerView), width: usize) -> Line<'static> {
    let columns = columns(width);
    let flight = match peer.in_flight {
        0 => "–".to_owned(),
        n => n.to_string(),
    };
    Line::from(vec![
        span(theme, Role::Text, pad(&format!(" {}", peer.name), NAME + 1)),
        span(theme, Role::Dim, pad(mode(peer), columns.mode)),
        pieces::sign_span(theme, format::health(peer.health), HEALTH),
        span(theme, Role::Text, pad(&flight, columns.flight)),
        span(
            theme,
            Role::Text,
            pad(&pieces::budget_gauge(&peer.budget, 5), columns.budget),
        ),
        span(
            theme,
            Role::Dim,
            pad(&last_event(snapshot, peer), columns.last),
        ),
    ])
}

pub(super) fn mode(peer: &PeerView) -> &'static str {
    peer.mode.map_or("foreign", |mode| mode.word())
}

fn last_event(snapshot: &FleetSnapshot, peer: &PeerView) -> String {
    let all = || snapshot.dispatches.iter().filter(|d| d.peer == peer.name);
    // What waits for a person comes before what is newer.
    let asks = all().find(|dispatch| dispatch.state == DispatchState::InputRequired);
    let Some(dispatch) = asks.or_else(|| all().next()) else {
        return "–".to_owned();
    };
    let sign = format::state(dispatch.state);
    let said = dispatch.detail.last_event.safe_line();
    match (dispatch.state.is_final(), said.as_str()) {
        (_, "") => format!("{} {}", sign.glyph, sign.word),
        (true, said) => format!("{} {said}", sign.glyph),
        (false, said) => said.to_owned(),
    }
}
