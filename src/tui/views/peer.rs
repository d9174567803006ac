//! One peer in detail, beside or below the list.
//!
//! Owns: the order of what is told: health and its remedy, budget, permissions and repo, the latest dispatches,
//! and the rest.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use fleet_receivers::adapter::versions::versions;

use crate::control::{FleetSnapshot, PeerView, harness_words, login_words};
use crate::domain::{Health, SafeText};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::wrap;

use super::fleet::{HEALTH, mode};
use super::pieces::{self, line, pad, span};

/// Of the latest dispatches; the list of them all is one key away.
const LATEST: usize = 3;
/// Rows of one long fact.
const MAX_ROWS: usize = 6;
const LABEL: usize = 13;
const STATE: usize = 17;
const AGE: usize = 5;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    (model, snapshot, peer): (&Model, &FleetSnapshot, &PeerView),
    theme: Theme,
) {
    let title = format!("{} · {}", peer.name, mode(peer));
    let inside = pieces::titled(frame, area, &title, theme);
    let width = usize::from(inside.width);
    let mut out = health_lines(peer, inside.width, theme);
    out.extend(fact_lines(theme, budget_facts(peer, model.now_ms), width));
    out.extend(fact_lines(theme, limits(peer), width));
    out.extend(latest((model, snapshot, peer), width, theme));
    out.extend(wrapped_lines(theme, handshake(peer), inside.width));
    out.extend(fact_lines(theme, facts(peer), width));
    let out = cut(out, usize::from(inside.height), theme);
    pieces::lines(frame, inside, out);
}

