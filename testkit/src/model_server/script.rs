//! What the model answers.
//!
//! Owns: the decision, as plain functions over the request. No I/O.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

/// A word in the last message of the user that chooses the answer. Anything else is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Keyword {
    /// Answers `PONG`.
    Pong,
    /// Writes `hello.txt` with the file tool, then answers.
    Write,
    /// Runs a short command in the repo, then answers.
    Bash,
    /// Runs a command that never ends.
    Sleep,
    /// Runs a command that leaves another behind, in a session of its own, then answers.
    Leave,
    /// Leaves a short command running in the background, then answers.
    Background,
    /// Has a subagent answer `PONG inside`, then answers.
    Agent,
    /// 40 tokens, one at a time.
    Slow,
    /// Thinks, then answers.
    Think,
    /// Says how many messages of the user it saw.
    History,
    /// Answers the size of the prompt.
    Big,
    /// Never answers.
    Hang,
    /// HTTP 400.
    Fail400,
    /// HTTP 401.
    Fail401,
    /// HTTP 429.
    Fail429,
    /// HTTP 500.
    Fail500,
    /// HTTP 529.
    Fail529,
    /// A stream that breaks; without streaming it answers.
    FailMid,
    /// The prompt is too long.
    FailCtx,
    /// No credit.
    FailBill,
}

impl Keyword {
    /// In the order in which they are looked for.
    const ALL: [(&'static str, Self); 20] = [
        ("FAIL400", Self::Fail400),
        ("FAIL401", Self::Fail401),
        ("FAIL429", Self::Fail429),
        ("FAIL500", Self::Fail500),
        ("FAIL529", Self::Fail529),
        ("FAILMID", Self::FailMid),
        ("FAILCTX", Self::FailCtx),
        ("FAILBILL", Self::FailBill),
        ("HISTORY", Self::History),
        ("THINK", Self::Think),
        ("WRITE", Self::Write),
        ("BASH", Self::Bash),
        ("SLEEP", Self::Sleep),
        ("LEAVE", Self::Leave),
        ("BACKGROUND", Self::Background),
        ("AGENT", Self::Agent),
        ("SLOW", Self::Slow),
        ("PONG", Self::Pong),
        ("HANG", Self::Hang),
        ("BIG", Self::Big),
    ];

    fn find(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(word, _)| text.contains(word))
            .map(|(_, keyword)| *keyword)
    }
}

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
        Keyword::Write
        | Keyword::Bash
        | Keyword::Sleep
        | Keyword::Leave
        | Keyword::Background
        | Keyword::Agent => tool(keyword, read, repo),
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

/// Calls a tool so many times, then says so.
fn call(read: &Read, times: usize, (name, input): (&str, Value)) -> Action {
    if read.tool_results >= times {
        return Action::Text("DONE after the tool".to_owned());
    }
    let name = name.to_owned();
    offered(read, Action::Tool { name, input })
}

/// The names that a tool goes by, and what it is called with.
fn call(keyword: Keyword, repo: &Path) -> (&'static [&'static str], Value) {
    let shell =
        |command: &str| json!({ "command": command, "description": "run a scripted command" });
    match keyword {
        Keyword::Write => {
            let content = "hello from the model server\n";
            let input = json!({ "file_path": repo.join("hello.txt"), "content": content });
            (&["Write"], input)
        }
        Keyword::Agent => {
            let input = json!({
                "description": "a scripted errand", "prompt": "PONG inside", "subagent_type": "general-purpose",
            });
            (&["Task", "Agent"], input)
        }
        Keyword::Background => {
            let mut input = shell("sleep 1; echo background-done");
            input["run_in_background"] = Value::from(true);
            (&["Bash"], input)
        }
        Keyword::Sleep => (&["Bash"], shell("tail -f /dev/null")),
        Keyword::Leave => {
            let command = "setsid sleep 600 </dev/null >/dev/null 2>&1 & touch left.txt";
            (&["Bash"], shell(command))
        }
        // The others call no tool.
        _ => (&["Bash"], shell("echo tool-output-123; touch bash.txt")),
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
