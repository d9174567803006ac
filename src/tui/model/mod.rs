//! What the console knows, as plain data.
//!
//! Owns: the model and its parts. Does not own: how it changes (`update`) or how it looks (`views`).

mod answering;
mod composer;
mod cursor;
mod notices;
mod prompt;
mod question;
mod stream;
mod top_up;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::control::{DispatchView, FleetSnapshot, Notice, NoticeLevel, PeerView};
use crate::domain::{CommandId, DispatchId, DispatchState, Failure, PeerName, PeerText};

use super::keymap::Layer;
use super::widgets::Input;

pub(crate) use answering::{Answering, Step};
pub(crate) use composer::{Again, Attempt, Composer, FieldId, Known, Phase};
pub(crate) use cursor::Cursor;
pub(crate) use prompt::{OpenPrompt, Prompt, PromptPhase};
pub(crate) use question::{Button, Deed, Question};
pub(crate) use stream::{Feed, Ink, Stream, StreamModel, Tail};
pub(crate) use top_up::{Sent, TopUpDraft};

/// Everything.
#[derive(Debug)]
pub(crate) struct Model {
    /// Unix milliseconds of the last message.
    pub(crate) now_ms: i64,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) link: Link,
    pub(crate) view: View,
    pub(crate) fleet: ListView<PeerName>,
    pub(crate) dispatches: ListView<DispatchId>,
    pub(crate) whose: Whose,
    pub(crate) stream: Stream,
    pub(crate) messages: Messages,
    pub(crate) overlays: Vec<Overlay>,
    pub(crate) composer: Composer,
    pub(crate) prompt: Prompt,
    pub(crate) trust: TrustAnswer,
    /// Ids for commands that count once.
    pub(crate) mint: fn() -> CommandId,
    pub(crate) toast: Toast,
    pub(crate) exit: Exit,
}

/// The daemon, as far as known.
#[derive(Debug)]
pub(crate) enum Link {
    /// No snapshot yet.
    Connecting,
    /// Never had a snapshot, and why.
    Refused(Failure),
    /// Connected.
    Live(Arc<FleetSnapshot>),
    /// Was connected; the last snapshot and why it is old.
    Lost(Arc<FleetSnapshot>, Failure),
}

/// What fills the middle of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Fleet,
    Dispatches,
    Stream,
    Messages,
}

/// A list with a selection and a filter.
#[derive(Debug)]
pub(crate) struct ListView<K> {
    pub(crate) cursor: Cursor<K>,
    /// Lower case; empty shows all.
    pub(crate) filter: String,
}

/// Whose dispatches the list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    Everybody,
    One(PeerName),
}

/// What lies above the view, the last on top.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// Help for what lies below; the first row shown.
    Help { top: usize },
    /// The composer; its draft outlives it.
    Composer,
    /// A question.
    Confirm(Box<Question>),
    /// The filter of the list below, being typed.
    Filter(Box<Input>),
    /// The reason of a denial, being typed.
    Reason {
        input: Box<Input>,
        dispatch_id: DispatchId,
        request_id: String,
    },
    /// How much is added to a budget, being typed.
    TopUp(Box<TopUpDraft>),
    /// All arguments of the open permission request; the first row shown.
    Arguments { top: usize },
    /// The keys belong to the question in the prompt.
    Question {
        dispatch_id: DispatchId,
        request_id: String,
    },
    /// A person's own words as an answer, being typed.
    OwnWords {
        input: Box<Input>,
        dispatch_id: DispatchId,
        request_id: String,
    },
}

/// Notices of our own, oldest first, and the scroll of their view.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) own: VecDeque<Notice>,
    /// Rows scrolled up from the newest.
    pub(crate) up: usize,
}

/// What the person said about a fleet.toml that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrustAnswer {
    /// Nothing yet.
    None,
    /// The version with this hash stays unaccepted.
    Left(String),
    /// The version with this hash is to be accepted; the daemon has not confirmed it.
    Sent(String),
}

/// One sentence above the footer for a while.
#[derive(Debug)]
pub(crate) enum Toast {
    None,
    Shown {
        text: PeerText,
        level: NoticeLevel,
        until_ms: i64,
    },
}

/// Whether the console goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Stay,
    /// Told that a draft would be lost; the same key again leaves.
    Warned,
    Leave,
}

impl<K> Default for ListView<K> {
    fn default() -> Self {
        Self {
            cursor: Cursor::default(),
            filter: String::new(),
        }
    }
}

impl Link {
    /// The fleet as last seen.
    pub(crate) fn snapshot(&self) -> Option<&FleetSnapshot> {
        match self {
            Self::Connecting | Self::Refused(_) => None,
            Self::Live(snapshot) | Self::Lost(snapshot, _) => Some(snapshot),
        }
    }
}

impl View {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Self; 4] = [Self::Fleet, Self::Dispatches, Self::Stream, Self::Messages];

    /// The word in header and help.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Dispatches => "dispatches",
            Self::Stream => "stream",
            Self::Messages => "messages",
        }
    }

    fn layer(self) -> Layer {
        match self {
            Self::Fleet => Layer::Fleet,
            Self::Dispatches => Layer::Dispatches,
            Self::Stream => Layer::Stream,
            Self::Messages => Layer::Messages,
        }
    }
}

