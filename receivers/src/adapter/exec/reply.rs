//! What a command's standard output means.
//!
//! Owns: both forms, as state machines over bytes. No I/O.

pub(super) use fleet_a2a::contract::MAX_REPLY_BYTES;
use fleet_a2a::ext::Usage;
use serde::{Deserialize, Deserializer};

use crate::adapter::AdapterEvent;
use crate::child::{Line, Splitter};
use crate::config::ExecEvents;

/// Longest line of `jsonl`: the largest message of the protocol, which a text event may carry.
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Notes about lines that are no events, before they are only counted.
const BAD_LINE_NOTES: u64 = 20;
/// Characters shown of such a line.
const SHOWN_CHARS: usize = 200;
/// The largest whole number that a JSON float holds exactly.
const EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Reads a command's output.
#[derive(Debug)]
pub(super) struct Reply {
    form: Form,
    text: String,
    replaced: bool,
    usage: Usage,
    bad_lines: u64,
    /// Bytes of the first line that was too long to be read. A text may have stood in it, so the reply is not whole.
    pub(super) lost: Option<u64>,
    pub(super) end: End,
}

/// Whether a command said that it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Not yet: its exit decides.
    NotSaid,
    /// Done.
    Completed,
    /// It failed, in its own words.
    Failed(String),
}

#[derive(Debug)]
enum Form {
    Text { incomplete: Vec<u8> },
    Jsonl(Splitter),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Text {
        text: String,
    },
    Usage(SaidUsage),
    Note {
        text: String,
    },
    End {
        state: SaidState,
        #[serde(default)]
        error: Option<String>,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SaidUsage {
    #[serde(deserialize_with = "whole")]
    input_tokens: u64,
    #[serde(deserialize_with = "whole")]
    output_tokens: u64,
    #[serde(deserialize_with = "whole")]
    cache_read_tokens: u64,
    #[serde(deserialize_with = "whole")]
    cache_write_tokens: u64,
    cost_usd: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SaidState {
    Completed,
    Failed,
}

/// A whole number that may be written `900` or `900.0`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    if let Some(exact) = number.as_u64() {
        return Ok(exact);
    }
    match number.as_f64() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked in the guard"
        )]
        Some(float) if float.fract() == 0.0 && (0.0..=EXACT_FLOAT).contains(&float) => {
            Ok(float as u64)
        }
        Some(_) | None => Err(serde::de::Error::custom(format!(
            "{number} is no count of tokens"
        ))),
    }
}

impl Reply {
    pub(super) fn new(events: ExecEvents) -> Self {
        Self {
            form: match events {
                ExecEvents::Text => Form::Text {
                    incomplete: Vec::new(),
                },
                ExecEvents::Jsonl => Form::Jsonl(Splitter::new(MAX_LINE_BYTES)),
            },
            text: String::new(),
            replaced: false,
            usage: Usage {
                turns: 1,
                ..Usage::default()
            },
            bad_lines: 0,
            lost: None,
            end: End::NotSaid,
        }
    }

