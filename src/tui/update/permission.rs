//! The answer to a permission request: one key, no dialog, from any view.
//!
//! Owns: that a double press is one decision, and that a decision is about the request that was on screen.

use fleet_a2a::ext::{Decision, Ruling};

use crate::control::{Command, NoticeLevel};
use crate::domain::{DispatchId, Failure};
use crate::tui::keymap::PromptAction;
use crate::tui::model::{Model, OpenPrompt, Overlay, Prompt, PromptPhase};
use crate::tui::msg::{Effect, Purpose};
use crate::tui::widgets::{Input, Lines};

use super::question;

pub(super) fn act(model: &mut Model, action: PromptAction) -> Vec<Effect> {
    match action {
        PromptAction::Allow => decide(model, Ruling::plain(Decision::Allow, None)),
        PromptAction::Always => decide(model, Ruling::plain(Decision::Always, None)),
        PromptAction::Deny => decide(model, Ruling::plain(Decision::Deny, None)),
        PromptAction::Answer => {
            question::open(model);
            Vec::new()
        }
        PromptAction::DenyWithReason => {
            ask_reason(model);
            Vec::new()
        }
        PromptAction::Arguments => {
            show_arguments(model);
            Vec::new()
        }
    }
}

pub(super) fn decide(model: &mut Model, ruling: Ruling) -> Vec<Effect> {
    let now_ms = model.now_ms;
    let Prompt::Open(open) = &mut model.prompt else {
        return Vec::new();
    };
    if !open.is_ready(now_ms) {
        return Vec::new();
    }
    if !open.request.choices.contains(&ruling.decision) {
        let text = "This agent does not take \"always\" for this request; allow or deny it.";
        model.say(NoticeLevel::Warning, text);
        return Vec::new();
    }
    open.phase = PromptPhase::Answering(ruling.decision);
    open.decided_at_ms = now_ms;
    let effect = answer(open, ruling);
    model.overlays.retain(|overlay| {
        !matches!(
            overlay,
            Overlay::Arguments { .. } | Overlay::Question { .. } | Overlay::OwnWords { .. }
        )
    });
    vec![effect]
}

fn answer(open: &OpenPrompt, ruling: Ruling) -> Effect {
    let request_id = open.request.request_id.clone();
    let purpose = match ruling.answers.as_slice() {
        [] => Purpose::Permission {
            dispatch_id: open.dispatch_id,
            request_id: request_id.clone(),
            decision: ruling.decision,
        },
        _ => Purpose::Question {
            dispatch_id: open.dispatch_id,
            request_id: request_id.clone(),
        },
    };
    Effect::Call {
        purpose,
        command: Command::AnswerPermission {
            dispatch_id: open.dispatch_id,
            request_id: Some(request_id),
            decision: ruling.decision,
            reason: ruling.reason,
            answers: ruling.answers,
        },
    }
}

fn ask_reason(model: &mut Model) {
    if let Prompt::Open(open) = &model.prompt
        && open.is_ready(model.now_ms)
    {
        let mut input = Input::new(Lines::One);
        input.focus(true);
        let overlay = Overlay::Reason {
            input: Box::new(input),
            dispatch_id: open.dispatch_id,
            request_id: open.request.request_id.clone(),
        };
        model.overlays.push(overlay);
    }
}

/// Denies the request that the reason was typed for, if it still waits.
pub(super) fn deny_with(
    model: &mut Model,
    about: (DispatchId, &str),
    reason: String,
) -> Vec<Effect> {
    match &model.prompt {
        Prompt::Open(open) if open.is_about(about.0, about.1) => {
            let reason = Some(reason).filter(|text| !text.trim().is_empty());
            decide(model, Ruling::plain(Decision::Deny, reason))
        }
        Prompt::Open(_) | Prompt::Closed { .. } => {
            model.say(NoticeLevel::Warning, "That request does not wait any more.");
            Vec::new()
        }
    }
}

fn show_arguments(model: &mut Model) {
    let shown = matches!(model.overlays.last(), Some(Overlay::Arguments { .. }));
    if matches!(model.prompt, Prompt::Open(_)) && !shown {
        model.overlays.push(Overlay::Arguments { top: 0 });
    }
}

/// What is said when a decision was stored.
pub(super) fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "Allowed this once.",
        Decision::Always => "Allowed, and everything like it in this context.",
        Decision::Deny => "Denied.",
    }
}

/// The daemon stored the answer, or could not: then the request waits again.
pub(super) fn answered(
    model: &mut Model,
    dispatch_id: DispatchId,
    request_id: &str,
    result: Result<&'static str, Failure>,
) {
    match result {
        Ok(word) => model.say(NoticeLevel::Info, word),
        Err(failure) => {
            if let Prompt::Open(open) = &mut model.prompt
                && open.is_about(dispatch_id, request_id)
            {
                open.phase = PromptPhase::Waiting;
            }
            model.complain(&failure);
        }
    }
}
