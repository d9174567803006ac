//! The permission prompt: rows of its own above the status line, which no text of a model can reach.
//!
//! Owns: what a person sees before deciding. Arguments stand behind a bar in each row, so that they cannot pose as ours;
//! what does not fit is counted, and `v` shows all of it.

use fleet_a2a::ext::Decision;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use serde_json::Value;

use crate::domain::SafeText;
use crate::tui::format;
use crate::tui::keymap::Layer;
use crate::tui::model::{Model, OpenPrompt, Prompt, PromptPhase};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{clip, wrap};

use super::pieces::{self, line, span};
use super::question;

/// The bar and a space.
pub(super) const BAR: u16 = 4;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Prompt::Open(open) = &model.prompt else {
        return;
    };
    let mut out = vec![title(model, open, area.width, theme)];
    let room = usize::from(area.height).saturating_sub(2);
    if open.is_question() {
        out.extend(question::lines(model, open, (area.width, room), theme));
    } else {
        out.extend(arguments(model, (area.width, room), theme));
    }
    while out.len() <= room {
        out.push(line(theme, Role::Prompt, " ┃"));
    }
    out.push(keys(model, open, theme));
    pieces::lines(frame, area, out);
}

/// The arguments as far as there is room, and how much there is more.
fn arguments(model: &Model, (width, room): (u16, usize), theme: Theme) -> Vec<Line<'static>> {
    let rows = argument_rows(model, width);
    let hidden = rows.len().saturating_sub(room);
    let shown = if hidden > 0 {
        room.saturating_sub(1)
    } else {
        room
    };
    let total = rows.len();
    let rows = rows.into_iter().take(shown);
    let mut out: Vec<_> = rows.map(|row| barred(theme, row)).collect();
    if hidden > 0 {
        let text = format!(" ┃ … {} more rows: v shows all", total - shown);
        out.push(line(theme, Role::Warn, text));
    }
    out
}

fn barred(theme: Theme, row: String) -> Line<'static> {
    Line::from(vec![
        span(theme, Role::Prompt, " ┃ "),
        span(theme, Role::Text, row),
    ])
}

fn title(model: &Model, open: &OpenPrompt, width: u16, theme: Theme) -> Line<'static> {
    let left = match open.expires_at_ms() {
        Some(at) => format!("{} left", format::left(at, model.now_ms)),
        None => "no time limit known".to_owned(),
    };
    if open.is_question() {
        let text = format!(
            " ┏ ? {} {} · {left} · dispatch {} ",
            open.peer,
            question::title(open),
            format::short_id(open.dispatch_id)
        );
        return line(theme, Role::Prompt, text);
    }
    let tool = SafeText::line_of(&open.request.tool);
    let fixed = format!(
        " ┏ ! {} wants to use  · {left} · dispatch {} ",
        open.peer,
        format::short_id(open.dispatch_id)
    );
    let room = usize::from(width).saturating_sub(fixed.chars().count());
    let tool = clip(tool.as_str(), room.max(8));
    let text = format!(
        " ┏ ! {} wants to use {tool} · {left} · dispatch {} ",
        open.peer,
        format::short_id(open.dispatch_id)
    );
    line(theme, Role::Prompt, text)
}

/// The keys, or what became of the decision.
fn keys(model: &Model, open: &OpenPrompt, theme: Theme) -> Line<'static> {
    let start = span(theme, Role::Prompt, " ┗ ");
    if let PromptPhase::Answering(decision) = open.phase {
        let word = match decision {
            Decision::Allow if open.is_question() => "your answer",
            Decision::Allow => "allow",
            Decision::Always => "always",
            Decision::Deny => "deny",
        };
        let text = format!("telling the agent: {word} …");
        return Line::from(vec![start, span(theme, Role::Busy, text)]);
    }
    let typing = model.layers().contains(&Layer::PromptWhileTyping);
    let can_always = open.request.choices.contains(&Decision::Always);
    let mut spans = vec![start];
    let mut add = |key: &'static str, word: &'static str| {
        spans.push(span(theme, Role::Key, key));
        spans.push(Span::raw(format!(" {word}   ")));
    };
    if open.is_question() {
        for (key, word) in question::keys(model, open) {
            add(key, word);
        }
    } else if typing {
        add("alt-a", "allow");
        add("alt-d", "deny");
        add("alt-v", "all arguments");
    } else {
        add("a", "allow");
        if can_always {
            add("A", "always");
        }
        add("d", "deny");
        add("r", "deny with a reason");
        add("v", "all arguments");
    }
    Line::from(spans)
}

/// The arguments as rows: one field a line where they are an object, strings as they are.
pub(super) fn argument_rows(model: &Model, width: u16) -> Vec<String> {
    let Prompt::Open(open) = &model.prompt else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for text in argument_lines(&open.request.arguments) {
        let text = text.replace('\t', "    ");
        for row in wrap(&text, width.saturating_sub(BAR)) {
            out.push(text[row].to_owned());
        }
    }
    out
}

fn argument_lines(arguments: &Value) -> Vec<String> {
    let text = match arguments {
        Value::Object(fields) if fields.is_empty() => "no arguments".to_owned(),
        Value::Object(fields) => {
            let lines: Vec<String> = fields
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => format!("{name}: {text}"),
                    other => format!("{name}: {other}"),
                })
                .collect();
            lines.join("\n")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let safe = SafeText::of(&text);
    safe.as_str().split('\n').map(str::to_owned).collect()
}

/// All arguments on a page above the view.
pub(super) fn draw_arguments(
    frame: &mut Frame<'_>,
    area: Rect,
    (model, top): (&Model, usize),
    theme: Theme,
) {
    let Prompt::Open(open) = &model.prompt else {
        return;
    };
    let tool = SafeText::line_of(&open.request.tool);
    let title = format!("all arguments of {}", clip(tool.as_str(), 40));
    let inside = pieces::page(frame, area, &title, theme);
    let rows = argument_rows(model, model.columns)
        .into_iter()
        .skip(top)
        .take(usize::from(inside.height))
        .map(|row| line(theme, Role::Text, row))
        .collect();
    pieces::lines(frame, inside, rows);
}