    /// Takes output; gives what it tells.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<AdapterEvent> {
        let mut events = Vec::new();
        match &mut self.form {
            Form::Text { incomplete } => {
                incomplete.extend_from_slice(bytes);
                let (text, replaced) = decode(incomplete);
                self.say(text, replaced, &mut events);
            }
            Form::Jsonl(splitter) => {
                for line in splitter.push(bytes) {
                    self.line(line, &mut events);
                }
            }
        }
        events
    }

    /// The output is at its end; gives what was still incomplete.
    pub(super) fn finish(&mut self) -> Vec<AdapterEvent> {
        let mut events = Vec::new();
        match &mut self.form {
            Form::Text { incomplete } => {
                let rest = std::mem::take(incomplete);
                let text = String::from_utf8_lossy(&rest).into_owned();
                self.say(text, !rest.is_empty(), &mut events);
            }
            Form::Jsonl(splitter) => {
                if let Some(line) = splitter.finish() {
                    self.line(line, &mut events);
                }
            }
        }
        if let Some(more) = self
            .bad_lines
            .checked_sub(BAD_LINE_NOTES)
            .filter(|more| *more > 0)
        {
            events.push(AdapterEvent::Note(format!(
                "{more} further lines of its output were no events and are not shown."
            )));
        }
        events
    }

    /// The reply so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the reply passed [`MAX_REPLY_BYTES`].
    pub(super) fn is_too_long(&self) -> bool {
        self.text.len() > MAX_REPLY_BYTES
    }

    fn say(&mut self, text: String, replaced: bool, events: &mut Vec<AdapterEvent>) {
        if replaced && !self.replaced {
            self.replaced = true;
            events.push(AdapterEvent::Note(
                "Some of its output was not UTF-8; it was replaced by U+FFFD.".to_owned(),
            ));
        }
        if !text.is_empty() {
            self.text.push_str(&text);
            events.push(AdapterEvent::TextDelta(text));
        }
    }

    fn line(&mut self, line: Line, events: &mut Vec<AdapterEvent>) {
        let (text, replaced) = match line {
            Line::Text { text, replaced } => (text, replaced),
            Line::TooLong { bytes } => {
                self.lost = self.lost.or(Some(bytes));
                return;
            }
        };
        if text.trim().is_empty() {
            return;
        }
        match serde_json::from_str(&text) {
            Ok(said) => self.said(said, replaced, events),
            Err(error) => self.bad_line(&error.to_string(), &text, events),
        }
    }

    fn said(&mut self, said: Said, replaced: bool, events: &mut Vec<AdapterEvent>) {
        match said {
            Said::Text { text } => self.say(text, replaced, events),
            Said::Note { text } => events.push(AdapterEvent::Note(text)),
            Said::Usage(more) => {
                self.add(&more);
                events.push(AdapterEvent::Usage(self.usage));
            }
            Said::End {
                state: SaidState::Completed,
                ..
            } => self.end = End::Completed,
            Said::End {
                state: SaidState::Failed,
                error,
            } => {
                self.end = End::Failed(
                    error
                        .filter(|error| !error.trim().is_empty())
                        .unwrap_or_else(|| {
                            "the command said that it failed, and not why".to_owned()
                        }),
                );
            }
        }
    }

    fn add(&mut self, more: &SaidUsage) {
        let usage = &mut self.usage;
        usage.input_tokens = usage.input_tokens.saturating_add(more.input_tokens);
        usage.output_tokens = usage.output_tokens.saturating_add(more.output_tokens);
        usage.cache_read_tokens = usage
            .cache_read_tokens
            .saturating_add(more.cache_read_tokens);
        usage.cache_write_tokens = usage
            .cache_write_tokens
            .saturating_add(more.cache_write_tokens);
        if let Some(cost) = more
            .cost_usd
            .filter(|cost| cost.is_finite() && *cost >= 0.0)
        {
            usage.cost_usd = Some(usage.cost_usd.unwrap_or(0.0) + cost);
        }
    }

    fn bad_line(&mut self, why: &str, line: &str, events: &mut Vec<AdapterEvent>) {
        self.bad_lines += 1;
        if self.bad_lines <= BAD_LINE_NOTES {
            let shown: String = line.chars().take(SHOWN_CHARS).collect();
            let cut = if shown.len() < line.len() { "…" } else { "" };
            events.push(AdapterEvent::Note(format!(
                "A line of its output is no event ({why}): {shown}{cut}"
            )));
        }
    }
}

