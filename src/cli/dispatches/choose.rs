//! What `--choose` says, as an answer to the questions that wait.
//!
//! Owns: numbers, labels and other words, and the error that lists the options. Pure. Whether the answer fits is checked
//! once more by the daemon and by the agent's receiver.

use fleet_a2a::ext::{Chosen, PermissionRequest, Question};

use crate::cli::question;
use crate::domain::{DispatchId, ErrorKind, Failure};

/// Before a text that is taken as it stands, though it looks like a number or a list.
const LITERAL: char = '=';

/// The answers to a request, one flag for each question.
pub(super) fn answers(
    id: DispatchId,
    request: &PermissionRequest,
    flags: &[String],
) -> Result<Vec<Chosen>, Failure> {
    if request.questions.is_empty() {
        let text = format!(
            "Request {:?} asks for a permission, not a question: --choose does not answer it.",
            request.request_id
        );
        let remedy = format!("Answer with: fleet dispatches answer {id} allow|deny");
        return Err(Failure::new(ErrorKind::Usage, text, remedy).about(id));
    }
    if flags.len() != request.questions.len() {
        let text = format!(
            "--choose is given {} times, and {} questions wait; give it once for each, in their order.",
            flags.len(),
            request.questions.len()
        );
        let each: Vec<String> = request.questions.iter().map(question::short).collect();
        return Err(Failure::new(ErrorKind::Usage, text, each.join("; then ")).about(id));
    }
    let each = request.questions.iter().zip(flags);
    each.map(|(question, flag)| {
        answer(question, flag).map_err(|what| {
            let text = format!("--choose {flag:?} {what}.");
            Failure::new(ErrorKind::Usage, text, question::short(question)).about(id)
        })
    })
    .collect()
}

/// The answer to one question; the error is the rest of a sentence.
fn answer(question: &Question, flag: &str) -> Result<Chosen, String> {
    if let Some(text) = flag.strip_prefix(LITERAL) {
        return said(text);
    }
    if question.multi_select
        && let Some(chosen) = several(question, flag)?
    {
        return Ok(chosen);
    }
    match option(question, flag)? {
        Some(label) => Ok(Chosen(vec![label])),
        None => said(flag),
    }
}

fn said(text: &str) -> Result<Chosen, String> {
    match text.trim() {
        "" => Err("says nothing".to_owned()),
        text => Ok(Chosen(vec![text.to_owned()])),
    }
}

/// A list, where at least one piece is an option; `None`: it is one text, though it may have commas.
fn several(question: &Question, flag: &str) -> Result<Option<Chosen>, String> {
    if option(question, flag).is_ok_and(|found| found.is_some()) {
        return Ok(None);
    }
    let (mut texts, mut any) = (Vec::new(), false);
    for piece in flag.split(',').map(str::trim) {
        let found = option(question, piece)?;
        any |= found.is_some();
        let text = found.unwrap_or_else(|| piece.to_owned());
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(any.then_some(Chosen(texts)))
}

/// The option that a word names: by its label, whatever the case, or by its number.
fn option(question: &Question, word: &str) -> Result<Option<String>, String> {
    let word = word.trim();
    let labels = || question.options.iter().map(|option| &option.label);
    let exact = labels().find(|label| *label == word);
    let alike = || labels().find(|label| label.to_lowercase() == word.to_lowercase());
    if let Some(label) = exact.or_else(alike) {
        return Ok(Some(label.clone()));
    }
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || question.options.is_empty() {
        return Ok(None);
    }
    let count = question.options.len();
    let number = word.parse::<usize>().ok();
    match number.and_then(|number| question.options.get(number.checked_sub(1)?)) {
        Some(option) => Ok(Some(option.label.clone())),
        None => Err(format!(
            "names no option: there are {count}; a number that is meant as a text has a = before it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::samples;

    fn asked() -> PermissionRequest {
        samples::questioning().detail.permissions.remove(0)
    }

    fn choose(flags: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let id = samples::completed().dispatch_id;
        let answers = answers(id, &asked(), &flags)?;
        Ok(answers.into_iter().map(|chosen| chosen.0).collect())
    }

    #[test]
    fn numbers_labels_and_other_words() {
        let table: [(&str, &str, &[&str], &[&str]); 8] = [
            ("1", "1,3", &["Red"], &["S", "L"]),
            ("blue", "m, wide", &["Blue"], &["M, wide"]),
            ("Blue", "S,2", &["Blue"], &["S", "M, wide"]),
            (
                "a warm one, please",
                "L, and XL",
                &["a warm one, please"],
                &["L", "and XL"],
            ),
            ("=7", "=1,3", &["7"], &["1,3"]),
            (
                "=Red",
                "none of them, thanks",
                &["Red"],
                &["none of them, thanks"],
            ),
            (" 2 ", "3,3,L", &["Blue"], &["L"]),
            ("1,2", "2", &["1,2"], &["M, wide"]),
        ];
        for (first, second, colour, sizes) in table {
            assert_eq!(
                choose(&[first, second]).unwrap(),
                [colour, sizes],
                "{first} {second}"
            );
        }
    }

    #[test]
    fn mistakes_are_told_with_the_options() {
        let told = |flags: &[&str]| {
            let failure = choose(flags).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2);
            format!("{}\n{}\n", failure.message, failure.remedy)
        };
        insta::assert_snapshot!(
            [told(&["1"]), told(&["7", "1"]), told(&["1", "1,9"]), told(&["1", " "])].join("\n"),
            @r#"
        --choose is given 1 times, and 2 questions wait; give it once for each, in their order.
        Which colour should it be? 1 Red, 2 Blue, or other words; then Which sizes are needed? 1 S, 2 M, wide, 3 L, or other words

        --choose "7" names no option: there are 2; a number that is meant as a text has a = before it.
        Which colour should it be? 1 Red, 2 Blue, or other words

        --choose "1,9" names no option: there are 3; a number that is meant as a text has a = before it.
        Which sizes are needed? 1 S, 2 M, wide, 3 L, or other words

        --choose " " says nothing.
        Which sizes are needed? 1 S, 2 M, wide, 3 L, or other words
        "#
        );
    }

    #[test]
    fn a_permission_takes_no_choice() {
        let request = samples::asking().detail.permissions.remove(0);
        let id = samples::completed().dispatch_id;
        let failure = answers(id, &request, &["1".to_owned()]).unwrap_err();
        assert!(
            failure.message.contains("asks for a permission"),
            "{failure}"
        );
    }

    proptest! {
        #[test]
        fn no_flag_makes_it_panic_and_what_is_taken_fits(first in "[ =,0-9a-zRBed]{0,8}", second in "[ =,0-9a-zSML]{0,8}") {
            if let Ok(answers) = choose(&[&first, &second]) {
                let ruling = fleet_a2a::ext::Ruling {
                    decision: fleet_a2a::ext::Decision::Allow,
                    reason: None,
                    answers: answers.into_iter().map(Chosen).collect(),
                };
                prop_assert!(ruling.answers.len() == 2);
                // At most as many as there are options, and one text of the person's own, or the check names it.
                if ruling.answers[1].0.len() <= 4 {
                    prop_assert_eq!(ruling.check_answers(&asked()), Ok(()));
                }
            }
        }

        #[test]
        fn a_label_is_always_taken_for_itself(n in 0usize..3) {
            let label = asked().questions[1].options[n].label.clone();
            prop_assert_eq!(choose(&["1", &label]).unwrap()[1].clone(), vec![label]);
        }
    }
}