impl Model {
    /// Before anything is known.
    pub(crate) fn new(columns: u16, rows: u16, now_ms: i64) -> Self {
        Self {
            now_ms,
            columns,
            rows,
            link: Link::Connecting,
            view: View::Fleet,
            fleet: ListView::default(),
            dispatches: ListView::default(),
            whose: Whose::Everybody,
            stream: Stream::Closed,
            messages: Messages::default(),
            overlays: Vec::new(),
            composer: Composer::new(),
            prompt: Prompt::Closed { decided_at_ms: 0 },
            trust: TrustAnswer::None,
            mint: CommandId::mint,
            toast: Toast::None,
            exit: Exit::Stay,
        }
    }

    /// The active layers of keys, topmost first.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        self.layers_below(self.overlays.len())
    }

    /// The layers that would be active with only the first `depth` overlays: what the help on top of them explains.
    pub(crate) fn layers_below(&self, depth: usize) -> Vec<Layer> {
        let mut layers = Vec::new();
        let top = depth.checked_sub(1).and_then(|i| self.overlays.get(i));
        let typing = matches!(
            top,
            Some(
                Overlay::Composer
                    | Overlay::Filter(_)
                    | Overlay::Reason { .. }
                    | Overlay::OwnWords { .. }
                    | Overlay::TopUp(_)
            )
        );
        let asked = matches!(top, Some(Overlay::Confirm(_)));
        if let Prompt::Open(open) = &self.prompt
            && !asked
        {
            layers.push(match (open.is_question(), typing) {
                (false, false) => Layer::Prompt,
                (false, true) => Layer::PromptWhileTyping,
                (true, false) => Layer::Asked,
                (true, true) => Layer::AskedWhileTyping,
            });
        }
        match top {
            None => layers.extend([self.view.layer(), Layer::Move, Layer::Global]),
            Some(Overlay::Help { .. }) => layers.extend([Layer::HelpPage, Layer::Move]),
            Some(Overlay::Arguments { .. }) => layers.extend([Layer::Arguments, Layer::Move]),
            Some(Overlay::Composer) => layers.push(Layer::Composer),
            Some(Overlay::Confirm(_)) => layers.extend([Layer::Confirm, Layer::Move]),
            Some(Overlay::Question { .. }) => layers.extend([Layer::Question, Layer::Move]),
            Some(
                Overlay::Filter(_)
                | Overlay::Reason { .. }
                | Overlay::OwnWords { .. }
                | Overlay::TopUp(_),
            ) => {
                layers.push(Layer::Line);
            }
        }
        layers.push(Layer::Everywhere);
        layers
    }

    /// Whether a person is answering the question in the prompt.
    pub(crate) fn answers(&self) -> bool {
        let is_question = |overlay: &Overlay| matches!(overlay, Overlay::Question { .. });
        self.overlays.iter().any(is_question)
    }

    /// The peers that the fleet view lists.
    pub(crate) fn peers(&self) -> Vec<&PeerView> {
        let filter = &self.fleet.filter;
        let all = self.link.snapshot().map_or(&[][..], |all| &all.peers);
        all.iter()
            .filter(|peer| {
                let mode = peer.mode.map_or("foreign", |mode| mode.word());
                let text = format!("{} {mode} {}", peer.name, peer.health.word());
                text.contains(filter.as_str())
            })
            .collect()
    }

    /// The dispatches that the list shows, newest first.
    pub(crate) fn listed(&self) -> Vec<&DispatchView> {
        let filter = &self.dispatches.filter;
        let all = self.link.snapshot().map_or(&[][..], |all| &all.dispatches);
        all.iter()
            .filter(|dispatch| match &self.whose {
                Whose::Everybody => true,
                Whose::One(peer) => peer == &dispatch.peer,
            })
            .filter(|dispatch| {
                let words = format!("{} {}", dispatch.peer, dispatch.state.word());
                let said = dispatch.detail.instruction.raw().to_lowercase();
                words.contains(filter.as_str()) || said.contains(filter.as_str())
            })
            .collect()
    }

    /// The peer under the cursor of the fleet view.
    pub(crate) fn peer(&self) -> Option<&PeerView> {
        let peers = self.peers();
        let names: Vec<&PeerName> = peers.iter().map(|peer| &peer.name).collect();
        peers.get(self.fleet.cursor.index(&names)?).copied()
    }

    /// The dispatch under the cursor of the list.
    pub(crate) fn dispatch(&self) -> Option<&DispatchView> {
        let listed = self.listed();
        let ids: Vec<&DispatchId> = listed.iter().map(|view| &view.dispatch_id).collect();
        listed.get(self.dispatches.cursor.index(&ids)?).copied()
    }

    /// Dispatches that have not ended.
    pub(crate) fn open_dispatches(&self) -> usize {
        let all = self.link.snapshot().map_or(&[][..], |all| &all.dispatches);
        all.iter()
            .filter(|dispatch| !dispatch.state.is_final())
            .count()
    }

    /// Whether a dispatch waits for a person, for the badge.
    pub(crate) fn waiting(&self) -> usize {
        let all = self.link.snapshot().map_or(&[][..], |all| &all.dispatches);
        all.iter()
            .filter(|dispatch| dispatch.state == DispatchState::InputRequired)
            .map(|dispatch| dispatch.detail.permissions.len())
            .sum()
    }
}