/// Takes the whole characters off the front of `bytes`; a character whose rest may still come is left. Says whether anything
/// was replaced.
fn decode(bytes: &mut Vec<u8>) -> (String, bool) {
    let mut text = String::new();
    let mut replaced = false;
    let mut rest = bytes.as_slice();
    let left = loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break Vec::new();
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(bad) = error.error_len() else {
                    break after.to_vec();
                };
                text.push(char::REPLACEMENT_CHARACTER);
                replaced = true;
                rest = &after[bad..];
            }
        }
    };
    *bytes = left;
    (text, replaced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jsonl(lines: &str) -> (Reply, Vec<AdapterEvent>) {
        let mut reply = Reply::new(ExecEvents::Jsonl);
        let mut events = reply.push(lines.as_bytes());
        events.extend(reply.finish());
        (reply, events)
    }

    #[test]
    fn json_lines_become_events_and_usage_is_added_up() {
        let (reply, events) = jsonl(
            "{\"type\":\"text\",\"text\":\"a\"}\n{\"type\":\"usage\",\"input_tokens\":10,\"output_tokens\":1.0}\n\
             {\"type\":\"usage\",\"output_tokens\":5,\"cost_usd\":0.5}\n\n{\"type\":\"note\",\"text\":\"n\"}\n\
             {\"type\":\"end\",\"state\":\"failed\",\"error\":\"no disk\"}",
        );
        let usage = |input_tokens, output_tokens, cost_usd| {
            AdapterEvent::Usage(Usage {
                input_tokens,
                output_tokens,
                cost_usd,
                turns: 1,
                ..Usage::default()
            })
        };
        assert_eq!(
            events,
            [
                AdapterEvent::TextDelta("a".into()),
                usage(10, 1, None),
                usage(10, 6, Some(0.5)),
                AdapterEvent::Note("n".into()),
            ]
        );
        assert_eq!(reply.end, End::Failed("no disk".into()));
    }

    #[test]
    fn lines_that_are_no_events_are_noted_and_then_counted() {
        let (reply, events) = jsonl(&"nonsense\n".repeat(25));
        assert_eq!(events.len(), 21);
        assert!(matches!(&events[20], AdapterEvent::Note(text) if text.starts_with("5 further")));
        assert_eq!(reply.text(), "");
        let (_, events) = jsonl("{\"type\":\"usage\",\"input_tokens\":-3}\n{\"type\":\"dance\"}\n");
        assert!(
            matches!(&events[0], AdapterEvent::Note(text) if text.contains("no count of tokens"))
        );
        assert!(matches!(&events[1], AdapterEvent::Note(text) if text.contains("dance")));
    }

    #[test]
    fn usage_neither_falls_nor_overflows() {
        let most = u64::MAX;
        let (_, events) = jsonl(&format!(
            "{{\"type\":\"usage\",\"input_tokens\":{most},\"cost_usd\":-4}}\n{{\"type\":\"usage\",\"input_tokens\":{most}}}\n\
             {{\"type\":\"usage\",\"input_tokens\":1e300}}\n"
        ));
        let told: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                AdapterEvent::Usage(usage) => Some((usage.input_tokens, usage.cost_usd)),
                _other => None,
            })
            .collect();
        assert_eq!(told, [(most, None), (most, None)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_remembered_as_lost() {
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        let (reply, events) = jsonl(&format!("{long}\n{{\"type\":\"text\",\"text\":\"a\"}}\n"));
        assert_eq!(events, [AdapterEvent::TextDelta("a".into())]);
        assert_eq!(reply.lost, Some(long.len() as u64));
    }

    proptest! {
        #[test]
        fn the_reply_does_not_depend_on_where_the_pipe_cut_it(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..7,
        ) {
            let mut reply = Reply::new(ExecEvents::Text);
            let mut deltas = String::new();
            let mut events: Vec<_> = bytes.chunks(size).flat_map(|piece| reply.push(piece)).collect();
            events.extend(reply.finish());
            for event in events {
                if let AdapterEvent::TextDelta(text) = event { deltas.push_str(&text); }
            }
            prop_assert_eq!(reply.text(), String::from_utf8_lossy(&bytes));
            prop_assert_eq!(deltas.as_str(), reply.text());
        }

        #[test]
        fn no_line_makes_it_panic(text in "\\PC{0,80}", kind in "text|usage|end|note|x") {
            let _ = jsonl(&format!("{{\"type\":\"{kind}\",\"text\":{text},\"state\":\"{text}\"}}\n{text}\n"));
        }
    }
}
