//! The question whether this fleet.toml may run what it names.
//!
//! Owns: when it is asked: once for each version of the file, when nothing else lies above the view, and again by its key. An
//! acceptance names the version that was shown; the daemon refuses it for any other. Does not own: what trust means.

use crate::control::{Answer, Command, NoticeLevel, TrustView};
use crate::domain::Failure;
use crate::tui::model::{Deed, Model, Overlay, Question, TrustAnswer};
use crate::tui::msg::{Effect, Purpose};

use super::lists;

/// Takes in what a snapshot says about the file.
pub(super) fn refresh(model: &mut Model) {
    let Some(trust) = model.link.snapshot().map(|all| all.trust.clone()) else {
        return;
    };
    if trust.accepted {
        model.trust = TrustAnswer::None;
        model.overlays.retain(|overlay| !is_question(overlay));
        return;
    }
    let known = match &model.trust {
        TrustAnswer::None => false,
        TrustAnswer::Left(hash) | TrustAnswer::Sent(hash) => *hash == trust.hash,
    };
    if model.overlays.iter().any(is_question) {
        show_newest(model, &trust);
    } else if !known && model.overlays.is_empty() {
        ask(model, trust);
    }
}

/// A file that changes under the eyes of who reads it is asked about anew, from its top, with "no" marked.
fn show_newest(model: &mut Model, trust: &TrustView) {
    let now_ms = model.now_ms;
    let shown = model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Confirm(question) => Some(question),
        Overlay::Help { .. }
        | Overlay::Composer
        | Overlay::Filter(_)
        | Overlay::Reason { .. }
        | Overlay::TopUp(_)
        | Overlay::Question { .. }
        | Overlay::OwnWords { .. }
        | Overlay::Arguments { .. } => None,
    });
    if let Some(question) = shown
        && question.deed != Deed::AcceptFile(trust.clone())
    {
        **question = Question::new(Deed::AcceptFile(trust.clone()), now_ms);
        model.say(
            NoticeLevel::Warning,
            "fleet.toml has changed: this is what it says now.",
        );
    }
}

fn is_question(overlay: &Overlay) -> bool {
    matches!(overlay, Overlay::Confirm(question) if matches!(question.deed, Deed::AcceptFile(_)))
}

fn ask(model: &mut Model, trust: TrustView) {
    let question = Question::new(Deed::AcceptFile(trust), model.now_ms);
    model.overlays.push(Overlay::Confirm(Box::new(question)));
}

/// The key that brings the question back; where the file is accepted, that about the settings of the selected peer's repo.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let file = model.link.snapshot().is_some_and(|all| all.trust.accepted);
    if file && let Some(effects) = lists::ask_trust(model) {
        return effects;
    }
    match model.link.snapshot().map(|all| all.trust.clone()) {
        Some(trust) if trust.accepted => {
            model.say(NoticeLevel::Info, "This fleet.toml is accepted already.");
        }
        Some(trust) => ask(model, trust),
        None => model.say(
            NoticeLevel::Warning,
            "The daemon has not told yet what it says.",
        ),
    }
    Vec::new()
}

/// Yes, about the version that is shown.
pub(super) fn accept(model: &mut Model, trust: TrustView) -> Effect {
    let hash = trust.hash;
    model.trust = TrustAnswer::Sent(hash.clone());
    Effect::Call {
        purpose: Purpose::Trust { hash: hash.clone() },
        command: Command::Trust { accept: Some(hash) },
    }
}

/// No: echo peers can be used, and the fleet view says so.
pub(super) fn decline(model: &mut Model, trust: TrustView) {
    model.trust = TrustAnswer::Left(trust.hash);
    model.say(
        NoticeLevel::Warning,
        "Not accepted: only echo peers start. t asks again.",
    );
}

/// The daemon wrote it down, or not: then a newer version asks by itself, and the same one by its key.
pub(super) fn answered(model: &mut Model, hash: &str, result: Result<Answer, Failure>) {
    match result {
        Ok(_) => model.say(NoticeLevel::Info, "Accepted: its peers may be used now."),
        Err(failure) => {
            if model.trust == TrustAnswer::Sent(hash.to_owned()) {
                model.trust = TrustAnswer::Left(hash.to_owned());
            }
            model.complain(&failure);
            // The newer version may have come before the refusal of the older one.
            refresh(model);
        }
    }
}
