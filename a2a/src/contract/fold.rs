//! The contract as plain text, for peers that know nothing of our extension and for the prompt of an agent CLI.
//!
//! Owns: the headings and their order. Text that itself holds headings is fenced, so that a brief cannot pose as
//! another field. Does not own: when the text is used.

use super::{Brief, Check, Contract, Expectation, ExpectedOutput, Format, ReplyTo};

/// The instruction, followed by the fields that were given. The deadline is not among them: whoever runs the text
/// enforces it.
#[must_use]
pub fn fold(contract: &Contract) -> String {
    let mut out = contract.instruction.clone();
    if let Some(brief) = &contract.context {
        out.push_str("\n\n## Context\n\n");
        push_brief(&mut out, brief);
    }
    if let Some(expectation) = &contract.expected_output {
        out.push_str("\n\n## Expected output\n\n");
        push_expectation(&mut out, expectation);
    }
    match &contract.reply_to {
        ReplyTo::Console => {}
        ReplyTo::Peer(to) | ReplyTo::Url(to) => {
            out.push_str("\n\n## Reply to\n\n");
            out.push_str(to);
        }
    }
    out
}

/// The same, with the deadline, for peers that nobody of ours stops.
#[must_use]
pub fn fold_with_deadline(contract: &Contract) -> String {
    let mut out = fold(contract);
    let seconds = contract.deadline_s;
    out.push_str(&format!(
        "\n\n## Deadline\n\nFinish within {seconds} seconds."
    ));
    out
}

fn push_brief(out: &mut String, brief: &Brief) {
    match brief {
        Brief::Text(text) => push_block(out, text),
        Brief::Structured {
            text,
            files,
            constraints,
        } => {
            push_block(out, text);
            push_list(out, "Files to read:", files);
            push_list(out, "Constraints:", constraints);
        }
    }
}

fn push_expectation(out: &mut String, expectation: &Expectation) {
    match expectation {
        Expectation::Text(text) => push_block(out, text),
        Expectation::Structured(expected) => push_expected(out, expected),
    }
}

fn push_expected(out: &mut String, expected: &ExpectedOutput) {
    let mut paragraphs = Vec::new();
    if let Some(description) = &expected.description {
        let mut block = String::new();
        push_block(&mut block, description);
        paragraphs.push(block);
    }
    if let Some(schema) = &expected.schema {
        let schema = schema.to_string();
        let fence = fence_for(&schema);
        paragraphs.push(format!(
            "Answer with one JSON value and nothing else. It must satisfy this JSON Schema:\n\n\
             {fence}json\n{schema}\n{fence}"
        ));
    } else if let Some(words) = expected.format.map(format_words) {
        paragraphs.push(words.to_owned());
    }
    if !expected.checks.is_empty() {
        let checks: Vec<String> = expected.checks.iter().map(check_words).collect();
        paragraphs.push(format!(
            "The answer must pass these checks:\n\n{}",
            checks.join("\n")
        ));
    }
    out.push_str(&paragraphs.join("\n\n"));
}

fn format_words(format: Format) -> &'static str {
    match format {
        Format::Text => "Answer in plain text.",
        Format::Markdown => "Answer in Markdown.",
        Format::Json => "Answer with one JSON value and nothing else.",
        Format::Diff => "Answer with one unified diff and nothing else.",
    }
}

fn check_words(check: &Check) -> String {
    match check {
        Check::Matches(pattern) => format!("- it matches the regular expression {pattern}"),
        Check::NotMatches(pattern) => {
            format!("- it does not match the regular expression {pattern}")
        }
        Check::MinChars(least) => format!("- it has at least {least} characters"),
    }
}

fn push_list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str("\n\n");
    out.push_str(title);
    out.push('\n');
    for item in items {
        out.push_str("\n- ");
        out.push_str(item);
    }
}

/// A text as it is; one that holds a heading or a fence of its own is fenced.
fn push_block(out: &mut String, text: &str) {
    let poses = text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with('#') || line.starts_with("```")
    });
    if poses {
        let fence = fence_for(text);
        out.push_str(&format!("{fence}\n{text}\n{fence}"));
    } else {
        out.push_str(text);
    }
}

/// More backticks than stand together anywhere in the text, and at least three.
fn fence_for(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
