//! What the model answers.
//!
//! Owns: the decision, as plain functions over the request. No I/O.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::Keyword;

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A text.
    Text(String),
    /// A text, one word at a time with a delay between.
    Slow(String),
    /// Thinking, then a text.
    Think(String),
    /// Thinking, one word at a time with a delay between, then a text.
    Ponder(String),
    /// A short text and one tool call.
    Tool {
        /// Its name.
        name: String,
        /// Its arguments.
        input: Value,
    },
    /// An error.
    Fail {
        /// HTTP status.
        status: u16,
        /// The API's word for it.
        kind: String,
        /// The API's sentence.
        message: String,
    },
    /// The beginning of this text, then a broken stream.
    Break(String),
    /// Nothing, ever.
    Hang,
}

/// What matters of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// What the user said, in order.
    pub(super) users: Vec<String>,
    /// Results of tools since then.
    pub(super) tool_results: usize,
    /// What the last of them said.
    pub(super) last_result: String,
    /// The tools on offer.
    pub(super) tools: Vec<String>,
}

/// Reads a request.
pub(super) fn read(request: &Value) -> Read {
    let mut read = Read::default();
    for message in request["messages"].as_array().into_iter().flatten() {
        if message["role"] != "user" {
            continue;
        }
        let content = &message["content"];
        let blocks = content.as_array().into_iter().flatten();
        let result = blocks.rev().find(|block| block["type"] == "tool_result");
        if let Some(result) = result {
            read.tool_results += 1;
            read.last_result = text_of(&result["content"]);
            continue;
        }
        let said = without_reminders(&text_of(content));
        if !said.is_empty() {
            read.users.push(said);
            read.tool_results = 0;
        }
    }
    let tools = request["tools"].as_array().into_iter().flatten();
    read.tools = tools
        .filter_map(|tool| Some(tool["name"].as_str()?.to_owned()))
        .collect();
    read
}

/// The text of a message's content or of a system prompt: a string, or text blocks.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// What a CLI puts into the user's messages is not what the user said.
fn without_reminders(text: &str) -> String {
    const OPEN: &str = "<system-reminder>";
    const CLOSE: &str = "</system-reminder>";
    let mut left = text.to_owned();
    while let Some(begin) = left.find(OPEN) {
        let Some(length) = left[begin..].find(CLOSE) else {
            break;
        };
        left.replace_range(begin..begin + length + CLOSE.len(), "");
    }
    left.trim().to_owned()
}

/// Where the model is, and what a person wrote for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage<'a> {
    /// The folder that it writes in.
    pub(super) repo: &'a Path,
    /// What SCRIPT plays.
    pub(super) script: &'a [Action],
}

/// Decides what to answer.
pub(super) fn decide(read: &Read, stage: Stage<'_>) -> Action {
    let last = read.users.last().map_or("", String::as_str);
    let Some(keyword) = Keyword::find(last) else {
        return Action::Text(format!("ECHO: {last}"));
    };
    // A request without tools is a CLI's question for itself (a title, say); only failures concern it too.
    if read.tools.is_empty() && !matches!(failure(keyword), Some(Action::Fail { .. })) {
        return Action::Text("PONG".to_owned());
    }
    failure(keyword).unwrap_or_else(|| answer(keyword, read, stage))
}

