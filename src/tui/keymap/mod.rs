//! Which key means what, in one place.
//!
//! Owns: the actions, the tables per layer (`tables`), and the names of keys. Help and footer are made from these tables, so they
//! cannot tell a person anything else than what the keys do. Does not own: what an action does, see `update`.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::View;

mod questions;
mod tables;

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Exit,
    Close,
    Back,
    Help,
    NextView,
    PrevView,
    Jump(View),
    Up,
    Down,
    Top,
    Bottom,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    Open,
    Compose,
    Filter,
    Yank,
    Start,
    Stop,
    Deploy,
    CancelDispatch,
    TopUp,
    ResetBudget,
    Trust,
    Prompt(PromptAction),
    Question(QuestionAction),
    Composer(ComposerAction),
    Confirm(ConfirmAction),
    Submit,
}

/// What a person wants of the open permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptAction {
    Allow,
    Always,
    Deny,
    DenyWithReason,
    Arguments,
    Answer,
}

/// What a person wants of the question that has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuestionAction {
    /// An option, from 0.
    Pick(usize),
    Take,
    Mark,
    OwnWords,
    Previous,
}

/// What a person wants of the composer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComposerAction {
    Send,
    SendAgain,
    NextField,
    PrevField,
    Clear,
}

/// What a person wants of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfirmAction {
    Yes,
    No,
    Toggle,
    Press,
}

/// A set of keys that is active at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A permission request waits and letters are free.
    Prompt,
    /// A permission request waits while text is being typed.
    PromptWhileTyping,
    /// A question waits and letters are free.
    Asked,
    /// A question waits while text is being typed.
    AskedWhileTyping,
    /// The question has the keys.
    Question,
    Fleet,
    Dispatches,
    Stream,
    Messages,
    Move,
    Global,
    Everywhere,
    HelpPage,
    Arguments,
    Composer,
    Confirm,
    Line,
}

/// One key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    mods: KeyModifiers,
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    /// Any of these.
    pub(crate) keys: &'static [Key],
    /// Means this.
    pub(crate) action: Action,
    /// What it does, for the help.
    pub(crate) help: &'static str,
    /// One or two words for the footer; empty keeps it out.
    pub(crate) hint: &'static str,
}

impl Layer {
    /// Its table.
    pub(crate) fn bindings(self) -> &'static [Binding] {
        match self {
            Self::Prompt => tables::PROMPT,
            Self::PromptWhileTyping => tables::PROMPT_WHILE_TYPING,
            Self::Asked => questions::ASKED,
            Self::AskedWhileTyping => questions::ASKED_WHILE_TYPING,
            Self::Question => questions::QUESTION,
            Self::Fleet => tables::FLEET,
            Self::Dispatches => tables::DISPATCHES,
            Self::Stream => tables::STREAM,
            Self::Messages => &[],
            Self::Move => tables::MOVE,
            Self::Global => tables::GLOBAL,
            Self::Everywhere => tables::EVERYWHERE,
            Self::HelpPage | Self::Arguments => tables::PAGE,
            Self::Composer => tables::COMPOSER,
            Self::Confirm => tables::CONFIRM,
            Self::Line => tables::LINE,
        }
    }

    /// What the help calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Prompt | Self::PromptWhileTyping => "The permission request",
            Self::Asked | Self::AskedWhileTyping => "The question",
            Self::Question => "Answering the question",
            Self::Fleet => "The fleet",
            Self::Dispatches => "The dispatches",
            Self::Stream => "The stream",
            Self::Messages => "The messages",
            Self::Move => "Moving",
            Self::Global | Self::Everywhere => "Everywhere",
            Self::HelpPage => "Help",
            Self::Arguments => "The arguments",
            Self::Composer => "The composer",
            Self::Confirm => "The dialog",
            Self::Line => "The line",
        }
    }
}

impl Key {
    /// The key of a terminal event; `None` for a release. Shift is part of a character already.
    pub(crate) fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let kept = KeyModifiers::CONTROL | KeyModifiers::ALT;
        Some(Self {
            code: event.code,
            mods: event.modifiers & kept,
        })
    }

    /// The name that help and footer show.
    pub(crate) fn label(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::F(n) => format!("f{n}"),
            KeyCode::BackTab => "shift-tab".to_owned(),
            KeyCode::PageUp => "pgup".to_owned(),
            KeyCode::PageDown => "pgdn".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        let mut label = String::new();
        if self.mods.contains(KeyModifiers::CONTROL) {
            label.push_str("ctrl-");
        }
        if self.mods.contains(KeyModifiers::ALT) {
            label.push_str("alt-");
        }
        label + &name
    }
}

impl Binding {
    /// All its keys, for the help.
    pub(crate) fn labels(&self) -> String {
        let labels: Vec<String> = self.keys.iter().map(|key| key.label()).collect();
        labels.join(" ")
    }
}

/// What a key means in the topmost layer that knows it.
pub(crate) fn resolve(layers: &[Layer], key: Key) -> Option<Action> {
    layers
        .iter()
        .flat_map(|layer| layer.bindings())
        .find(|binding| binding.keys.contains(&key))
        .map(|binding| binding.action)
}
