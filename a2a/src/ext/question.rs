//! Questions that an agent asks a person, and what the person chooses.
//!
//! Owns: their form inside a permission request and its answer, their bounds, and which answer fits which questions. Does
//! not own: how an agent is told, or how a person is asked.

use serde::{Deserialize, Deserializer, Serialize};

use super::events::{Decision, PermissionRequest};
use crate::contract::{Violation, shown_text};

/// Questions in one request: Claude Code asks up to 4; a person loses track of more than 8.
pub const MAX_QUESTIONS: usize = 8;
/// Options of one question: each has a digit of its own on a keyboard. Claude Code offers up to 4.
pub const MAX_OPTIONS: usize = 9;
/// Bytes of one question: a long paragraph; more belongs into the reply.
pub const MAX_QUESTION_BYTES: usize = 4 * 1024;
/// Bytes of a header or a label: a line on a wide screen.
pub const MAX_LABEL_BYTES: usize = 512;
/// Bytes of an option's description: a short paragraph.
pub const MAX_DESCRIPTION_BYTES: usize = 2 * 1024;
/// Bytes of all answers to one request: what Claude Code takes of them.
pub const MAX_ANSWERS_BYTES: usize = 32 * 1024;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The whole of it.
    pub question: String,
    /// What it is about, in a word or two; empty where the agent gave none.
    #[serde(default)]
    pub header: String,
    /// What is offered; a person may always say something else.
    #[serde(default)]
    pub options: Vec<QuestionOption>,
    /// Whether several may be chosen.
    #[serde(default)]
    pub multi_select: bool,
}

/// One thing that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// Names it in the answer.
    pub label: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// What was chosen for one question: labels, or own words. On the wire a list, or a single text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Chosen(pub Vec<String>);

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(String),
            Many(Vec<String>),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::One(text) => Self(vec![text]),
            Form::Many(texts) => Self(texts),
        })
    }
}

/// What is said to a request: the decision, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Yes or no.
    pub decision: Decision,
    /// Told to the agent with a denial.
    pub reason: Option<String>,
    /// One for each question, in their order; empty for anything but questions that are answered.
    pub answers: Vec<Chosen>,
}

impl Ruling {
    /// A decision without answers.
    #[must_use]
    pub fn plain(decision: Decision, reason: Option<String>) -> Self {
        Self {
            decision,
            reason,
            answers: Vec::new(),
        }
    }

    /// Whether the answers fit what was asked. Which decisions are on offer is told by the request's choices.
    ///
    /// # Errors
    /// The [`Violation`] that names the answer.
    pub fn check_answers(&self, request: &PermissionRequest) -> Result<(), Violation> {
        let wants = match self.decision {
            Decision::Allow => request.questions.as_slice(),
            Decision::Deny | Decision::Always => &[],
        };
        if wants.len() == self.answers.len() {
            return check(wants, &self.answers);
        }
        let held = match self.answers.len() {
            0 => "none".to_owned(),
            1 => "1 answer".to_owned(),
            count => format!("{count} answers"),
        };
        Err(Violation::new("answers", held, takes(request, wants)))
    }
}

fn takes(request: &PermissionRequest, wants: &[Question]) -> String {
    match wants {
        [] if request.questions.is_empty() => {
            "none: the request asks for a permission, not a question".to_owned()
        }
        [] => "none with a denial".to_owned(),
        [one] => format!("a list of one answer: {}", offer(one)),
        many => {
            let offers: Vec<String> = many.iter().map(offer).collect();
            let count = many.len();
            format!("a list of {count} answers: {}", offers.join("; then "))
        }
    }
}

/// What a question takes, in words.
fn offer(question: &Question) -> String {
    let labels: Vec<String> = question
        .options
        .iter()
        .map(|option| shown_text(&option.label))
        .collect();
    match (labels.as_slice(), question.multi_select) {
        ([], _) => "a text".to_owned(),
        (labels, true) => format!("a list of {}, or own words", labels.join(", ")),
        (labels, false) => format!("one of {}, or own words", labels.join(", ")),
    }
}

fn check(questions: &[Question], answers: &[Chosen]) -> Result<(), Violation> {
    for (at, (question, chosen)) in questions.iter().zip(answers).enumerate() {
        check_one(at, question, chosen)?;
    }
    let texts = answers.iter().flat_map(|chosen| &chosen.0);
    let bytes: usize = texts.map(String::len).sum();
    if bytes > MAX_ANSWERS_BYTES {
        let takes = format!("at most {MAX_ANSWERS_BYTES} bytes in all");
        return Err(Violation::new("answers", format!("{bytes} bytes"), takes));
    }
    Ok(())
}

fn check_one(at: usize, question: &Question, Chosen(texts): &Chosen) -> Result<(), Violation> {
    let field = format!("answers[{at}]");
    // The options, and own words beside them.
    let most = if question.multi_select {
        question.options.len() + 1
    } else {
        1
    };
    if texts.is_empty() || texts.len() > most {
        let held = match texts.len() {
            0 => "nothing".to_owned(),
            count => format!("{count} texts"),
        };
        return Err(Violation::new(field, held, offer(question)));
    }
    for (n, text) in texts.iter().enumerate() {
        let held = if text.trim().is_empty() {
            "an empty text".to_owned()
        } else if texts[..n].contains(text) {
            format!("{} twice", shown_text(text))
        } else {
            continue;
        };
        let field = format!("{field}[{n}]");
        return Err(Violation::new(field, held, offer(question)));
    }
    Ok(())
}

/// Whether questions keep to the bounds.
///
/// # Errors
/// What is too much, as the rest of a sentence: `it asks 9 questions, of at most 8`.
pub fn check_questions(questions: &[Question]) -> Result<(), String> {
    let at_most = |what: &str, held: usize, most: usize| {
        if held > most {
            Err(format!("{what} {held}, of at most {most}"))
        } else {
            Ok(())
        }
    };
    at_most("its questions are", questions.len(), MAX_QUESTIONS)?;
    for (at, question) in questions.iter().enumerate() {
        let long = |what: &str, text: &str, most: usize| {
            let what = format!("{what} {} has bytes:", at + 1);
            at_most(&what, text.len(), most)
        };
        at_most(
            "the options of a question are",
            question.options.len(),
            MAX_OPTIONS,
        )?;
        long("question", &question.question, MAX_QUESTION_BYTES)?;
        long("the header of question", &question.header, MAX_LABEL_BYTES)?;
        for option in &question.options {
            long("a label of question", &option.label, MAX_LABEL_BYTES)?;
            long(
                "a description of question",
                &option.description,
                MAX_DESCRIPTION_BYTES,
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
