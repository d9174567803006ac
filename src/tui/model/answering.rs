//! Where a person stands in answering an agent's questions.
//!
//! Owns: which question it is, what is marked, and what was chosen so far. Pure; the keys that lead here are in `keymap`.

use std::collections::BTreeSet;

use fleet_a2a::ext::{Chosen, Question};

/// A person's way through the questions of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answering {
    /// One for each question that is behind.
    chosen: Vec<Chosen>,
    /// The option under the cursor; one past the last stands for the person's own words.
    cursor: usize,
    /// Options that were marked where several may be chosen.
    marked: BTreeSet<usize>,
}

/// What a key press led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The same question.
    Stay,
    /// The next question.
    Next,
    /// The person wants to say something else: a line is to be typed.
    OwnWords,
    /// All is answered.
    Done(Vec<Chosen>),
}

impl Answering {
    /// The number of the question, from 0.
    pub(crate) fn at(&self) -> usize {
        self.chosen.len()
    }

    /// The question that is asked now.
    pub(crate) fn question<'a>(&self, questions: &'a [Question]) -> Option<&'a Question> {
        questions.get(self.at())
    }

    /// The option under the cursor.
    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether an option is marked.
    pub(crate) fn is_marked(&self, option: usize) -> bool {
        self.marked.contains(&option)
    }

    /// Moves the cursor; it stops at both ends.
    pub(crate) fn move_by(&mut self, questions: &[Question], by: isize) {
        let last = self.options(questions);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }

    /// Marks the option under the cursor, or takes the mark away.
    pub(crate) fn mark(&mut self, questions: &[Question]) {
        let can_mark = self.is_several(questions) && self.cursor < self.options(questions);
        if can_mark && !self.marked.remove(&self.cursor) {
            self.marked.insert(self.cursor);
        }
    }

    /// The digit of an option: chooses it, or marks it where several may be chosen.
    pub(crate) fn pick(&mut self, questions: &[Question], option: usize) -> Step {
        if option >= self.options(questions) {
            return Step::Stay;
        }
        self.cursor = option;
        if self.is_several(questions) {
            self.mark(questions);
            return Step::Stay;
        }
        self.take(questions)
    }

    /// Takes what is marked, else what is under the cursor.
    pub(crate) fn take(&mut self, questions: &[Question]) -> Step {
        if self.cursor >= self.options(questions) {
            return Step::OwnWords;
        }
        let texts = if self.marked.is_empty() {
            self.labels(questions, &BTreeSet::from([self.cursor]))
        } else {
            self.labels(questions, &self.marked)
        };
        self.answer(questions, texts)
    }

    /// Takes the person's own words, beside what is marked.
    pub(crate) fn say(&mut self, questions: &[Question], text: &str) -> Step {
        let text = text.trim().to_owned();
        if text.is_empty() {
            return Step::Stay;
        }
        let mut texts = self.labels(questions, &self.marked);
        if !texts.contains(&text) {
            texts.push(text);
        }
        self.answer(questions, texts)
    }

    /// Back to the question before.
    pub(crate) fn back(&mut self) {
        self.chosen.pop();
        (self.cursor, self.marked) = (0, BTreeSet::new());
    }

    /// The last answer is not kept here: where it cannot be stored the person is asked it again.
    fn answer(&mut self, questions: &[Question], texts: Vec<String>) -> Step {
        let mut all = self.chosen.clone();
        all.push(Chosen(texts));
        if all.len() >= questions.len() {
            return Step::Done(all);
        }
        (self.cursor, self.marked) = (0, BTreeSet::new());
        self.chosen = all;
        Step::Next
    }

    fn options(&self, questions: &[Question]) -> usize {
        self.question(questions).map_or(0, |one| one.options.len())
    }

    fn is_several(&self, questions: &[Question]) -> bool {
        self.question(questions).is_some_and(|one| one.multi_select)
    }

    fn labels(&self, questions: &[Question], wanted: &BTreeSet<usize>) -> Vec<String> {
        let Some(question) = self.question(questions) else {
            return Vec::new();
        };
        let options = wanted
            .iter()
            .filter_map(|option| question.options.get(*option));
        options.map(|option| option.label.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use fleet_a2a::ext::{Decision, PermissionRequest, QuestionOption, Ruling};
    use proptest::prelude::*;

    use super::*;

    fn question(options: usize, multi_select: bool) -> Question {
        let option = |n| QuestionOption {
            label: format!("option {n}"),
            description: String::new(),
        };
        Question {
            question: "Which?".to_owned(),
            header: String::new(),
            options: (0..options).map(option).collect(),
            multi_select,
        }
    }

    /// Presses a key of a few; `None` when it is answered.
    fn press(answering: &mut Answering, questions: &[Question], key: u8) -> Step {
        match key {
            0..=3 => answering.pick(questions, usize::from(key)),
            4 => {
                answering.move_by(questions, 1);
                Step::Stay
            }
            5 => {
                answering.move_by(questions, isize::MIN);
                Step::Stay
            }
            6 => {
                answering.mark(questions);
                Step::Stay
            }
            7 => {
                answering.back();
                Step::Stay
            }
            8 => answering.say(questions, " own words "),
            _ => answering.take(questions),
        }
    }

    proptest! {
        #[test]
        fn whatever_is_pressed_the_answer_fits_the_questions(
            shapes in prop::collection::vec((0usize..5, any::<bool>()), 1..4),
            keys in prop::collection::vec(0u8..11, 0..40),
        ) {
            let questions: Vec<Question> =
                shapes.iter().map(|(options, several)| question(*options, *several)).collect();
            let request = PermissionRequest {
                request_id: "r".to_owned(),
                tool: "t".to_owned(),
                arguments: serde_json::Value::Null,
                choices: vec![Decision::Allow, Decision::Deny],
                expires_at: String::new(),
                questions: questions.clone(),
            };
            let mut answering = Answering::default();
            for key in keys {
                let step = press(&mut answering, &questions, key);
                prop_assert!(answering.at() < questions.len());
                prop_assert!(answering.cursor() <= questions[answering.at()].options.len());
                if let Step::Done(answers) = step {
                    let ruling = Ruling { decision: Decision::Allow, reason: None, answers };
                    prop_assert_eq!(ruling.check_answers(&request), Ok(()));
                }
            }
        }
    }
}
