//! The dialog before something that is hard to reverse.
//!
//! Owns: its two buttons. "No" is marked first.

use crate::control::Command;
use crate::tui::keymap::ConfirmAction;
use crate::tui::model::{Button, Deed, Model, Overlay};
use crate::tui::msg::{Effect, Purpose, Verb};

use super::lists;

pub(super) fn act(model: &mut Model, action: ConfirmAction) -> Vec<Effect> {
    let Some(Overlay::Confirm { marked, .. }) = model.overlays.last_mut() else {
        return Vec::new();
    };
    let pressed = match action {
        ConfirmAction::Toggle => {
            *marked = match marked {
                Button::No => Button::Yes,
                Button::Yes => Button::No,
            };
            return Vec::new();
        }
        ConfirmAction::Yes => Button::Yes,
        ConfirmAction::No => Button::No,
        ConfirmAction::Press => *marked,
    };
    match (model.overlays.pop(), pressed) {
        (Some(Overlay::Confirm { deed, .. }), Button::Yes) => vec![deed_effect(deed)],
        (Some(_) | None, Button::Yes | Button::No) => Vec::new(),
    }
}

fn deed_effect(deed: Deed) -> Effect {
    match deed {
        Deed::CancelDispatch { dispatch_id, .. } => Effect::Call {
            purpose: Purpose::Cancel(dispatch_id),
            command: Command::Cancel { dispatch_id },
        },
        Deed::StopReceiver { peer, .. } => lists::receiver_call(Verb::Stop, peer),
    }
}
