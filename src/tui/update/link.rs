//! News about the daemon.
//!
//! Owns: taking a snapshot in, and saying so when the connection breaks.

use std::mem;
use std::sync::Arc;

use crate::control::FleetSnapshot;
use crate::control::NoticeLevel;
use crate::domain::Failure;
use crate::tui::model::{Link, Model, Overlay, Prompt};
use crate::tui::msg::{Effect, LinkNews};

use super::{stream, trust};

pub(super) fn update(model: &mut Model, news: LinkNews) -> Vec<Effect> {
    match news {
        LinkNews::Connecting => Vec::new(),
        LinkNews::Lost(failure) => {
            lost(model, failure);
            Vec::new()
        }
        LinkNews::Snapshot(snapshot) => snapshot_came(model, snapshot),
    }
}

fn lost(model: &mut Model, failure: Failure) {
    let last = mem::replace(&mut model.link, Link::Connecting);
    model.link = match last {
        Link::Connecting | Link::Refused(_) => Link::Refused(failure),
        Link::Live(snapshot) => {
            let text = format!(
                "The daemon is gone, and is being started again; what runs goes on. ({})",
                failure.message
            );
            model.say(NoticeLevel::Error, text);
            Link::Lost(snapshot, failure)
        }
        Link::Lost(snapshot, _) => Link::Lost(snapshot, failure),
    };
}

fn snapshot_came(model: &mut Model, snapshot: Arc<FleetSnapshot>) -> Vec<Effect> {
    if matches!(model.link, Link::Lost(..)) {
        model.say(NoticeLevel::Info, "Connected to the daemon again.");
    }
    let prompt = mem::replace(&mut model.prompt, Prompt::Closed { decided_at_ms: 0 });
    model.prompt = prompt.refreshed(&snapshot);
    close_stale(model);
    let effects = stream::refresh(model, &snapshot);
    show_news(model, &snapshot);
    model.link = Link::Live(snapshot);
    trust::refresh(model);
    effects
}

/// The newest notice that came since the last snapshot stands above the footer; the message view has them all. What was
/// there when the console opened is no news.
fn show_news(model: &mut Model, snapshot: &FleetSnapshot) {
    let Some(before) = model.link.snapshot() else {
        return;
    };
    let mut newest_first = snapshot.notices.iter().rev();
    let news = newest_first.find(|notice| !before.notices.contains(notice));
    if let Some(news) = news.cloned() {
        model.show_toast(&news);
    }
}

/// What was opened about a permission request goes with it.
fn close_stale(model: &mut Model) {
    let prompt = &model.prompt;
    model.overlays.retain(|overlay| match overlay {
        Overlay::Arguments { .. } => matches!(prompt, Prompt::Open(_)),
        Overlay::Reason {
            dispatch_id,
            request_id,
            ..
        }
        | Overlay::Question {
            dispatch_id,
            request_id,
        }
        | Overlay::OwnWords {
            dispatch_id,
            request_id,
            ..
        } => matches!(prompt, Prompt::Open(open) if open.is_about(*dispatch_id, request_id)),
        Overlay::Help { .. }
        | Overlay::Composer
        | Overlay::Confirm(_)
        | Overlay::TopUp(_)
        | Overlay::Filter(_) => true,
    });
}