fn answer(keyword: Keyword, read: &Read, stage: Stage<'_>) -> Action {
    let last = read.users.last().map_or("", String::as_str);
    match keyword {
        Keyword::Write => call(read, 1, write(stage.repo)),
        Keyword::Bash => call(read, 1, shell(SHORT)),
        Keyword::Ask => ask(read, &[colour()]),
        Keyword::AskTwo => ask(read, &[colour(), sizes()]),
        Keyword::Leave => call(read, 1, shell(LEAVE)),
        Keyword::Background => call(read, 1, background()),
        Keyword::Multi => call(read, 3, shell(SHORT)),
        Keyword::Loop => call(read, 50, shell(SHORT)),
        Keyword::NetBash => call(read, 1, shell("touch ../outside.txt")),
        Keyword::Sleep => call(read, 1, shell("tail -f /dev/null")),
        Keyword::DFork => call(read, 1, shell(DFORK)),
        Keyword::SubAgent => call(read, 1, delegate(read)),
        Keyword::Script => {
            let ended = || Action::Text("THE SCRIPT IS OVER".to_owned());
            let next = stage.script.get(read.tool_results).cloned();
            next.map_or_else(ended, |action| offered(read, action))
        }
        Keyword::Slow => {
            let words: Vec<String> = (0..40).map(|n| format!("token{n:02}")).collect();
            Action::Slow(words.join(" "))
        }
        Keyword::Ponder => Action::Ponder("Thought about it for long. PONG".to_owned()),
        Keyword::Think => Action::Think("Thought about it. PONG".to_owned()),
        Keyword::History => Action::Text(format!(
            "HISTORY n={} :: {}",
            read.users.len(),
            read.users.join(" | ")
        )),
        Keyword::Big => Action::Text(format!("BIG got chars={}", last.chars().count())),
        Keyword::Hang => Action::Hang,
        Keyword::FailMid => Action::Break("partial answer then fail".to_owned()),
        Keyword::Pong
        | Keyword::Fail400
        | Keyword::Fail401
        | Keyword::Fail429
        | Keyword::Fail500
        | Keyword::Fail529
        | Keyword::FailCtx
        | Keyword::FailBill => Action::Text("PONG".to_owned()),
    }
}

/// A command that is soon over.
const SHORT: &str = "echo tool-output-123; touch bash.txt";
/// Leaves a process in a session of its own whose parent is gone and which ignores what it can, then never ends.
const DFORK: &str = "(setsid sh -c 'trap \"\" TERM HUP INT; while :; do tail -f /dev/null; done' </dev/null >/dev/null 2>&1 &); \
                     tail -f /dev/null";

/// Leaves a process in a session of its own, and is soon over.
const LEAVE: &str = "setsid sleep 600 </dev/null >/dev/null 2>&1 & touch left.txt";

/// Calls a tool so many times, then says so.
fn call(read: &Read, times: usize, (name, input): (&str, Value)) -> Action {
    if read.tool_results >= times {
        return Action::Text("DONE after the tool".to_owned());
    }
    let name = name.to_owned();
    offered(read, Action::Tool { name, input })
}

fn write(repo: &Path) -> (&'static str, Value) {
    let path = repo.join("hello.txt");
    let content = "hello from the model server\n";
    ("Write", json!({ "file_path": path, "content": content }))
}

fn shell(command: &str) -> (&'static str, Value) {
    let input = json!({ "command": command, "description": "run a scripted command" });
    ("Bash", input)
}

fn delegate(read: &Read) -> (&'static str, Value) {
    // The tool has had two names.
    let name = if read.tools.iter().any(|tool| tool == "Task") {
        "Task"
    } else {
        "Agent"
    };
    let input = json!({
        "description": "a scripted agent", "prompt": "PONG, from below", "subagent_type": "general-purpose",
        "run_in_background": false,
    });
    (name, input)
}

fn background() -> (&'static str, Value) {
    let (name, mut input) = shell("sleep 1; echo background-done");
    input["run_in_background"] = Value::from(true);
    (name, input)
}

/// Puts questions to the person, then says what came back.
fn ask(read: &Read, questions: &[Value]) -> Action {
    if read.tool_results > 0 {
        return Action::Text(format!("TOLD: {}", read.last_result));
    }
    call(
        read,
        1,
        ("AskUserQuestion", json!({ "questions": questions })),
    )
}

fn colour() -> Value {
    json!({
        "question": "Which colour should it be?", "header": "Colour", "multiSelect": false,
        "options": [option("Red", "like a rose"), option("Blue", "like the sky")],
    })
}

fn sizes() -> Value {
    json!({
        "question": "Which sizes are needed?", "header": "Sizes", "multiSelect": true,
        "options": [option("S", "small"), option("M, wide", "medium"), option("L", "large")],
    })
}

fn option(label: &str, description: &str) -> Value {
    json!({ "label": label, "description": description })
}

/// The action, or words where its tool is not on offer.
fn offered(read: &Read, action: Action) -> Action {
    if let Action::Tool { name, .. } = &action
        && !read.tools.contains(name)
    {
        return Action::Text("NO-TOOL-AVAILABLE".to_owned());
    }
    action
}

