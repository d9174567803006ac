//! The composer: typing, sending, and what the daemon said to it.
//!
//! Owns: that a draft is never lost, and that sending the same draft again uses the same id.

use crossterm::event::{KeyCode, KeyEvent};

use crate::control::{Answer, Command, NoticeLevel};
use crate::domain::{DispatchId, ErrorKind, Failure, PeerName};
use crate::tui::keymap::ComposerAction;
use crate::tui::model::{
    Again, Attempt, FieldId, Known, Link, Model, Overlay, Phase, Stream, View,
};
use crate::tui::msg::{Effect, Purpose};

use super::{dispatch_of, stream};

/// Opens the composer for the peer that the view shows; an untouched draft follows the view, a begun one stays.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    if model.composer.is_blank() || model.composer.peer.is_none() {
        let (peer, context_id) = shown_peer(model);
        model.composer.clear();
        model.composer.peer = peer;
        if let Some(id) = context_id {
            model.composer.context_id.paste(&id);
        }
    }
    let focus = model.composer.focus;
    model.composer.focus_on(focus);
    check(model);
    model.overlays.push(Overlay::Composer);
    Vec::new()
}

fn shown_peer(model: &Model) -> (Option<PeerName>, Option<String>) {
    match (model.view, &model.stream) {
        (View::Stream, Stream::Open(stream)) => (
            Some(stream.view.peer.clone()),
            Some(stream.view.context_id.clone()),
        ),
        (View::Dispatches, _) if model.dispatch().is_some() => {
            (model.dispatch().map(|view| view.peer.clone()), None)
        }
        (View::Fleet | View::Dispatches | View::Messages, _) | (View::Stream, Stream::Closed) => {
            (model.peer().map(|peer| peer.name.clone()), None)
        }
    }
}

pub(super) fn act(model: &mut Model, action: ComposerAction) -> Vec<Effect> {
    match action {
        ComposerAction::Send => return send(model, Again::No),
        ComposerAction::SendAgain => return send(model, Again::Yes),
        ComposerAction::NextField => model.composer.turn(1),
        ComposerAction::PrevField => model.composer.turn(-1),
        ComposerAction::Clear => {
            model.composer.clear();
            check(model);
        }
    }
    Vec::new()
}

/// Why nothing can be sent now, in the words of what keeps the daemon away.
fn unconnected(link: &Link) -> Option<Failure> {
    let (why, remedy) = match link {
        Link::Live(_) => return None,
        Link::Connecting => ("there is no connection to the daemon yet.".to_owned(), ""),
        Link::Refused(failure) | Link::Lost(_, failure) => {
            (failure.message.clone(), failure.remedy.as_str())
        }
    };
    let kept = "The draft is kept; it is connected again as soon as that can be.";
    Some(Failure::new(
        ErrorKind::Daemon,
        format!("The draft was not sent: {why}"),
        format!("{remedy} {kept}").trim_start(),
    ))
}

fn send(model: &mut Model, again: Again) -> Vec<Effect> {
    if let Phase::Sending(_) = model.composer.phase {
        return Vec::new();
    }
    if let Some(failure) = unconnected(&model.link) {
        model.composer.phase = Phase::Refused(failure);
        return Vec::new();
    }
    check(model);
    if let Some(first) = model.composer.wrong.first().cloned() {
        model.composer.focus_on(first.field);
        let text = format!("Not sent: {}", first.text);
        let failure = Failure::new(ErrorKind::Contract, text, "");
        model.composer.phase = Phase::Refused(failure);
        return Vec::new();
    }
    let Some(request) = model.composer.request(again) else {
        return Vec::new();
    };
    model.composer.phase = Phase::Sending(request.dispatch_id);
    model.composer.attempt = Attempt::Tried(Box::new(request.clone()));
    vec![Effect::Call {
        purpose: Purpose::Submit(request.dispatch_id),
        command: Command::Submit(request),
    }]
}

/// The daemon stored the dispatch (its stream opens), or refused it (the draft stays, with the reason).
pub(super) fn submitted(
    model: &mut Model,
    id: DispatchId,
    result: Result<Answer, Failure>,
) -> Vec<Effect> {
    if model.composer.phase != Phase::Sending(id) {
        return Vec::new();
    }
    let view = match result {
        Ok(answer) => dispatch_of(answer),
        Err(failure) => {
            if !matches!(model.overlays.last(), Some(Overlay::Composer)) {
                model.complain(&failure);
            }
            model.composer.phase = Phase::Refused(failure);
            return Vec::new();
        }
    };
    let was_open = matches!(model.overlays.last(), Some(Overlay::Composer));
    model.composer.clear();
    model
        .overlays
        .retain(|overlay| !matches!(overlay, Overlay::Composer));
    match view {
        Some(view) if was_open => stream::open(model, view),
        Some(_) | None => {
            model.say(
                NoticeLevel::Info,
                "The dispatch is stored; view 2 lists it.",
            );
            Vec::new()
        }
    }
}

/// A key for the field with the cursor.
pub(super) fn type_key(model: &mut Model, event: KeyEvent) {
    let field = model.composer.focus;
    let one_line = matches!(
        field,
        FieldId::ReplyTo | FieldId::Deadline | FieldId::ContextId
    );
    let changed = match (field, event.code) {
        (FieldId::Peer, KeyCode::Left | KeyCode::Up) => choose_peer(model, -1),
        (FieldId::Peer, KeyCode::Right | KeyCode::Down) => choose_peer(model, 1),
        (_, KeyCode::Enter) if one_line || field == FieldId::Peer => {
            model.composer.turn(1);
            false
        }
        _ => match model.composer.input_mut(field) {
            Some(input) => input.key(event),
            None => false,
        },
    };
    if changed {
        edited(model);
    }
}

/// Pasted text for the field with the cursor.
pub(super) fn paste(model: &mut Model, text: &str) {
    let field = model.composer.focus;
    if let Some(input) = model.composer.input_mut(field)
        && input.paste(text)
    {
        edited(model);
    }
}

fn check(model: &mut Model) {
    let known = Known::of(model.link.snapshot());
    model.composer.check(&known);
}

fn edited(model: &mut Model) {
    check(model);
    if let Phase::Refused(_) = model.composer.phase {
        model.composer.phase = Phase::Editing;
    }
}

fn choose_peer(model: &mut Model, by: isize) -> bool {
    let known = Known::of(model.link.snapshot());
    let count = known.peers.len();
    if count == 0 {
        return false;
    }
    let now = known
        .peers
        .iter()
        .position(|peer| Some(peer) == model.composer.peer.as_ref());
    let next = match now {
        Some(at) => (at + count).saturating_add_signed(by) % count,
        None => 0,
    };
    model.composer.peer = known.peers.get(next).cloned();
    true
}