/// What there is room for; what is left out is said.
fn cut(mut lines: Vec<Line<'static>>, rows: usize, theme: Theme) -> Vec<Line<'static>> {
    if lines.len() > rows && rows > 0 {
        let kept = rows - 1;
        let more = lines.len() - kept;
        let said = format!("… {more} more: a larger window, or fleet peers --json");
        lines.truncate(kept);
        lines.push(line(theme, Role::Dim, said));
    }
    lines
}

type Fact = (&'static str, String);

fn fact_lines(theme: Theme, facts: Vec<Fact>, width: usize) -> Vec<Line<'static>> {
    let line = |(label, text): Fact| {
        let text = SafeText::line_of(&text);
        Line::from(vec![
            span(theme, Role::Dim, pad(label, LABEL)),
            span(
                theme,
                Role::Text,
                pad(text.as_str(), width.saturating_sub(LABEL)),
            ),
        ])
    };
    facts.into_iter().map(line).collect()
}

/// Facts that are read to their end: a long one goes on below itself.
fn wrapped_lines(theme: Theme, facts: Vec<Fact>, width: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for (label, text) in facts {
        let text = SafeText::line_of(&text);
        let rest = width.saturating_sub(u16::try_from(LABEL).unwrap_or(width));
        let rows = wrap(text.as_str(), rest).into_iter().take(MAX_ROWS);
        for (n, row) in rows.enumerate() {
            let label = if n == 0 { label } else { "" };
            out.push(Line::from(vec![
                span(theme, Role::Dim, pad(label, LABEL)),
                span(theme, Role::Text, text.as_str()[row].to_owned()),
            ]));
        }
    }
    out
}

fn latest(
    (model, snapshot, peer): (&Model, &FleetSnapshot, &PeerView),
    width: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let all = snapshot.dispatches.iter().filter(|d| d.peer == peer.name);
    let mut out = vec![line(theme, Role::Dim, "latest dispatches")];
    for dispatch in all.take(LATEST) {
        let age = format::at_ms(&dispatch.detail.accepted_at)
            .map_or_else(String::new, |at| format::age(at, model.now_ms));
        let said = dispatch
            .detail
            .instruction
            .raw()
            .lines()
            .next()
            .unwrap_or("");
        let said = SafeText::line_of(said);
        let rest = width.saturating_sub(STATE + AGE);
        out.push(Line::from(vec![
            pieces::sign_span(theme, format::state(dispatch.state), STATE),
            span(theme, Role::Dim, pad(&age, AGE)),
            span(theme, Role::Text, pad(said.as_str(), rest)),
        ]));
    }
    if out.len() == 1 {
        out.push(line(theme, Role::Dim, "none yet: n begins one"));
    }
    out
}

fn health_lines(peer: &PeerView, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let sign = format::health(peer.health);
    let probed = match peer.probe_age_s {
        Some(age) => format!(
            "probed {} ago",
            format::age(0, i64::try_from(age).unwrap_or(0) * 1000)
        ),
        None if peer.health == Health::Stopped => "starts when it gets work".to_owned(),
        None => "not probed yet".to_owned(),
    };
    let mut out = vec![Line::from(vec![
        pieces::sign_span(theme, sign, HEALTH),
        span(theme, Role::Dim, probed),
    ])];
    if let Some(reason) = &peer.reason {
        out.extend(pieces::paragraph(theme, sign.role, &reason.safe(), width));
    }
    if let Some(remedy) = &peer.remedy {
        let told = peer.handshake.as_ref();
        let asks = told.is_some_and(|told| !told.settings_accepted);
        let here = if asks { "; here: t" } else { "" };
        let text = SafeText::of(&format!("{}{here}", remedy.raw()));
        out.extend(pieces::paragraph(theme, Role::Key, &text, width));
    }
    out
}

fn budget_facts(peer: &PeerView, now_ms: i64) -> Vec<Fact> {
    let budget = &peer.budget;
    let mut out = vec![("tokens", pieces::amount(&budget.tokens, "tokens"))];
    if budget.turns.limit.is_some() {
        out.push(("turns", pieces::amount(&budget.turns, "turns")));
    }
    if let Some(limit) = budget.cost_usd.limit {
        let spent = budget.cost_usd.spent + budget.cost_usd.granted;
        out.push(("cost", format!("${spent:.2} of ${limit:.2}")));
    }
    if let Some(window) = budget.window {
        let resets = match &budget.resets_at {
            Some(at) => {
                let end = format::at_ms(at).unwrap_or(now_ms);
                format!("{}, ends in {}", window.word(), format::age(now_ms, end))
            }
            None => window.word().to_owned(),
        };
        out.push(("window", resets));
    }
    out
}

/// What it may do, and where.
fn limits(peer: &PeerView) -> Vec<Fact> {
    match (&peer.permissions, &peer.repo) {
        (Some(level), Some(repo)) => vec![("permissions", format!("{level} · repo {repo}"))],
        (Some(level), None) => vec![("permissions", level.clone())],
        (None, Some(repo)) => vec![("repo", repo.clone())],
        (None, None) => Vec::new(),
    }
}

/// What the agent is, and what its repo brings along.
fn handshake(peer: &PeerView) -> Vec<Fact> {
    let known = peer.mode.and_then(versions);
    let version = peer.version.as_ref().map(|version| match known {
        Some(known) => known.words(version.raw()),
        None => version.raw().to_owned(),
    });
    let mut out: Vec<Fact> = version.map(|text| ("version", text)).into_iter().collect();
    let Some(told) = &peer.handshake else {
        return out;
    };
    // Modes without a program of their own have no login.
    if known.is_some() {
        out.push(("logged in", login_words(told.login).to_owned()));
    }
    out.push(("repo has", harness_words(&told.harness)));
    if told.harness.notes.count() > 0 {
        out.push(("not read", told.harness.notes.names.join(", ")));
    }
    out
}

/// What is known, one fact a line; what is not known is not shown as if it were.
fn facts(peer: &PeerView) -> Vec<Fact> {
    let process = match (peer.port, peer.pid) {
        (Some(port), Some(pid)) => Some(format!("port {port}, pid {pid}")),
        (Some(port), None) => Some(format!("port {port}")),
        (None, _) => None,
    };
    let known = [
        ("receiver", process),
        ("url", peer.url.clone()),
        ("dialect", peer.dialect.clone()),
    ];
    known
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)))
        .collect()
}
