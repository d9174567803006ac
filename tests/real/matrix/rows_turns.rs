//! Rows about turns that go well: text, tools, permissions, sessions, prompts, usage.

use super::rows::Check::{
    Asked, Calls, Deltas, File, NoTool, Refused, Reply, ReplyHolds, ReplyLacks, ToTheToken, Told,
};
use super::rows::{Phase, Row, Sent, Step, begin, completed, row, send, talk};

const EDIT: &str = "permissions = \"edit\"";
const DONE: &str = "DONE after the tool";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = work();
    rows.extend(permissions());
    rows.extend(sessions());
    rows.extend(prompts());
    rows.extend(many());
    rows
}

fn work() -> Vec<Row> {
    vec![
        row(
            "text with deltas",
            vec![send("SLOW")],
            completed(),
            vec![Deltas(10), ReplyHolds("token39"), Calls(1)],
        ),
        row(
            "thinking, then text",
            vec![send("THINK")],
            completed(),
            vec![Told("thought", 1), Reply("Thought about it. PONG")],
        ),
        row(
            "tool call",
            vec![send("BASH")],
            completed(),
            vec![
                Told("tool_call", 1),
                Told("tool-output-123", 1),
                File("bash.txt", true),
                Reply(DONE),
                Asked(0),
                Calls(2),
            ],
        )
        .with(EDIT),
        row(
            "three tool calls",
            vec![send("MULTI")],
            completed(),
            vec![Told("tool_call", 3), Reply(DONE), Calls(4)],
        )
        .with(EDIT),
        row(
            "an agent below the agent",
            vec![send("SUBAGENT")],
            completed(),
            vec![Told("tool_call", 1), Reply(DONE)],
        )
        .with(EDIT),
    ]
}

fn permissions() -> Vec<Row> {
    let asked = |answer| {
        vec![
            begin("WRITE"),
            Step::Until(Phase::Asks),
            Step::Answer(answer),
            Step::End,
        ]
    };
    vec![
        row(
            "write, allowed",
            asked("allow"),
            completed(),
            vec![Asked(1), File("hello.txt", true), Refused(0)],
        ),
        row(
            "write, denied",
            asked("deny"),
            completed(),
            vec![Asked(1), File("hello.txt", false), Refused(1)],
        ),
        row(
            "write, always; then again",
            vec![
                Step::Begin(Sent {
                    text: "WRITE",
                    flags: &["--context-id", "talk"],
                }),
                Step::Until(Phase::Asks),
                Step::Answer("always"),
                Step::End,
                Step::Send(Sent {
                    text: "WRITE again",
                    flags: &["--context-id", "talk"],
                }),
            ],
            completed(),
            vec![Asked(1), File("hello.txt", true), Refused(0)],
        ),
        row(
            "write, unanswered",
            vec![send("WRITE")],
            completed(),
            vec![Asked(1), File("hello.txt", false), Refused(1)],
        )
        .with("permission_timeout_s = 1"),
        row(
            "write, read-only",
            vec![send("WRITE")],
            completed(),
            vec![
                Asked(0),
                File("hello.txt", false),
                Reply("NO-TOOL-AVAILABLE"),
            ],
        )
        .with("permissions = \"read-only\""),
        row(
            "shell outside the repo, denied",
            vec![
                begin("NETBASH"),
                Step::Until(Phase::Asks),
                Step::Answer("deny"),
                Step::End,
            ],
            completed(),
            vec![Asked(1), File("../outside.txt", false), Refused(1)],
        )
        .with(EDIT),
    ]
}

fn sessions() -> Vec<Row> {
    vec![
        row(
            "second turn",
            vec![talk("PONG one"), talk("HISTORY two")],
            completed(),
            vec![ReplyHolds("n=2"), ReplyHolds("PONG one"), Calls(1)],
        ),
        row(
            "receiver restarted, then second turn",
            vec![talk("PONG one"), Step::Restart, talk("HISTORY two")],
            completed(),
            vec![ReplyHolds("n=2"), ReplyHolds("PONG one")],
        ),
        row(
            "session gone, then second turn",
            vec![
                talk("PONG one"),
                Step::Restart,
                Step::ForgetSessions,
                talk("HISTORY two"),
            ],
            completed(),
            vec![ReplyHolds("n=1"), ReplyLacks("PONG one")],
        ),
        row(
            "two conversations at once do not mix",
            vec![Step::TwoContexts],
            completed(),
            vec![
                ReplyHolds("n=2"),
                ReplyHolds("beta one"),
                ReplyLacks("alpha"),
            ],
        ),
    ]
}

fn prompts() -> Vec<Row> {
    let mut rows = vec![row(
        "prompt of 900 KiB",
        vec![Step::Big(900 * 1024)],
        completed(),
        vec![ReplyHolds("chars=921600")],
    )];
    for (name, text, reply) in [
        ("prompt with a leading dash", "--help me", "ECHO: --help me"),
        (
            "prompt with quotes",
            r#"say "it's" `$(date)` \"#,
            r#"ECHO: say "it's" `$(date)` \"#,
        ),
        (
            "prompt of several lines",
            "one\n\ntwo\tthree\n/clear",
            "ECHO: one\n\ntwo\tthree\n/clear",
        ),
        ("prompt with emoji", "smile 🙂 👩‍💻 ß", "ECHO: smile 🙂 👩‍💻 ß"),
    ] {
        rows.push(row(name, vec![send(text)], completed(), vec![Reply(reply)]));
    }
    rows
}

fn many() -> Vec<Row> {
    vec![
        row(
            "usage to the token over three turns",
            vec![talk("PONG one"), talk("PONG two"), talk("BASH three")],
            completed(),
            vec![Calls(2), ToTheToken(3)],
        )
        .with(EDIT),
        row(
            "100 turns",
            vec![Step::Many {
                turns: 100,
                contexts: 5,
            }],
            completed(),
            vec![Reply("PONG"), NoTool],
        ),
    ]
}