fn failure(keyword: Keyword) -> Option<Action> {
    let (status, kind, message) = match keyword {
        Keyword::Fail400 => (400, "invalid_request_error", "bad request scripted"),
        Keyword::Fail401 => (401, "authentication_error", "invalid x-api-key"),
        Keyword::Fail429 => (429, "rate_limit_error", "Rate limit exceeded"),
        Keyword::Fail500 => (500, "api_error", "Internal server error"),
        Keyword::Fail529 => (529, "overloaded_error", "Overloaded"),
        Keyword::FailCtx => (
            400,
            "invalid_request_error",
            "prompt is too long: 250000 tokens > 200000 maximum",
        ),
        Keyword::FailBill => (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        Keyword::Pong
        | Keyword::Write
        | Keyword::Bash
        | Keyword::NetBash
        | Keyword::Multi
        | Keyword::Loop
        | Keyword::Sleep
        | Keyword::DFork
        | Keyword::SubAgent
        | Keyword::Ask
        | Keyword::AskTwo
        | Keyword::Leave
        | Keyword::Background
        | Keyword::Script
        | Keyword::Slow
        | Keyword::Think
        | Keyword::Ponder
        | Keyword::History
        | Keyword::Big
        | Keyword::Hang
        | Keyword::FailMid => return None,
    };
    Some(Action::Fail {
        status,
        kind: kind.to_owned(),
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(request: &Value) -> Action {
        let script = [Action::Text("one".into()), Action::Text("two".into())];
        let stage = Stage {
            repo: Path::new("/repo"),
            script: &script,
        };
        decide(&read(request), stage)
    }

    fn user(text: &str) -> Value {
        json!({ "role": "user", "content": [{ "type": "text", "text": text }] })
    }

    fn request(messages: &[Value]) -> Value {
        json!({ "messages": messages, "tools": [{ "name": "Write" }, { "name": "Bash" }] })
    }

    #[test]
    fn a_tool_is_called_once_and_then_reported() {
        let result =
            json!({ "role": "user", "content": [{ "type": "tool_result", "content": "ok" }] });
        let first = decided(&request(&[user("please WRITE")]));
        assert!(
            matches!(&first, Action::Tool { name, input } if name == "Write" && input["file_path"] == "/repo/hello.txt")
        );
        let second = decided(&request(&[user("please WRITE"), result.clone()]));
        assert_eq!(second, Action::Text("DONE after the tool".into()));
        let again = decided(&request(&[user("WRITE"), result, user("WRITE again")]));
        assert!(matches!(again, Action::Tool { .. }));
    }

    #[test]
    fn some_call_more_than_once_and_a_script_plays_an_action_for_each_result() {
        let result = json!({ "role": "user", "content": [{ "type": "tool_result" }] });
        let after = |text, results: usize| {
            let mut messages = vec![user(text)];
            messages.extend(std::iter::repeat_n(result.clone(), results));
            decided(&request(&messages))
        };
        assert!(matches!(after("MULTI", 2), Action::Tool { .. }));
        assert_eq!(
            after("MULTI", 3),
            Action::Text("DONE after the tool".into())
        );
        assert_eq!(after("SCRIPT", 1), Action::Text("two".into()));
        assert_eq!(
            after("SCRIPT", 2),
            Action::Text("THE SCRIPT IS OVER".into())
        );
        assert!(
            matches!(after("NETBASH", 0), Action::Tool { input, .. } if input["command"] == "touch ../outside.txt")
        );
        assert_eq!(
            after("SUBAGENT", 0),
            Action::Text("NO-TOOL-AVAILABLE".into())
        );
    }

    #[test]
    fn only_what_the_user_said_counts() {
        let said = user("<system-reminder>PONG</system-reminder>\nHISTORY");
        let action = decided(&request(&[user("one"), said]));
        assert_eq!(action, Action::Text("HISTORY n=2 :: one | HISTORY".into()));
        assert_eq!(
            decided(&request(&[user("hello")])),
            Action::Text("ECHO: hello".into())
        );
    }

    #[test]
    fn a_request_without_tools_only_fails_where_the_api_would() {
        let title = |text| decided(&json!({ "messages": [user(text)] }));
        assert_eq!(title("SLOW"), Action::Text("PONG".into()));
        assert!(matches!(title("FAIL529"), Action::Fail { status: 529, .. }));
    }
}
