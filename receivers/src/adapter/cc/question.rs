//! What becomes of a request of the CLI: granted already, refused at once, or put to a person; and the tool whose requests
//! are no wish to do something but questions.
//!
//! Owns: that choice, the form of `AskUserQuestion`, and how what a person chose is told to the agent. No I/O.

use std::collections::BTreeSet;

use fleet_a2a::ext::question::check_questions;
use fleet_a2a::ext::{Chosen, Question, QuestionOption};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::events::Ask;
use super::grants::Grants;
use crate::config::Permissions;

/// The tool that asks a person something. It changes nothing, so every level may use it.
pub(super) const TOOL: &str = "AskUserQuestion";
/// Told to the agent when a person does not want to answer and gives no reason.
pub(super) const DENIED: &str = "The person who was asked does not want to answer: choose yourself, and say in your reply what you assumed.";
/// Told to a read-only agent about everything else that it would have to be allowed.
const READ_ONLY: &str = "This agent is read-only: it may read and ask, and nothing else will be allowed. Do not try another way to the same \
                         end; say in your reply what is left to do.";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// A person granted it before.
    Granted,
    /// No person needs to be asked; the agent is told why.
    Refused(String),
    /// A person decides.
    Person,
}

/// Decides what becomes of a request.
pub(super) fn course(ask: &Ask, permissions: Permissions, grants: &Grants) -> Course {
    if ask.tool == TOOL {
        return match read(&ask.input) {
            Ok(_) => Course::Person,
            Err(why) => Course::Refused(format!(
                "This cannot be put to a person ({why}). Ask in another form, or choose yourself and say in your reply what you assumed."
            )),
        };
    }
    match permissions {
        Permissions::ReadOnly => Course::Refused(READ_ONLY.to_owned()),
        Permissions::Ask | Permissions::Edit | Permissions::Full => {
            if grants.cover(&ask.suggestions) {
                Course::Granted
            } else {
                Course::Person
            }
        }
    }
}

