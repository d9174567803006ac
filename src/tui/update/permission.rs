//! The answer to a permission request: one key, no dialog, from any view.
//!
//! Owns: that a double press is one decision, and that a decision is about the request that was on screen.

use fleet_a2a::ext::Decision;

use crate::control::{Command, NoticeLevel};
use crate::domain::{DispatchId, Failure};
use crate::tui::keymap::PromptAction;
use crate::tui::model::{Model, OpenPrompt, Overlay, Prompt, PromptPhase};
use crate::tui::msg::{Effect, Purpose};
use crate::tui::widgets::{Input, Lines};

pub(super) fn act(model: &mut Model, action: PromptAction) -> Vec<Effect> {
    match action {
        PromptAction::Allow => decide(model, Decision::Allow, None),
        PromptAction::Always => decide(model, Decision::Always, None),
        PromptAction::Deny => decide(model, Decision::Deny, None),
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

fn decide(model: &mut Model, decision: Decision, reason: Option<String>) -> Vec<Effect> {
    let now_ms = model.now_ms;
    let Prompt::Open(open) = &mut model.prompt else {
        return Vec::new();
    };
    if !open.is_ready(now_ms) {
        return Vec::new();
    }
    if !open.request.choices.contains(&decision) {
        let text = "This agent does not take \"always\" for this request; allow or deny it.";
        model.say(NoticeLevel::Warning, text);
        return Vec::new();
    }
    open.phase = PromptPhase::Answering(decision);
    open.decided_at_ms = now_ms;
    let effect = answer(open, decision, reason);
    model
        .overlays
        .retain(|overlay| !matches!(overlay, Overlay::Arguments { .. }));
    vec![effect]
}

fn answer(open: &OpenPrompt, decision: Decision, reason: Option<String>) -> Effect {
    let request_id = open.request.request_id.clone();
    Effect::Call {
        purpose: Purpose::Permission {
            dispatch_id: open.dispatch_id,
            request_id: request_id.clone(),
            decision,
        },
        command: Command::AnswerPermission {
            dispatch_id: open.dispatch_id,
            request_id: Some(request_id),
            decision,
            reason,
            answers: Vec::new(),
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
            decide(model, Decision::Deny, reason)
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

/// The daemon stored the answer, or could not: then the request waits again.
pub(super) fn answered(
    model: &mut Model,
    dispatch_id: DispatchId,
    request_id: &str,
    result: Result<Decision, Failure>,
) {
    match result {
        Ok(decision) => {
            let word = match decision {
                Decision::Allow => "Allowed this once.",
                Decision::Always => "Allowed, and everything like it in this context.",
                Decision::Deny => "Denied.",
            };
            model.say(NoticeLevel::Info, word);
        }
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
