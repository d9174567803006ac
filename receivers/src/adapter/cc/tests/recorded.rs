//! The parser over lines that Claude Code 2.1.329 said, and over lines that nobody ever said.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::adapter::cc::events::{Parser, Said};
use crate::adapter::cc::outcome;
use crate::adapter::cc::whose::Whose;
use crate::adapter::{AdapterEvent, TurnOutcome};

pub(super) fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/cc/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// What a recording says, a word or two per event, and how it ends.
pub(super) fn read(name: &str, interrupted: bool) -> (Vec<String>, TurnOutcome, Vec<String>) {
    let text = fixture(name);
    let first: Value = text
        .lines()
        .find_map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            value["session_id"].is_string().then_some(value)
        })
        .unwrap();
    let mut parser = Parser::new(first["session_id"].as_str().unwrap());
    let mut words = Vec::new();
    let mut result = None;
    for line in text.lines() {
        for said in parser.line(line) {
            match said {
                Said::Result(value) => result = Some(value),
                other => words.extend(word(&other)),
            }
        }
    }
    let outcome = outcome::of_result(&result.unwrap(), &parser.known(interrupted));
    let refused = parser
        .into_refused()
        .into_iter()
        .map(|refusal| {
            format!(
                "{} {} {}",
                refusal.tool,
                refusal.arguments.is_object(),
                refusal.reason.is_some()
            )
        })
        .collect();
    (words, outcome, refused)
}

fn word(said: &Said) -> Option<String> {
    Some(match said {
        Said::Event(AdapterEvent::TextDelta(text)) => format!("text {text}"),
        Said::Event(AdapterEvent::Thought(text)) => format!("thought {text}"),
        Said::Event(AdapterEvent::ToolCall {
            tool, arguments, ..
        }) => {
            format!(
                "call {tool} {}",
                arguments["file_path"].as_str().unwrap_or("-")
            )
        }
        Said::Event(AdapterEvent::ToolResult { is_error, .. }) => {
            format!("result error={is_error}")
        }
        Said::Event(AdapterEvent::Usage(usage)) => {
            format!(
                "usage {}/{}/{}/{}",
                usage.input_tokens,
                usage.cache_write_tokens,
                usage.cache_read_tokens,
                usage.output_tokens
            )
        }
        Said::Event(AdapterEvent::Retry {
            attempt,
            max_attempts,
            text,
        }) => format!("retry {attempt}/{max_attempts} {text}"),
        Said::Event(other) => format!("{other:?}"),
        Said::Ask(ask) => {
            let request = ask.request();
            let mut word = format!("ask {} {:?}", ask.tool, request.choices);
            for question in request.questions {
                let labels = question.options.into_iter().map(|option| option.label);
                let mut all = vec![question.question];
                all.extend(labels);
                all.extend(question.multi_select.then(|| "several".to_owned()));
                word.push_str(&format!(" {}", all.join("/")));
            }
            word
        }
        Said::Withdrawn(_) => "withdrawn".to_owned(),
        Said::Unserved { subtype, .. } => format!("unserved {subtype}"),
        Said::Subagent { text, .. } => format!("subagent {text}"),
        Said::Began | Said::Result(_) => return None,
    })
}

fn completed(reply: &str) -> TurnOutcome {
    TurnOutcome::Completed {
        reply: reply.to_owned(),
    }
}

#[test]
fn a_plain_reply() {
    let (words, outcome, refused) = read("pong", false);
    assert_eq!(
        words,
        [
            "usage 100/20/30/1",
            "text PONG",
            "usage 100/20/30/40",
            "usage 100/20/30/40"
        ]
    );
    assert_eq!(outcome, completed("PONG"));
    assert!(refused.is_empty());
}

#[test]
fn a_tool_that_was_allowed() {
    let (words, outcome, refused) = read("write-allowed", false);
    assert_eq!(
        words,
        [
            "usage 100/20/30/1",
            "text Calling ",
            "text the ",
            "text tool ",
            "text now. ",
            "call Write /repo/hello.txt",
            "usage 100/20/30/40",
            "ask Write [Allow, Deny, Always]",
            "result error=false",
            "usage 200/40/60/41",
            "text \n\nDONE ",
            "text after ",
            "text the ",
            "text tool",
            "usage 200/40/60/80",
            "usage 200/40/60/80",
        ]
    );
    assert_eq!(outcome, completed("DONE after the tool"));
    assert!(refused.is_empty());
}

#[test]
fn tools_that_were_refused_are_listed_with_their_arguments() {
    let (_, outcome, refused) = read("write-denied", false);
    assert_eq!(outcome, completed("DONE after the tool"));
    assert_eq!(refused, ["Write true false"]);
    let (_, outcome, refused) = read("bash-denied-by-mode", false);
    assert_eq!(outcome, completed("DONE after the tool"));
    assert_eq!(refused, ["Bash true true"]);
}

#[test]
fn a_question_is_read_with_what_it_offers_and_never_for_always() {
    let (words, outcome, refused) = read("question-answered", false);
    let asked: Vec<&String> = words
        .iter()
        .filter(|word| word.starts_with("ask"))
        .collect();
    assert_eq!(
        asked,
        [
            "ask AskUserQuestion [Allow, Deny] Which colour should it be?/Red/Blue Which sizes are needed?/S/M, wide/L/several"
        ]
    );
    let TurnOutcome::Completed { reply } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        reply.starts_with("TOLD: Your questions have been answered:"),
        "{reply}"
    );
    assert!(refused.is_empty());
    let (_, outcome, refused) = read("question-denied", false);
    assert_eq!(outcome, completed("TOLD: not now"));
    assert_eq!(refused, ["AskUserQuestion true false"]);
}