/// The questions of a request; none where it asks for a permission, or where [`course`] refuses it.
pub(super) fn questions(ask: &Ask) -> Vec<Question> {
    if ask.tool == TOOL {
        read(&ask.input).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// The tool's arguments.
#[derive(Debug, Deserialize)]
struct RawQuestions {
    questions: Vec<RawQuestion>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawQuestion {
    question: String,
    #[serde(default)]
    header: String,
    /// Some builds of the CLI know questions without options.
    #[serde(default)]
    options: Vec<QuestionOption>,
    #[serde(default)]
    multi_select: bool,
}

/// Reads the tool's arguments; the error is the rest of a sentence.
fn read(input: &Value) -> Result<Vec<Question>, String> {
    let raw = RawQuestions::deserialize(input)
        .map_err(|error| format!("its arguments cannot be read: {error}"))?;
    let questions: Vec<Question> = raw
        .questions
        .into_iter()
        .map(|raw| Question {
            question: raw.question,
            header: raw.header,
            options: raw.options,
            multi_select: raw.multi_select,
        })
        .collect();
    if questions.is_empty() {
        return Err("it asks nothing".to_owned());
    }
    check_questions(&questions)?;
    // The answers are keyed by the text of their question.
    let texts: BTreeSet<&str> = questions.iter().map(|one| one.question.as_str()).collect();
    if texts.len() < questions.len() {
        return Err("two of its questions are the same".to_owned());
    }
    Ok(questions)
}

/// Puts what a person chose into the arguments, as the tool wants it: `answers`, by the text of the question.
pub(super) fn put(ask: &mut Ask, answers: &[Chosen]) {
    let asked = questions(ask);
    if let Some(fields) = ask.input.as_object_mut().filter(|_| !asked.is_empty()) {
        let answers: Map<String, Value> = asked
            .iter()
            .zip(answers)
            .map(|(question, chosen)| (question.question.clone(), Value::from(joined(chosen))))
            .collect();
        fields.insert("answers".to_owned(), Value::Object(answers));
    }
}

/// Several texts as one, as the CLI itself joins them: it recognises each label again, also those with a comma.
fn joined(Chosen(texts): &Chosen) -> String {
    let [one] = texts.as_slice() else {
        let pieces: Vec<String> = texts
            .iter()
            .map(|text| {
                if text.contains(", ") || text.contains('"') {
                    Value::from(text.as_str()).to_string()
                } else {
                    text.clone()
                }
            })
            .collect();
        return pieces.join(", ");
    };
    one.clone()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ask(tool: &str, input: Value) -> Ask {
        Ask {
            request_id: "r".to_owned(),
            tool: tool.to_owned(),
            input,
            call_id: "c".to_owned(),
            suggestions: Vec::new(),
        }
    }

    fn two() -> Value {
        json!({"questions": [
            {"question": "Which colour?", "header": "Colour", "multiSelect": false,
             "options": [{"label": "Red", "description": "warm", "preview": "<b>"}, {"label": "Blue", "description": "cold"}]},
            {"question": "Which sizes?", "header": "Sizes", "multiSelect": true,
             "options": [{"label": "S", "description": ""}, {"label": "M, wide", "description": ""}]},
        ]})
    }

    fn chosen(texts: &[&str]) -> Chosen {
        Chosen(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn questions_go_to_a_person_at_every_level_and_cannot_be_granted_for_ever() {
        for permissions in [
            Permissions::ReadOnly,
            Permissions::Ask,
            Permissions::Edit,
            Permissions::Full,
        ] {
            let course = course(&ask(TOOL, two()), permissions, &Grants::default());
            assert_eq!(course, Course::Person);
        }
        let request = ask(TOOL, two()).request();
        let asked: Vec<(&str, usize, bool)> = request
            .questions
            .iter()
            .map(|one| (one.header.as_str(), one.options.len(), one.multi_select))
            .collect();
        assert_eq!(asked, [("Colour", 2, false), ("Sizes", 2, true)]);
        let mut suggesting = ask(TOOL, two());
        suggesting.suggestions = vec![
            json!({"type": "addRules", "rules": [{"toolName": TOOL}], "behavior": "allow", "destination": "session"}),
        ];
        assert_eq!(suggesting.request().choices, request.choices);
        assert_eq!(request.choices.len(), 2, "allow and deny");
    }

    #[test]
    fn a_read_only_agent_is_refused_the_rest_without_asking() {
        let write = ask("Bash", json!({"command": "touch x"}));
        let read_only = course(&write, Permissions::ReadOnly, &Grants::default());
        assert!(matches!(read_only, Course::Refused(why) if why.contains("read-only")));
        assert_eq!(
            course(&write, Permissions::Ask, &Grants::default()),
            Course::Person
        );
        assert!(write.request().questions.is_empty());
    }

    #[test]
    fn what_cannot_be_put_to_a_person_is_told_to_the_agent() {
        let same = json!({"question": "Which?", "options": []});
        for (input, why) in [
            (json!({}), "cannot be read"),
            (json!({"questions": []}), "asks nothing"),
            (json!({"questions": [{"header": "x"}]}), "cannot be read"),
            (json!({"questions": [same, same]}), "the same"),
            (
                json!({"questions": [{"question": "x".repeat(5_000)}]}),
                "of at most 4096",
            ),
        ] {
            let course = course(&ask(TOOL, input), Permissions::Ask, &Grants::default());
            assert!(
                matches!(&course, Course::Refused(text) if text.contains(why)),
                "{course:?}"
            );
        }
    }

    #[test]
    fn what_was_chosen_stands_under_its_question() {
        let mut answered = ask(TOOL, two());
        answered.input["answers"] = json!({"made": "up"});
        put(
            &mut answered,
            &[chosen(&["a \"warm\", red"]), chosen(&["S", "M, wide"])],
        );
        assert_eq!(
            answered.input["answers"],
            json!({"Which colour?": "a \"warm\", red", "Which sizes?": "S, \"M, wide\""})
        );
        assert_eq!(answered.input["questions"], two()["questions"]);
        let mut other = ask("Write", json!({"path": "x"}));
        put(&mut other, &[]);
        assert_eq!(other.input, json!({"path": "x"}));
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(
            text in "\\PC{0,8}", label in "\\PC{0,8}", multi: bool, count in 0usize..12, answers in prop::collection::vec(prop::collection::vec("\\PC{0,6}", 0..3), 0..3),
        ) {
            let one = json!({"question": text, "multiSelect": multi, "options": vec![json!({"label": label}); count]});
            let mut asked = ask(TOOL, json!({"questions": [one]}));
            let answers: Vec<Chosen> = answers.into_iter().map(Chosen).collect();
            put(&mut asked, &answers);
            let went = course(&asked, Permissions::Ask, &Grants::default()) == Course::Person;
            prop_assert_eq!(went, asked.request().questions.len() == 1);
            prop_assert_eq!(went, count <= 9);
        }
    }
}
