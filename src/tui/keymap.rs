//! Which key means what, in one place.
//!
//! Owns: the actions, the tables per layer, and the names of keys. Help and footer are made from these tables, so they
//! cannot tell a person anything else than what the keys do. Does not own: what an action does, see `update`.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::View;

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
    Prompt(PromptAction),
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

const fn ch(c: char) -> Key {
    code(KeyCode::Char(c))
}
const fn code(code: KeyCode) -> Key {
    Key {
        code,
        mods: KeyModifiers::NONE,
    }
}
const fn ctrl(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        mods: KeyModifiers::CONTROL,
    }
}
const fn alt(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        mods: KeyModifiers::ALT,
    }
}
const fn bind(
    keys: &'static [Key],
    action: Action,
    help: &'static str,
    hint: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        help,
        hint,
    }
}

const EVERYWHERE: &[Binding] = &[bind(
    &[ctrl('c')],
    Action::Exit,
    "quit; running dispatches go on in the daemon",
    "",
)];

const GLOBAL: &[Binding] = &[
    bind(&[ch('?')], Action::Help, "help for this view", "help"),
    bind(&[code(KeyCode::Esc)], Action::Back, "back", ""),
    bind(
        &[ch('q')],
        Action::Close,
        "leave the view; in the fleet view: quit",
        "quit",
    ),
    bind(&[code(KeyCode::Tab)], Action::NextView, "next view", ""),
    bind(
        &[code(KeyCode::BackTab)],
        Action::PrevView,
        "previous view",
        "",
    ),
    bind(&[ch('1')], Action::Jump(View::Fleet), "the fleet", ""),
    bind(
        &[ch('2')],
        Action::Jump(View::Dispatches),
        "the dispatches",
        "",
    ),
    bind(&[ch('3')], Action::Jump(View::Stream), "the stream", ""),
    bind(&[ch('4')], Action::Jump(View::Messages), "the messages", ""),
    bind(
        &[ch('y')],
        Action::Yank,
        "copy the command that does the same",
        "",
    ),
];

const MOVE: &[Binding] = &[
    bind(&[ch('k'), code(KeyCode::Up)], Action::Up, "up", ""),
    bind(&[ch('j'), code(KeyCode::Down)], Action::Down, "down", ""),
    bind(
        &[ch('g'), code(KeyCode::Home)],
        Action::Top,
        "to the top",
        "",
    ),
    bind(
        &[ch('G'), code(KeyCode::End)],
        Action::Bottom,
        "to the end; in a stream: follow again",
        "",
    ),
    bind(&[ctrl('u')], Action::HalfUp, "half a page up", ""),
    bind(&[ctrl('d')], Action::HalfDown, "half a page down", ""),
    bind(&[code(KeyCode::PageUp)], Action::PageUp, "a page up", ""),
    bind(
        &[code(KeyCode::PageDown)],
        Action::PageDown,
        "a page down",
        "",
    ),
];

const FLEET: &[Binding] = &[
    bind(
        &[code(KeyCode::Enter)],
        Action::Open,
        "the peer's dispatches",
        "open",
    ),
    bind(
        &[ch('n'), ch('s')],
        Action::Compose,
        "new dispatch to this peer",
        "new dispatch",
    ),
    bind(&[ch('S')], Action::Start, "start the receiver", "start"),
    bind(&[ch('x')], Action::Stop, "stop the receiver", "stop"),
    bind(&[ch('D')], Action::Deploy, "deploy the receiver", "deploy"),
    bind(&[ch('/')], Action::Filter, "filter the peers", "filter"),
];

const DISPATCHES: &[Binding] = &[
    bind(
        &[code(KeyCode::Enter)],
        Action::Open,
        "the dispatch's stream or transcript",
        "open",
    ),
    bind(
        &[ch('n'), ch('s')],
        Action::Compose,
        "new dispatch to the same peer",
        "new dispatch",
    ),
    bind(
        &[ch('c')],
        Action::CancelDispatch,
        "cancel the dispatch",
        "cancel it",
    ),
    bind(
        &[ch('/')],
        Action::Filter,
        "filter the dispatches",
        "filter",
    ),
];

const STREAM: &[Binding] = &[
    bind(
        &[ch('n'), ch('s')],
        Action::Compose,
        "go on in this context with a new dispatch",
        "new dispatch",
    ),
    bind(
        &[ch('c')],
        Action::CancelDispatch,
        "cancel the dispatch",
        "cancel it",
    ),
];