#[test]
fn thinking_is_no_part_of_the_reply() {
    let (words, outcome, _) = read("think", false);
    assert!(
        words.contains(&"thought Let me think about it.".to_owned()),
        "{words:?}"
    );
    assert!(words.contains(&"text Thought ".to_owned()), "{words:?}");
    assert_eq!(outcome, completed("Thought about it. PONG"));
}

#[test]
fn interrupts_while_it_talks_and_while_a_tool_runs() {
    assert_eq!(read("slow-interrupted", true).1, TurnOutcome::Interrupted);
    let (words, outcome, _) = read("tool-interrupted", true);
    assert_eq!(outcome, TurnOutcome::Interrupted);
    assert_eq!(words.last().unwrap(), "usage 100/20/30/40");
}

#[test]
fn a_subagent_is_told_as_such_and_counts() {
    let (words, outcome, _) = read("subagent", false);
    assert!(words.contains(&"subagent PONG".to_owned()), "{words:?}");
    let said: Vec<&String> = words
        .iter()
        .filter(|word| word.starts_with("text "))
        .collect();
    assert!(said.iter().all(|word| !word.contains("PONG")), "{words:?}");
    assert_eq!(outcome, completed("DONE after the tool"));
    assert_eq!(words.last().unwrap(), "usage 300/60/90/120");
}

/// A process that was left a background task took it up before the message that was sent meanwhile.
#[test]
fn what_a_process_does_unasked_is_not_taken_for_the_reply() {
    let text = fixture("unasked-first");
    let id = "8e2b7d0e-57b3-4f5e-9d3c-0d6a2f1b7c55";
    assert!(text.contains(id));
    let mut parser = Parser::new("").for_turn(Whose::nobodys_until_told(id));
    let mut results = Vec::new();
    let mut said = Vec::new();
    for line in text.lines() {
        for one in parser.line(line) {
            match one {
                Said::Result(result) => results.push(result),
                other => said.extend(word(&other)),
            }
        }
    }
    assert!(parser.was_told());
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["result"], "HISTORY n=2 :: BACKGROUND | HISTORY");
    assert!(said[0].contains("worked unasked"), "{said:?}");
    assert!(
        said.iter().all(|word| !word.contains("text DONE")),
        "{said:?}"
    );
    assert_eq!(said.last().unwrap(), "usage 200/40/60/80");
}

#[test]
fn a_stream_that_broke_counts_both_calls_and_shows_the_whole_text() {
    let (words, outcome, _) = read("broken-stream", false);
    assert_eq!(words.last().unwrap(), "usage 200/40/60/41");
    assert_eq!(outcome, completed("partial answer then fail"));
}

#[test]
fn what_a_subagent_says_is_no_part_of_the_reply() {
    let mut parser = Parser::default();
    let delta = json!({ "type": "stream_event", "parent_tool_use_id": "t1",
        "event": { "type": "content_block_delta", "delta": { "type": "text_delta", "text": "inner" } } });
    assert_eq!(parser.line(&delta.to_string()), []);
    let whole = json!({ "type": "assistant", "parent_tool_use_id": "t1",
        "message": { "id": "m", "content": [{ "type": "text", "text": "inner" }, { "type": "tool_use", "id": "c", "name": "Read", "input": {} }] } });
    assert!(matches!(
        &parser.line(&whole.to_string())[..],
        [
            Said::Subagent { .. },
            Said::Event(AdapterEvent::ToolCall { .. })
        ]
    ));
}

#[test]
fn a_long_tool_result_names_what_is_left_out_and_other_requests_are_answered() {
    let mut parser = Parser::default();
    let content = "é".repeat(10_000);
    let line = json!({ "type": "user", "message": { "content": [{ "type": "tool_result", "tool_use_id": "c", "content": content }] } });
    let said = parser.line(&line.to_string());
    let [Said::Event(AdapterEvent::ToolResult { text, .. })] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(
        text.ends_with("[3616 further bytes are not shown]"),
        "{}",
        &text[text.len() - 60..]
    );
    let line = json!({ "type": "control_request", "request_id": "r", "request": { "subtype": "hook_callback" } });
    assert!(matches!(
        &parser.line(&line.to_string())[..],
        [Said::Unserved { .. }]
    ));
}

/// JSON of any shape, with the words that the parser knows in likely places.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "system",
        "init",
        "stream_event",
        "assistant",
        "user",
        "result",
        "control_request",
        "can_use_tool",
        "text",
        "tool_use",
        "tool_result",
        "text_delta",
        "message_start",
        "message_delta",
        "content_block_delta",
        "api_retry",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let key = prop::sample::select(vec![
            "type",
            "subtype",
            "event",
            "delta",
            "message",
            "content",
            "usage",
            "request",
            "request_id",
            "input",
            "id",
            "name",
            "permission_denials",
            "permission_suggestions",
            "rules",
            "output_tokens",
            "parent_tool_use_id",
            "errors",
            "result",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8).prop_map(|map| Value::Object(
                map.into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(values in prop::collection::vec(any_json(), 1..6), noise in "\\PC{0,60}") {
        let mut parser = Parser::default();
        for value in values {
            for said in parser.line(&value.to_string()) {
                match said {
                    Said::Result(result) => { let _ = outcome::of_result(&result, &parser.known(false)); }
                    Said::Ask(ask) => { let _ = ask.request(); }
                    Said::Event(_)
                    | Said::Withdrawn(_)
                    | Said::Unserved { .. }
                    | Said::Subagent { .. }
                    | Said::Began => {}
                }
            }
        }
        let _ = parser.line(&noise);
    }
}
