//! The permission request that a person sees.
//!
//! Owns: which of many is shown, and that one key press decides one request. Does not own: the answer's way.

use fleet_a2a::ext::{Decision, PermissionRequest};

use crate::control::{AnswerRefused, FleetSnapshot};
use crate::domain::{DispatchId, PeerName};
use crate::tui::format;

use super::Answering;

/// A second press within this time was meant for the request before: a double press is one decision.
const DOUBLE_PRESS_MS: i64 = 400;

/// The prompt.
#[derive(Debug)]
pub(crate) enum Prompt {
    /// Nobody waits.
    Closed {
        /// When the last decision was made.
        decided_at_ms: i64,
    },
    /// Somebody waits.
    Open(Box<OpenPrompt>),
}

/// A request on screen.
#[derive(Debug)]
pub(crate) struct OpenPrompt {
    pub(crate) dispatch_id: DispatchId,
    pub(crate) peer: PeerName,
    pub(crate) request: PermissionRequest,
    pub(crate) phase: PromptPhase,
    pub(crate) decided_at_ms: i64,
    /// The last answer that its agent did not take.
    pub(crate) refused: Option<AnswerRefused>,
    /// How far its questions are answered; stays at its start where it has none.
    pub(crate) answering: Answering,
}

/// Where its answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptPhase {
    /// Nobody decided yet.
    Waiting,
    /// Decided; the daemon has not confirmed it.
    Answering(Decision),
}

impl OpenPrompt {
    /// Whether a key press may decide now.
    pub(crate) fn is_ready(&self, now_ms: i64) -> bool {
        self.phase == PromptPhase::Waiting && now_ms - self.decided_at_ms >= DOUBLE_PRESS_MS
    }

    /// Whether it asks something, and not for a permission.
    pub(crate) fn is_question(&self) -> bool {
        !self.request.questions.is_empty()
    }

    /// When silence becomes a denial, in Unix milliseconds.
    pub(crate) fn expires_at_ms(&self) -> Option<i64> {
        format::at_ms(&self.request.expires_at)
    }

    /// An answer that the agent did not take leaves the request waiting for another, from its first question on.
    fn hear_refusal(&mut self, snapshot: &FleetSnapshot) {
        let refused = refusal(snapshot, self.dispatch_id, &self.request.request_id);
        if refused.is_some() && refused != self.refused {
            self.phase = PromptPhase::Waiting;
            self.answering = Answering::default();
            self.refused = refused;
        }
    }

    /// Whether it is about that request.
    pub(crate) fn is_about(&self, dispatch_id: DispatchId, request_id: &str) -> bool {
        self.dispatch_id == dispatch_id && self.request.request_id == request_id
    }
}

impl Prompt {
    /// The prompt after a snapshot: the same request as long as it waits, so that it never changes under a finger; else
    /// the one that expires first.
    pub(crate) fn refreshed(self, snapshot: &FleetSnapshot) -> Self {
        let decided_at_ms = match self {
            Self::Open(mut open) if is_listed(snapshot, &open) => {
                open.hear_refusal(snapshot);
                return Self::Open(open);
            }
            Self::Open(open) => open.decided_at_ms,
            Self::Closed { decided_at_ms } => decided_at_ms,
        };
        match oldest(snapshot) {
            None => Self::Closed { decided_at_ms },
            Some((dispatch_id, peer, request)) => Self::Open(Box::new(OpenPrompt {
                refused: refusal(snapshot, dispatch_id, &request.request_id),
                dispatch_id,
                peer,
                request,
                phase: PromptPhase::Waiting,
                decided_at_ms,
                answering: Answering::default(),
            })),
        }
    }
}

fn open_requests(
    snapshot: &FleetSnapshot,
) -> impl Iterator<Item = (DispatchId, &PeerName, &PermissionRequest)> {
    let open = snapshot.dispatches.iter().filter(|d| !d.state.is_final());
    open.flat_map(|dispatch| {
        let requests = dispatch.detail.permissions.iter();
        requests.map(|request| (dispatch.dispatch_id, &dispatch.peer, request))
    })
}

fn refusal(
    snapshot: &FleetSnapshot,
    dispatch_id: DispatchId,
    request_id: &str,
) -> Option<AnswerRefused> {
    let mut dispatches = snapshot.dispatches.iter();
    let dispatch = dispatches.find(|dispatch| dispatch.dispatch_id == dispatch_id)?;
    let refused = dispatch.detail.answer_refused.as_ref();
    refused
        .filter(|refused| refused.request_id == request_id)
        .cloned()
}

fn is_listed(snapshot: &FleetSnapshot, open: &OpenPrompt) -> bool {
    open_requests(snapshot).any(|(id, _, request)| open.is_about(id, &request.request_id))
}

fn oldest(snapshot: &FleetSnapshot) -> Option<(DispatchId, PeerName, PermissionRequest)> {
    open_requests(snapshot)
        .min_by_key(|(_, _, request)| format::at_ms(&request.expires_at).unwrap_or(i64::MAX))
        .map(|(id, peer, request)| (id, peer.clone(), request.clone()))
}
