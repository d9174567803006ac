//! Tests of the checks of a reply.

use super::*;
use crate::contract::ReplyTo;
use proptest::prelude::*;
use serde_json::json;

fn verdict(expected: Value, reply: &str) -> Verdict {
    let contract = Contract {
        instruction: "x".to_owned(),
        context: None,
        expected_output: serde_json::from_value(expected).expect("an expectation"),
        reply_to: ReplyTo::Console,
        deadline_s: 1,
    };
    check_reply(&contract, reply)
}

fn rejected(expected: Value, reply: &str) -> Vec<String> {
    match verdict(expected, reply) {
        Verdict::Rejected(failed) => failed,
        other => panic!("rejected, not {other:?}"),
    }
}

#[test]
fn a_description_proves_nothing() {
    for expected in [
        json!(null),
        json!("a list"),
        json!({"description": "a list"}),
        json!({"format": "text"}),
        json!({"format": "markdown"}),
    ] {
        assert_eq!(verdict(expected, "anything"), Verdict::Unverified);
    }
}

#[test]
fn json_is_strict_after_one_fence() {
    let json = || json!({"format": "json"});
    for reply in [
        " {\"a\": 1}\n",
        "```json\n{\"a\": 1}\n```",
        "```\n[]\n```\n",
        "\n````JSON\r\n1\n````",
    ] {
        assert_eq!(verdict(json(), reply), Verdict::Verified, "{reply:?}");
    }
    for reply in [
        "Here it is: {}",
        "{\"a\": 1,}",
        "```json\n```json\n{}\n```\n```",
        "```json\n{}",
        "",
        "{} {}",
        "NaN",
    ] {
        let failed = rejected(json(), reply);
        assert!(
            failed[0].starts_with("format json: the reply is not JSON: "),
            "{failed:?}"
        );
    }
}

#[test]
fn a_schema_names_the_place_that_does_not_fit() {
    let schema = json!({"schema": {
        "type": "object",
        "required": ["files"],
        "properties": {"files": {"type": "array", "items": {"type": "string"}}},
    }});
    assert_eq!(
        verdict(schema.clone(), r#"{"files": ["a"]}"#),
        Verdict::Verified
    );
    assert_eq!(
        rejected(schema.clone(), "no")[0].split(':').next(),
        Some("format json")
    );
    let failed = rejected(schema.clone(), r#"{"files": ["a", 5]}"#);
    assert_eq!(
        failed,
        ["schema: at /files/1: 5 is not of type \"string\"."]
    );
    let failed = rejected(schema, "{}");
    assert_eq!(failed, ["schema: at /: \"files\" is a required property."]);
}

#[test]
fn many_findings_are_counted_and_long_ones_shortened() {
    let schema = json!({"schema": {"items": {"type": "string"}}});
    let reply = format!("[{}]", vec!["1"; 50].join(","));
    let failed = rejected(schema.clone(), &reply);
    assert_eq!(failed.len(), MAX_FINDINGS + 1);
    assert_eq!(failed[MAX_FINDINGS], "schema: and 30 more.");
    let long = format!("[[{}]]", vec!["1"; 1000].join(","));
    let failed = rejected(schema, &long);
    assert!(
        failed[0].ends_with(" characters)") && failed[0].len() < 400,
        "{failed:?}"
    );
}

#[test]
fn checks_all_have_to_hold() {
    let checks =
        json!({"checks": [{"matches": "^done"}, {"not_matches": "TODO"}, {"min_chars": 6}]});
    assert_eq!(verdict(checks.clone(), "done: äöü"), Verdict::Verified);
    assert_eq!(rejected(checks, "TODO").len(), 3);
    let umlauts = json!({"checks": [{"min_chars": 4}]});
    assert_eq!(rejected(umlauts, "äöü").len(), 1);
}

#[test]
fn a_diff_has_headers_and_a_hunk() {
    let diff = || json!({"format": "diff"});
    let good = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ fn main\n a\n-b\n+c\n";
    assert_eq!(verdict(diff(), good), Verdict::Verified);
    assert_eq!(
        verdict(diff(), &format!("```diff\n{good}```")),
        Verdict::Verified
    );
    for bad in [
        "",
        "I changed x.",
        "--- a/x\n+++ b/x\n",
        "--- a\n+++ b\n@@ -x +1 @@\n",
    ] {
        assert_eq!(rejected(diff(), bad).len(), 1, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn no_reply_makes_the_check_panic(reply in "(```|\n|\\{|\\}|\\[|\"|a|@@ -1 \\+1 @@|--- |\\+\\+\\+ |ä){0,30}") {
        for expected in [json!({"format": "json"}), json!({"format": "diff"}), json!({"schema": {"type": "object"}})] {
            prop_assert!(verdict(expected, &reply) != Verdict::Unverified);
        }
    }

    #[test]
    fn any_json_value_is_json_with_and_without_a_fence(text in "[a-z\"`\\\\]{0,20}") {
        let reply = json!({"text": text}).to_string();
        prop_assert_eq!(verdict(json!({"format": "json"}), &reply), Verdict::Verified);
        let fenced = format!("```json\n{reply}\n```");
        prop_assert_eq!(verdict(json!({"format": "json"}), &fenced), Verdict::Verified);
    }
}
