//! Answering an agent's questions: one after the other, and told to the agent when the last is answered.
//!
//! Owns: what the keys of the open question do. Does not own: the way of the answer, see `permission`.

use fleet_a2a::ext::{Decision, Ruling};

use crate::control::NoticeLevel;
use crate::domain::DispatchId;
use crate::tui::keymap::QuestionAction;
use crate::tui::model::{Model, OpenPrompt, Overlay, Prompt, Step};
use crate::tui::msg::Effect;
use crate::tui::widgets::{Input, Lines};

use super::permission::decide;

/// Gives the keys to the question, unless they are its already.
pub(super) fn open(model: &mut Model) {
    let Prompt::Open(open) = &model.prompt else {
        return;
    };
    if open.is_question() && open.is_ready(model.now_ms) && !model.answers() {
        let overlay = Overlay::Question {
            dispatch_id: open.dispatch_id,
            request_id: open.request.request_id.clone(),
        };
        model.overlays.push(overlay);
    }
}

pub(super) fn act(model: &mut Model, action: QuestionAction) -> Vec<Effect> {
    let now_ms = model.now_ms;
    let Prompt::Open(open) = &mut model.prompt else {
        return Vec::new();
    };
    // A double press is one answer, also when the next question is there already.
    if !open.is_ready(now_ms) {
        return Vec::new();
    }
    let OpenPrompt {
        request, answering, ..
    } = open.as_mut();
    let questions = &request.questions;
    let step = match action {
        QuestionAction::Pick(option) => answering.pick(questions, option),
        QuestionAction::Take => answering.take(questions),
        QuestionAction::Mark => {
            answering.mark(questions);
            Step::Stay
        }
        QuestionAction::OwnWords => Step::OwnWords,
        QuestionAction::Previous => {
            answering.back();
            Step::Stay
        }
    };
    follow(model, step)
}

/// Moves the cursor of the open question.
pub(super) fn move_by(model: &mut Model, by: isize) {
    if let Prompt::Open(open) = &mut model.prompt {
        open.answering.move_by(&open.request.questions, by);
    }
}

/// The person's own words for the question that they were typed for, if it still waits.
pub(super) fn say(model: &mut Model, about: (DispatchId, &str), text: &str) -> Vec<Effect> {
    match &mut model.prompt {
        Prompt::Open(open) if open.is_about(about.0, about.1) => {
            let step = open.answering.say(&open.request.questions, text);
            follow(model, step)
        }
        Prompt::Open(_) | Prompt::Closed { .. } => {
            model.say(
                NoticeLevel::Warning,
                "That question does not wait any more.",
            );
            Vec::new()
        }
    }
}

fn follow(model: &mut Model, step: Step) -> Vec<Effect> {
    match step {
        Step::Stay => {}
        Step::Next => {
            if let Prompt::Open(open) = &mut model.prompt {
                open.decided_at_ms = model.now_ms;
            }
        }
        Step::OwnWords => type_words(model),
        Step::Done(answers) => {
            let ruling = Ruling {
                decision: Decision::Allow,
                reason: None,
                answers,
            };
            return decide(model, ruling);
        }
    }
    Vec::new()
}

fn type_words(model: &mut Model) {
    if let Prompt::Open(open) = &model.prompt {
        let mut input = Input::new(Lines::One);
        input.focus(true);
        let overlay = Overlay::OwnWords {
            input: Box::new(input),
            dispatch_id: open.dispatch_id,
            request_id: open.request.request_id.clone(),
        };
        model.overlays.push(overlay);
    }
}