const PROMPT: &[Binding] = &[
    bind(
        &[ch('a')],
        Action::Prompt(PromptAction::Allow),
        "allow it this once",
        "",
    ),
    bind(
        &[ch('A')],
        Action::Prompt(PromptAction::Always),
        "allow it and everything like it in this context",
        "",
    ),
    bind(
        &[ch('d')],
        Action::Prompt(PromptAction::Deny),
        "deny it",
        "",
    ),
    bind(
        &[ch('r')],
        Action::Prompt(PromptAction::DenyWithReason),
        "deny it with a reason",
        "",
    ),
    bind(
        &[ch('v')],
        Action::Prompt(PromptAction::Arguments),
        "view all its arguments",
        "",
    ),
];

const PROMPT_WHILE_TYPING: &[Binding] = &[
    bind(
        &[alt('a')],
        Action::Prompt(PromptAction::Allow),
        "allow it this once",
        "",
    ),
    bind(
        &[alt('d')],
        Action::Prompt(PromptAction::Deny),
        "deny it",
        "",
    ),
    bind(
        &[alt('v')],
        Action::Prompt(PromptAction::Arguments),
        "view all its arguments",
        "",
    ),
];

const COMPOSER: &[Binding] = &[
    bind(
        &[
            ctrl('s'),
            Key {
                code: KeyCode::Enter,
                mods: KeyModifiers::CONTROL,
            },
        ],
        Action::Composer(ComposerAction::Send),
        "send",
        "send",
    ),
    bind(
        &[code(KeyCode::Tab)],
        Action::Composer(ComposerAction::NextField),
        "next field",
        "next field",
    ),
    bind(
        &[code(KeyCode::BackTab)],
        Action::Composer(ComposerAction::PrevField),
        "previous field",
        "",
    ),
    bind(
        &[ctrl('r')],
        Action::Composer(ComposerAction::SendAgain),
        "send a second run of the same content",
        "",
    ),
    bind(
        &[ctrl('l')],
        Action::Composer(ComposerAction::Clear),
        "clear the draft",
        "",
    ),
    bind(
        &[code(KeyCode::F(1))],
        Action::Help,
        "help for the composer",
        "help",
    ),
    bind(
        &[code(KeyCode::Esc)],
        Action::Back,
        "back; the draft is kept",
        "back",
    ),
];

const CONFIRM: &[Binding] = &[
    bind(
        &[ch('y')],
        Action::Confirm(ConfirmAction::Yes),
        "yes",
        "yes",
    ),
    bind(
        &[ch('n'), ch('q'), code(KeyCode::Esc)],
        Action::Confirm(ConfirmAction::No),
        "no",
        "no",
    ),
    bind(
        &[
            code(KeyCode::Tab),
            code(KeyCode::BackTab),
            code(KeyCode::Left),
            code(KeyCode::Right),
        ],
        Action::Confirm(ConfirmAction::Toggle),
        "the other button",
        "",
    ),
    bind(
        &[code(KeyCode::Enter)],
        Action::Confirm(ConfirmAction::Press),
        "press the marked button",
        "press",
    ),
];

const LINE: &[Binding] = &[
    bind(&[code(KeyCode::Enter)], Action::Submit, "take it", "take"),
    bind(&[code(KeyCode::Esc)], Action::Back, "drop it", "drop"),
];

const PAGE: &[Binding] = &[bind(
    &[code(KeyCode::Esc), ch('q'), ch('?')],
    Action::Back,
    "close",
    "close",
)];

impl Layer {
    /// Its table.
    pub(crate) fn bindings(self) -> &'static [Binding] {
        match self {
            Self::Prompt => PROMPT,
            Self::PromptWhileTyping => PROMPT_WHILE_TYPING,
            Self::Fleet => FLEET,
            Self::Dispatches => DISPATCHES,
            Self::Stream => STREAM,
            Self::Messages => &[],
            Self::Move => MOVE,
            Self::Global => GLOBAL,
            Self::Everywhere => EVERYWHERE,
            Self::HelpPage | Self::Arguments => PAGE,
            Self::Composer => COMPOSER,
            Self::Confirm => CONFIRM,
            Self::Line => LINE,
        }
    }

    /// What the help calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Prompt | Self::PromptWhileTyping => "The permission request",
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
