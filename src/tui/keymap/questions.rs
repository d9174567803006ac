//! The tables of the keymap for an agent's questions.
//!
//! Owns: their keys, with the words that help and footer show. A digit means an option only while a person answers: else it
//! would be taken by a question that came up under a finger.

use crossterm::event::KeyCode;

use super::tables::{alt, bind, ch, code};
use super::{Action, Binding, Key, PromptAction, QuestionAction};

pub(super) const ASKED: &[Binding] = &[
    bind(
        &[ch('a')],
        Action::Prompt(PromptAction::Answer),
        "answer it",
        "",
    ),
    bind(
        &[ch('d')],
        Action::Prompt(PromptAction::Deny),
        "deny it: the agent chooses itself",
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
        "view all that was asked",
        "",
    ),
];

pub(super) const ASKED_WHILE_TYPING: &[Binding] = &[
    bind(
        &[alt('a')],
        Action::Prompt(PromptAction::Answer),
        "answer it",
        "",
    ),
    bind(
        &[alt('d')],
        Action::Prompt(PromptAction::Deny),
        "deny it: the agent chooses itself",
        "",
    ),
    bind(
        &[alt('v')],
        Action::Prompt(PromptAction::Arguments),
        "view all that was asked",
        "",
    ),
];

const fn pick(key: &'static [Key], option: usize, help: &'static str) -> Binding {
    bind(
        key,
        Action::Question(QuestionAction::Pick(option)),
        help,
        "",
    )
}

pub(super) const QUESTION: &[Binding] = &[
    pick(&[ch('1')], 0, "choose the first; of several: mark it"),
    pick(&[ch('2')], 1, "choose the second; of several: mark it"),
    pick(&[ch('3')], 2, "choose the third; of several: mark it"),
    pick(&[ch('4')], 3, "choose the fourth; of several: mark it"),
    pick(&[ch('5')], 4, "choose the fifth; of several: mark it"),
    pick(&[ch('6')], 5, "choose the sixth; of several: mark it"),
    pick(&[ch('7')], 6, "choose the seventh; of several: mark it"),
    pick(&[ch('8')], 7, "choose the eighth; of several: mark it"),
    pick(&[ch('9')], 8, "choose the ninth; of several: mark it"),
    bind(
        &[code(KeyCode::Enter)],
        Action::Question(QuestionAction::Take),
        "take what is marked, else what is under the cursor",
        "take",
    ),
    bind(
        &[ch(' ')],
        Action::Question(QuestionAction::Mark),
        "mark, where several may be chosen",
        "",
    ),
    bind(
        &[ch('o')],
        Action::Question(QuestionAction::OwnWords),
        "answer in your own words",
        "own words",
    ),
    bind(
        &[ch('b'), code(KeyCode::Left), code(KeyCode::Backspace)],
        Action::Question(QuestionAction::Previous),
        "back to the question before",
        "",
    ),
    bind(&[ch('?')], Action::Help, "help for the question", "help"),
    bind(
        &[code(KeyCode::Esc), ch('q')],
        Action::Back,
        "later; it goes on waiting",
        "later",
    ),
];
