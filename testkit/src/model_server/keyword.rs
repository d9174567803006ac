//! The words that choose an answer.
//!
//! Owns: the list and its order. What each one makes the model say is decided in `script`.

use serde::Serialize;

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
    /// Runs a command that leaves another behind, in a session of its own, then answers.
    Leave,
    /// Leaves a short command running in the background, then answers.
    Background,
    /// Runs a command that writes beside the repo, then answers.
    NetBash,
    /// Runs three commands, one after the other, then answers.
    Multi,
    /// Runs fifty.
    Loop,
    /// Runs a command that never ends.
    Sleep,
    /// Runs a command that never ends and leaves a process that does its best to outlive it.
    DFork,
    /// Gives PONG to an agent of its own, then answers.
    SubAgent,
    /// Plays what [`super::ModelServer::play`] was given, an action for each result of a tool.
    Script,
    /// 40 tokens, one at a time.
    Slow,
    /// Thinks, then answers.
    Think,
    /// Thinks for long, then answers.
    Ponder,
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
    const ALL: [(&'static str, Self); 28] = [
        ("FAIL400", Self::Fail400),
        ("FAIL401", Self::Fail401),
        ("FAIL429", Self::Fail429),
        ("FAIL500", Self::Fail500),
        ("FAIL529", Self::Fail529),
        ("FAILMID", Self::FailMid),
        ("FAILCTX", Self::FailCtx),
        ("FAILBILL", Self::FailBill),
        ("SCRIPT", Self::Script),
        ("HISTORY", Self::History),
        ("PONDER", Self::Ponder),
        ("THINK", Self::Think),
        ("SUBAGENT", Self::SubAgent),
        ("DFORK", Self::DFork),
        ("MULTI", Self::Multi),
        ("LOOP", Self::Loop),
        ("WRITE", Self::Write),
        // Before the word that it ends with.
        ("NETBASH", Self::NetBash),
        ("BASH", Self::Bash),
        ("ASKTWO", Self::AskTwo),
        ("ASK", Self::Ask),
        ("LEAVE", Self::Leave),
        ("BACKGROUND", Self::Background),
        ("SLEEP", Self::Sleep),
        ("SLOW", Self::Slow),
        ("PONG", Self::Pong),
        ("HANG", Self::Hang),
        ("BIG", Self::Big),
    ];

    pub(super) fn find(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(word, _)| text.contains(word))
            .map(|(_, keyword)| *keyword)
    }
}
