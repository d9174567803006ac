//! The tables of the keymap: one for each layer.
//!
//! Owns: every key of the console, with the words that help and footer show.

use crossterm::event::{KeyCode, KeyModifiers};

use super::{Action, Binding, ComposerAction, ConfirmAction, Key, PromptAction};
use crate::tui::model::View;

pub(super) const fn ch(c: char) -> Key {
    code(KeyCode::Char(c))
}
pub(super) const fn code(code: KeyCode) -> Key {
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
pub(super) const fn alt(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        mods: KeyModifiers::ALT,
    }
}
pub(super) const fn bind(
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

pub(super) const EVERYWHERE: &[Binding] = &[bind(
    &[ctrl('c')],
    Action::Exit,
    "quit; running dispatches go on in the daemon",
    "",
)];

pub(super) const GLOBAL: &[Binding] = &[
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
        &[ch('t')],
        Action::Trust,
        "read and accept what this fleet.toml, or the peer's repo, would run",
        "trust",
    ),
    bind(
        &[ch('y')],
        Action::Yank,
        "copy the command that does the same",
        "",
    ),
];

pub(super) const MOVE: &[Binding] = &[
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

pub(super) const FLEET: &[Binding] = &[
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
    bind(
        &[ch('b')],
        Action::TopUp,
        "add to the peer's budget",
        "top up",
    ),
    bind(
        &[ch('B')],
        Action::ResetBudget,
        "let what the peer has spent count from zero",
        "",
    ),
];

pub(super) const DISPATCHES: &[Binding] = &[
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

pub(super) const STREAM: &[Binding] = &[
    bind(
        &[ch('n'), ch('s')],
        Action::Compose,
        "go on in this context with a new dispatch",
        "go on",
    ),
    bind(
        &[ch('c')],
        Action::CancelDispatch,
        "cancel the dispatch",
        "cancel it",
    ),
];

pub(super) const PROMPT: &[Binding] = &[
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

pub(super) const PROMPT_WHILE_TYPING: &[Binding] = &[
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

pub(super) const COMPOSER: &[Binding] = &[
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

pub(super) const CONFIRM: &[Binding] = &[
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

pub(super) const LINE: &[Binding] = &[
    bind(&[code(KeyCode::Enter)], Action::Submit, "take it", "take"),
    bind(&[code(KeyCode::Esc)], Action::Back, "drop it", "drop"),
];

pub(super) const PAGE: &[Binding] = &[bind(
    &[code(KeyCode::Esc), ch('q'), ch('?')],
    Action::Back,
    "close",
    "close",
)];
