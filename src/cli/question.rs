//! The questions of an agent in words, and the flags that answer them.
//!
//! Owns: how they read on a command line. Does not own: printing, and reading an answer (see `dispatches/choose`).

use fleet_a2a::ext::{Chosen, PermissionRequest, Question, QuestionOption};

use crate::domain::SafeText;

/// What waits, without the answer: the tool and its arguments, or the questions, each with its options below it.
pub(crate) fn lines(request: &PermissionRequest) -> Vec<String> {
    let count = request.questions.len();
    let mut out = Vec::new();
    for (at, question) in request.questions.iter().enumerate() {
        let which = if count > 1 {
            format!("{} of {count}: ", at + 1)
        } else {
            String::new()
        };
        out.push(format!("{which}{}", head(question)));
        out.extend(options(question));
    }
    out
}

/// The question on one line.
fn head(question: &Question) -> String {
    let header = match question.header.as_str() {
        "" => String::new(),
        header => format!("{header}: "),
    };
    let several = if question.multi_select {
        " (several may be chosen)"
    } else {
        ""
    };
    format!("{header}{}{several}", question.question)
}

/// The question and its options on one line, safe to stand in a failure.
pub(crate) fn short(question: &Question) -> String {
    let options = question.options.iter().enumerate();
    let mut all: Vec<String> = options
        .map(|(n, option)| format!("{} {}", n + 1, option.label))
        .collect();
    all.push("or other words".to_owned());
    let text = format!("{} {}", question.question, all.join(", "));
    SafeText::line_of(&text).as_str().to_owned()
}

/// The options, numbered as an answer names them.
fn options(question: &Question) -> Vec<String> {
    let option = |(n, option): (usize, &QuestionOption)| {
        let meaning = match option.description.as_str() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        format!("  {} {}{meaning}", n + 1, option.label)
    };
    question.options.iter().enumerate().map(option).collect()
}

/// The flags that answer all of it, for a command that is shown. They name the request: a number that was meant for these
/// options must not answer a later question.
pub(crate) fn flags(request: &PermissionRequest) -> String {
    let flag = |question: &Question| match (question.options.is_empty(), question.multi_select) {
        (true, _) => "--choose TEXT",
        (false, true) => "--choose N,N|TEXT",
        (false, false) => "--choose N|TEXT",
    };
    let flags: Vec<&str> = request.questions.iter().map(flag).collect();
    let request = super::text::quoted(&request.request_id);
    format!("--request {request} {}", flags.join(" "))
}

/// What was chosen, question by question.
pub(crate) fn chosen(answers: &[Chosen]) -> String {
    let each: Vec<String> = answers.iter().map(|one| one.0.join(", ")).collect();
    each.join("; ")
}
