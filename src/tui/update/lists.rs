//! The fleet and the dispatches: selecting, opening, and what is done to the selected.
//!
//! Owns: the two lists.

use crate::control::{Command, NoticeLevel};
use crate::domain::{DispatchId, PeerName};
use crate::tui::model::{Deed, Model, Overlay, Question, Stream, View, Whose};
use crate::tui::msg::{Effect, Purpose, Verb};

use super::stream;

pub(super) fn step_peers(model: &mut Model, by: isize) {
    let names: Vec<PeerName> = model.peers().iter().map(|peer| peer.name.clone()).collect();
    let keys: Vec<&PeerName> = names.iter().collect();
    model.fleet.cursor.step(&keys, by);
}

pub(super) fn step_dispatches(model: &mut Model, by: isize) {
    let ids: Vec<DispatchId> = model.listed().iter().map(|view| view.dispatch_id).collect();
    let keys: Vec<&DispatchId> = ids.iter().collect();
    model.dispatches.cursor.step(&keys, by);
}

/// Enter: from a peer to its dispatches, from a dispatch to its stream.
pub(super) fn open_selected(model: &mut Model) -> Vec<Effect> {
    match model.view {
        View::Fleet => {
            if let Some(name) = model.peer().map(|peer| peer.name.clone()) {
                model.whose = Whose::One(name);
                model.view = View::Dispatches;
            }
            Vec::new()
        }
        View::Dispatches => match model.dispatch().cloned() {
            Some(view) => stream::open(model, view),
            None => Vec::new(),
        },
        View::Stream | View::Messages => Vec::new(),
    }
}

/// Back from the dispatches of one peer, or of all, to the fleet.
pub(super) fn leave_dispatches(model: &mut Model) {
    model.whose = Whose::Everybody;
    model.view = View::Fleet;
}

/// Deploys, starts or asks about stopping the selected peer; a foreign peer gives the reason why not.
pub(super) fn receiver(model: &mut Model, verb: Verb) -> Vec<Effect> {
    let Some(peer) = model.peer() else {
        return Vec::new();
    };
    let (name, in_flight) = (peer.name.clone(), peer.in_flight);
    if peer.mode.is_none() {
        model.say(
            NoticeLevel::Warning,
            format!(
                "{name} is somebody else's agent: there is no receiver to {}.",
                verb.word()
            ),
        );
        return Vec::new();
    }
    if verb != Verb::Stop
        && let Some(effects) = ask_trust(model)
    {
        return effects;
    }
    match verb {
        Verb::Stop => {
            let deed = Deed::StopReceiver {
                peer: name,
                in_flight,
            };
            ask(model, deed)
        }
        Verb::Start | Verb::Deploy => {
            model.say(
                NoticeLevel::Info,
                format!("{name}: {} is under way.", verb.word()),
            );
            vec![receiver_call(verb, name)]
        }
    }
}

/// Asks about the agent settings of the selected peer's repo where nobody has accepted them: until then it gets no work.
pub(super) fn ask_trust(model: &mut Model) -> Option<Vec<Effect>> {
    if model.view != View::Fleet {
        return None;
    }
    let peer = model.peer()?;
    let told = peer.handshake.as_ref()?;
    if told.settings_accepted {
        return None;
    }
    let deed = Deed::TrustSettings {
        peer: peer.name.clone(),
        reason: peer.reason.clone().unwrap_or_default(),
        hash: told.settings_hash.clone(),
    };
    Some(ask(model, deed))
}

/// The call that does it.
pub(super) fn receiver_call(verb: Verb, peer: PeerName) -> Effect {
    let (peers, all) = (vec![peer.clone()], false);
    Effect::Call {
        purpose: Purpose::Receiver { verb, peer },
        command: match verb {
            Verb::Deploy => Command::Deploy { peers, all },
            Verb::Start => Command::Start { peers, all },
            Verb::Stop => Command::Stop { peers, all },
        },
    }
}

/// Asks before it cancels the dispatch of the view.
pub(super) fn ask_cancel(model: &mut Model) -> Vec<Effect> {
    let shown = match (model.view, &model.stream) {
        (View::Stream, Stream::Open(stream)) => Some(&stream.view),
        (View::Dispatches, _) => model.dispatch(),
        (View::Stream, Stream::Closed) | (View::Fleet | View::Messages, _) => None,
    };
    let Some(view) = shown else {
        return Vec::new();
    };
    if view.state.is_final() {
        let word = view.state.word();
        model.say(
            NoticeLevel::Warning,
            format!("There is nothing to cancel: the dispatch is {word}."),
        );
        return Vec::new();
    }
    let deed = Deed::CancelDispatch {
        dispatch_id: view.dispatch_id,
        peer: view.peer.clone(),
    };
    ask(model, deed)
}

fn ask(model: &mut Model, deed: Deed) -> Vec<Effect> {
    let question = Question::new(deed, model.now_ms);
    model.overlays.push(Overlay::Confirm(Box::new(question)));
    Vec::new()
}
