//! The dialog that asks yes or no.
//!
//! Owns: its two buttons. "No" is marked first.

use crate::control::{Command, NoticeLevel};
use crate::tui::keymap::ConfirmAction;
use crate::tui::model::{Button, Deed, Model, Overlay};
use crate::tui::msg::{Effect, Purpose, Verb};

use super::{lists, trust};

pub(super) fn act(model: &mut Model, action: ConfirmAction) -> Vec<Effect> {
    let now_ms = model.now_ms;
    let Some(Overlay::Confirm(question)) = model.overlays.last_mut() else {
        return Vec::new();
    };
    let pressed = match action {
        ConfirmAction::Toggle => {
            question.marked = match question.marked {
                Button::No => Button::Yes,
                Button::Yes => Button::No,
            };
            return Vec::new();
        }
        ConfirmAction::Yes => Button::Yes,
        ConfirmAction::No => Button::No,
        ConfirmAction::Press => question.marked,
    };
    if pressed == Button::Yes && !question.takes_yes(now_ms) {
        let text = "This has only just come up: read it, then press again.";
        model.say(NoticeLevel::Info, text);
        return Vec::new();
    }
    let Some(Overlay::Confirm(question)) = model.overlays.pop() else {
        return Vec::new();
    };
    match pressed {
        Button::Yes => vec![agreed(model, question.deed)],
        Button::No => {
            refused(model, question.deed);
            Vec::new()
        }
    }
}

fn agreed(model: &mut Model, deed: Deed) -> Effect {
    match deed {
        Deed::CancelDispatch { dispatch_id, .. } => Effect::Call {
            purpose: Purpose::Cancel(dispatch_id),
            command: Command::Cancel { dispatch_id },
        },
        Deed::TrustSettings { peer, hash, .. } => Effect::Call {
            purpose: Purpose::TrustSettings(peer.clone()),
            command: Command::TrustPeer {
                peer,
                accept: Some(hash),
            },
        },
        Deed::StopReceiver { peer, .. } => lists::receiver_call(Verb::Stop, peer),
        Deed::ResetBudget { command_id, peer } => Effect::Call {
            purpose: Purpose::ResetBudget(peer.clone()),
            command: Command::ResetBudget { command_id, peer },
        },
        Deed::AcceptFile(shown) => trust::accept(model, shown),
    }
}

fn refused(model: &mut Model, deed: Deed) {
    match deed {
        Deed::CancelDispatch { .. }
        | Deed::StopReceiver { .. }
        | Deed::ResetBudget { .. }
        | Deed::TrustSettings { .. } => {}
        Deed::AcceptFile(shown) => trust::decline(model, shown),
    }
}
