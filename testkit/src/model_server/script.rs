//! What the model answers.
//!
//! Owns: the keywords and the decision, as plain functions over the request. No I/O.

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
    /// Asks the person one question, then says what it was told.
    Ask,
    /// Asks two questions at once, the second with several answers, then says what it was told.
    AskTwo,
    /// Runs a command that never ends.
    Sleep,
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
    const ALL: [(&'static str, Self); 19] = [
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
        ("ASKTWO", Self::AskTwo),
        ("ASK", Self::Ask),
        ("SLEEP", Self::Sleep),
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

/// Decides what to answer.
pub(super) fn decide(read: &Read, repo: &Path) -> Action {
    let last = read.users.last().map_or("", String::as_str);
    let Some(keyword) = Keyword::find(last) else {
        return Action::Text(format!("ECHO: {last}"));
    };
    // A request without tools is a CLI's question for itself (a title, say); only failures concern it too.
    if read.tools.is_empty() && !matches!(failure(keyword), Some(Action::Fail { .. })) {
        return Action::Text("PONG".to_owned());
    }
    failure(keyword).unwrap_or_else(|| answer(keyword, read, repo))
}

fn answer(keyword: Keyword, read: &Read, repo: &Path) -> Action {
    let last = read.users.last().map_or("", String::as_str);
    match keyword {
        Keyword::Write | Keyword::Bash | Keyword::Sleep => tool(keyword, read, repo),
        Keyword::Ask | Keyword::AskTwo => ask(keyword, read),
        Keyword::Slow => {
            let words: Vec<String> = (0..40).map(|n| format!("token{n:02}")).collect();
            Action::Slow(words.join(" "))
        }
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

fn tool(keyword: Keyword, read: &Read, repo: &Path) -> Action {
    if read.tool_results > 0 {
        return Action::Text("DONE after the tool".to_owned());
    }
    let (name, input) = if keyword == Keyword::Write {
        let path = repo.join("hello.txt");
        (
            "Write",
            json!({ "file_path": path, "content": "hello from the model server\n" }),
        )
    } else {
        let command = if keyword == Keyword::Sleep {
            "tail -f /dev/null"
        } else {
            "echo tool-output-123; touch bash.txt"
        };
        (
            "Bash",
            json!({ "command": command, "description": "run a scripted command" }),
        )
    };
    call(read, name, input)
}

/// A call, if the tool is on offer.
fn call(read: &Read, name: &str, input: Value) -> Action {
    if read.tools.iter().any(|tool| tool == name) {
        Action::Tool {
            name: name.to_owned(),
            input,
        }
    } else {
        Action::Text("NO-TOOL-AVAILABLE".to_owned())
    }
}

fn ask(keyword: Keyword, read: &Read) -> Action {
    if read.tool_results > 0 {
        return Action::Text(format!("TOLD: {}", read.last_result));
    }
    let option =
        |label: &str, description: &str| json!({ "label": label, "description": description });
    let colour = json!({
        "question": "Which colour should it be?", "header": "Colour", "multiSelect": false,
        "options": [option("Red", "like a rose"), option("Blue", "like the sky")],
    });
    let sizes = json!({
        "question": "Which sizes are needed?", "header": "Sizes", "multiSelect": true,
        "options": [option("S", "small"), option("M, wide", "medium"), option("L", "large")],
    });
    let questions = if keyword == Keyword::AskTwo {
        json!([colour, sizes])
    } else {
        json!([colour])
    };
    call(read, "AskUserQuestion", json!({ "questions": questions }))
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
        | Keyword::Ask
        | Keyword::AskTwo
        | Keyword::Sleep
        | Keyword::Slow
        | Keyword::Think
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
        decide(&read(request), Path::new("/repo"))
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
    fn a_question_is_asked_once_and_what_came_back_is_told() {
        let tools = json!([{ "name": "AskUserQuestion" }]);
        let asked = decided(&json!({ "messages": [user("ASKTWO")], "tools": tools }));
        assert!(
            matches!(&asked, Action::Tool { name, input } if name == "AskUserQuestion" && input["questions"][1]["multiSelect"] == true)
        );
        let result =
            json!({ "role": "user", "content": [{ "type": "tool_result", "content": "blue" }] });
        let told = decided(&json!({ "messages": [user("ASK"), result], "tools": tools }));
        assert_eq!(told, Action::Text("TOLD: blue".into()));
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
