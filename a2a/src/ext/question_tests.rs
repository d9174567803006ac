//! Tests of which answer fits which questions.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn question(labels: &[&str], multi_select: bool) -> Question {
    let option = |label: &&str| QuestionOption {
        label: (*label).to_owned(),
        description: String::new(),
    };
    Question {
        question: "Which?".to_owned(),
        header: "Colour".to_owned(),
        options: labels.iter().map(option).collect(),
        multi_select,
    }
}

fn request(questions: Vec<Question>) -> PermissionRequest {
    PermissionRequest {
        request_id: "r".to_owned(),
        tool: "AskUserQuestion".to_owned(),
        arguments: json!({}),
        choices: vec![Decision::Allow, Decision::Deny],
        expires_at: String::new(),
        questions,
    }
}

fn two() -> PermissionRequest {
    request(vec![
        question(&["Red", "Blue"], false),
        question(&["S", "M", "L"], true),
    ])
}

fn chosen(texts: &[&str]) -> Chosen {
    Chosen(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn wrong(request: &PermissionRequest, decision: Decision, answers: &[&[&str]]) -> Violation {
    let ruling = Ruling {
        decision,
        reason: None,
        answers: answers.iter().map(|texts| chosen(texts)).collect(),
    };
    ruling.check_answers(request).unwrap_err()
}

#[test]
fn labels_own_words_and_several_fit() {
    for answers in [
        vec![chosen(&["Red"]), chosen(&["S", "L"])],
        vec![chosen(&["a warm one"]), chosen(&["S", "M", "L", "and XL"])],
    ] {
        let ruling = Ruling {
            decision: Decision::Allow,
            reason: None,
            answers,
        };
        assert_eq!(ruling.check_answers(&two()), Ok(()));
    }
    let denied = Ruling::plain(Decision::Deny, Some("no".to_owned()));
    assert_eq!(denied.check_answers(&two()), Ok(()));
    let allowed = Ruling::plain(Decision::Allow, None);
    assert_eq!(allowed.check_answers(&request(Vec::new())), Ok(()));
}

#[test]
fn what_does_not_fit_is_named_with_what_it_takes() {
    let long = "x".repeat(MAX_ANSWERS_BYTES);
    let open = request(vec![question(&[], false)]);
    let both = r#"a list of 2 answers: one of "Red", "Blue", or own words; then a list of "S", "M", "L", or own words"#;
    let sizes = r#"a list of "S", "M", "L", or own words"#;
    for (violation, text) in [
        (wrong(&two(), Decision::Allow, &[]), format!("answers held none; it takes {both}.")),
        (wrong(&two(), Decision::Allow, &[&["Red"]]), format!("answers held 1 answer; it takes {both}.")),
        (
            wrong(&two(), Decision::Allow, &[&["Red", "Blue"], &["S"]]),
            r#"answers[0] held 2 texts; it takes one of "Red", "Blue", or own words."#.to_owned(),
        ),
        (
            wrong(&two(), Decision::Allow, &[&[], &["S"]]),
            r#"answers[0] held nothing; it takes one of "Red", "Blue", or own words."#.to_owned(),
        ),
        (
            wrong(&two(), Decision::Allow, &[&["Red"], &["S", " "]]),
            format!("answers[1][1] held an empty text; it takes {sizes}."),
        ),
        (
            wrong(&two(), Decision::Allow, &[&["Red"], &["S", "S"]]),
            format!("answers[1][1] held \"S\" twice; it takes {sizes}."),
        ),
        (
            wrong(&two(), Decision::Deny, &[&["Red"], &["S"]]),
            "answers held 2 answers; it takes none with a denial.".to_owned(),
        ),
        (
            wrong(&request(Vec::new()), Decision::Allow, &[&["Red"]]),
            "answers held 1 answer; it takes none: the request asks for a permission, not a question.".to_owned(),
        ),
        (
            wrong(&open, Decision::Allow, &[]),
            "answers held none; it takes a list of one answer: a text.".to_owned(),
        ),
        (
            wrong(&two(), Decision::Allow, &[&[&long], &["S"]]),
            "answers held 32769 bytes; it takes at most 32768 bytes in all.".to_owned(),
        ),
    ] {
        assert_eq!(violation.to_string(), text);
    }
}

#[test]
fn an_answer_may_be_one_text_or_a_list() {
    let read = |value| serde_json::from_value::<Vec<Chosen>>(value).unwrap();
    assert_eq!(
        read(json!(["Red", ["S", "L"]])),
        [chosen(&["Red"]), chosen(&["S", "L"])]
    );
    assert_eq!(json!([chosen(&["Red"])]), json!([["Red"]]));
    assert!(serde_json::from_value::<Vec<Chosen>>(json!([1])).is_err());
    assert!(serde_json::from_value::<Vec<Chosen>>(json!(["a", {"b": "c"}])).is_err());
}

#[test]
fn questions_have_bounds() {
    assert_eq!(check_questions(&two().questions), Ok(()));
    let many = vec![question(&["a", "b"], false); MAX_QUESTIONS + 1];
    assert_eq!(
        check_questions(&many).unwrap_err(),
        "its questions are 9, of at most 8"
    );
    let labels = vec!["a"; MAX_OPTIONS + 1];
    assert!(check_questions(&[question(&labels, false)]).is_err());
    let long = question(&[&"x".repeat(MAX_LABEL_BYTES + 1)], false);
    assert_eq!(
        check_questions(&[long]).unwrap_err(),
        "a label of question 1 has bytes: 513, of at most 512"
    );
}

proptest! {
    #[test]
    fn no_answer_makes_the_check_panic_and_what_fits_survives_the_wire(
        answers in prop::collection::vec(prop::collection::vec("[ab ]{0,2}", 0..6), 1..4),
    ) {
        let ruling = Ruling {
            decision: Decision::Allow,
            reason: None,
            answers: answers.into_iter().map(Chosen).collect(),
        };
        let said = |at: usize, most: usize| {
            let texts = &ruling.answers[at].0;
            let set: std::collections::BTreeSet<_> = texts.iter().collect();
            (1..=most).contains(&texts.len())
                && set.len() == texts.len()
                && texts.iter().all(|text| !text.trim().is_empty())
        };
        let fits = ruling.answers.len() == 2 && said(0, 1) && said(1, 4);
        prop_assert_eq!(ruling.check_answers(&two()).is_ok(), fits);
        let again: Vec<Chosen> = serde_json::from_value(json!(ruling.answers)).unwrap();
        prop_assert_eq!(again, ruling.answers);
    }
}
