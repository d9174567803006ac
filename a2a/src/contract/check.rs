//! The mechanical check of a reply against `expected_output`.
//!
//! Owns: the verdict. A description is for the peer and proves nothing; a format of json or diff, a schema and checks
//! are held against the text. Does not own: when it is checked.

use serde_json::Value;

use super::expectation::{compile_pattern, compile_schema};
use super::{Check, Contract, Expectation, ExpectedOutput, Format};

/// Most findings of a schema that are listed; the rest is counted.
const MAX_FINDINGS: usize = 20;
/// Most characters of one finding, which may repeat what the reply held.
const MAX_FINDING_CHARS: usize = 300;

/// What a reply is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was there to check it by.
    Unverified,
    /// Every check holds.
    Verified,
    /// The checks that failed, each a sentence; at least one. They repeat untrusted text.
    Rejected(Vec<String>),
}

/// Holds a reply against the contract. It takes time in proportion to the reply; run it off the async threads.
#[must_use]
pub fn check_reply(contract: &Contract, reply: &str) -> Verdict {
    let expected = match &contract.expected_output {
        None | Some(Expectation::Text(_)) => return Verdict::Unverified,
        Some(Expectation::Structured(expected)) => expected,
    };
    let mut failed = Vec::new();
    let mut checked = !expected.checks.is_empty();
    match effective_format(expected) {
        None | Some(Format::Text | Format::Markdown) => {}
        Some(Format::Json) => {
            checked = true;
            check_json(expected.schema.as_ref(), reply, &mut failed);
        }
        Some(Format::Diff) => {
            checked = true;
            if !is_unified_diff(without_fence(reply)) {
                failed.push(
                    "format diff: the reply is no unified diff; it has no --- and +++ lines followed by a hunk."
                        .to_owned(),
                );
            }
        }
    }
    failed.extend(
        expected
            .checks
            .iter()
            .filter_map(|check| failed_check(check, reply)),
    );
    if !failed.is_empty() {
        Verdict::Rejected(failed)
    } else if checked {
        Verdict::Verified
    } else {
        Verdict::Unverified
    }
}

/// A schema means JSON.
fn effective_format(expected: &ExpectedOutput) -> Option<Format> {
    if expected.schema.is_some() {
        Some(Format::Json)
    } else {
        expected.format
    }
}

fn check_json(schema: Option<&Value>, reply: &str, failed: &mut Vec<String>) {
    let value: Value = match serde_json::from_str(without_fence(reply)) {
        Ok(value) => value,
        Err(error) => {
            failed.push(format!("format json: the reply is not JSON: {error}."));
            return;
        }
    };
    let Some(schema) = schema else {
        return;
    };
    match compile_schema(schema) {
        Ok(validator) => {
            let mut errors = validator.iter_errors(&value);
            for error in errors.by_ref().take(MAX_FINDINGS) {
                let path = error.instance_path().to_string();
                let place = if path.is_empty() { "/" } else { &path };
                failed.push(short(&format!("schema: at {place}: {error}.")));
            }
            let more = errors.count();
            if more > 0 {
                failed.push(format!("schema: and {more} more."));
            }
        }
        Err(error) => failed.push(short(&format!("schema: it cannot be applied: {error}."))),
    }
}

fn failed_check(check: &Check, reply: &str) -> Option<String> {
    match check {
        Check::Matches(pattern) => match compile_pattern(pattern) {
            Ok(regex) if regex.is_match(reply) => None,
            Ok(_) => Some(short(&format!(
                "matches: the reply does not match {pattern}."
            ))),
            Err(error) => Some(short(&format!(
                "matches: {pattern} cannot be applied: {error}."
            ))),
        },
        Check::NotMatches(pattern) => match compile_pattern(pattern) {
            Ok(regex) => regex
                .is_match(reply)
                .then(|| short(&format!("not_matches: the reply matches {pattern}."))),
            Err(error) => Some(short(&format!(
                "not_matches: {pattern} cannot be applied: {error}."
            ))),
        },
        Check::MinChars(least) => {
            let chars = reply.chars().count() as u64;
            (chars < *least).then(|| {
                format!("min_chars: the reply has {chars} characters; at least {least} are wanted.")
            })
        }
    }
}

fn short(text: &str) -> String {
    let total = text.chars().count();
    if total <= MAX_FINDING_CHARS {
        return text.to_owned();
    }
    let head: String = text.chars().take(MAX_FINDING_CHARS).collect();
    format!("{head}… ({total} characters)")
}

/// The reply trimmed, and without one surrounding code fence.
fn without_fence(reply: &str) -> &str {
    let text = reply.trim();
    let Some((opening, rest)) = text.split_once('\n') else {
        return text;
    };
    let opening = opening.trim_end();
    let ticks = opening.len() - opening.trim_start_matches('`').len();
    if ticks < 3 || opening[ticks..].contains('`') {
        return text;
    }
    let Some(body) = rest.strip_suffix(&opening[..ticks]) else {
        return text;
    };
    // The closing fence stands on a line of its own.
    match body.strip_suffix('\n') {
        Some(body) => body.trim(),
        None if body.is_empty() => body,
        None => text,
    }
}

/// Whether a text holds at least one file header and a hunk below it, with nothing but diff lines in the hunk's count.
fn is_unified_diff(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(3).any(|window| {
        let [old, new, hunk] = window else {
            return false;
        };
        old.starts_with("--- ") && new.starts_with("+++ ") && is_hunk_header(hunk)
    })
}

/// `@@ -1,2 +1,3 @@`, with the counts and the trailing text optional.
fn is_hunk_header(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("@@ -") else {
        return false;
    };
    let Some((ranges, _)) = rest.split_once(" @@") else {
        return false;
    };
    let Some((old, new)) = ranges.split_once(" +") else {
        return false;
    };
    let numbers = |range: &str| {
        range.split(',').count() <= 2
            && range
                .split(',')
                .all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    numbers(old) && numbers(new)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
