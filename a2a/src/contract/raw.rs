//! The contract as a person or a peer gave it, and its validation.
//!
//! Owns: [`RawContract`] and every rule of a contract that needs no wire. Does not own: the rules of the
//! schema and the checks, see `expectation`; encoding, see `encode`.

use serde_json::{Map, Value};
use url::Url;

use super::expectation::{expectation, size_of};
use super::violation::{ContractError, Violation, shown_text, shown_value};
use super::{Brief, Contract, DEADLINE_S, MAX_BRIEF_BYTES, ReplyTo};

/// Longest `reply_to`, in bytes: no address that people use is longer.
const MAX_REPLY_TO_BYTES: usize = 2048;

/// A contract nobody has looked at: each field as it was given, of any type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawContract {
    /// What to do.
    pub instruction: Option<Value>,
    /// The brief.
    pub context: Option<Value>,
    /// What the reply must be.
    pub expected_output: Option<Value>,
    /// Who gets the reply.
    pub reply_to: Option<Value>,
    /// Seconds from acceptance.
    pub deadline_s: Option<Value>,
}

/// What a contract is held against.
#[derive(Debug, Clone, Copy)]
pub struct ContractRules<'a> {
    /// The deadline when the contract names none, in seconds.
    pub default_deadline_s: u32,
    /// The names of the configured peers.
    pub peers: &'a [String],
    /// The hosts, with or without a port, that a `reply_to` URL may name.
    pub hosts: &'a [String],
}

impl RawContract {
    /// Takes the JSON form apart. A field that holds null counts as not given.
    ///
    /// # Errors
    /// A violation for what is no object, and one for each key that no contract has.
    pub fn from_value(value: Value) -> Result<Self, Vec<Violation>> {
        let Value::Object(mut map) = value else {
            let held = shown_value(&value);
            return Err(vec![Violation::new("contract", held, "a JSON object")]);
        };
        let mut take = |key: &str| map.remove(key).filter(|value| !value.is_null());
        let raw = Self {
            instruction: take("instruction"),
            context: take("context"),
            expected_output: take("expected_output"),
            reply_to: take("reply_to"),
            deadline_s: take("deadline_s"),
        };
        let takes = "nothing: a contract has instruction, context, expected_output, reply_to and deadline_s";
        let unknown = unknown_keys(&map, "", takes);
        if unknown.is_empty() {
            Ok(raw)
        } else {
            Err(unknown)
        }
    }

    /// Holds every field against its rules.
    ///
    /// # Errors
    /// [`ContractError`] with everything that is wrong, not only the first.
    pub fn validate(self, rules: &ContractRules<'_>) -> Result<Contract, ContractError> {
        let mut wrong = Vec::new();
        let contract = self.fields(rules, &mut wrong);
        match contract {
            Some(contract) if wrong.is_empty() => Ok(contract),
            Some(_) | None => Err(ContractError { violations: wrong }),
        }
    }

    fn fields(self, rules: &ContractRules<'_>, wrong: &mut Vec<Violation>) -> Option<Contract> {
        let mut note = Collector(wrong);
        let instruction = note.keep(instruction(self.instruction.as_ref()));
        let context = note.keep(self.context.map(brief).transpose());
        let expected_output = match self.expected_output.map(expectation).transpose() {
            Ok(given) => Some(given),
            Err(violations) => {
                note.0.extend(violations);
                None
            }
        };
        let reply_to = note.keep(reply_to(self.reply_to.as_ref(), rules));
        let deadline_s = match &self.deadline_s {
            None => Some(rules.default_deadline_s),
            Some(value) => note.keep(deadline("deadline_s", value)),
        };
        Some(Contract {
            instruction: instruction?,
            context: context?,
            expected_output: expected_output?,
            reply_to: reply_to?,
            deadline_s: deadline_s?,
        })
    }
}

struct Collector<'a>(&'a mut Vec<Violation>);

impl Collector<'_> {
    fn keep<T>(&mut self, result: Result<T, Violation>) -> Option<T> {
        result.map_err(|violation| self.0.push(violation)).ok()
    }
}

/// One violation for each key that is left.
pub(super) fn unknown_keys(map: &Map<String, Value>, at: &str, takes: &str) -> Vec<Violation> {
    map.iter()
        .map(|(key, value)| {
            let field = format!("{at}{}", shown_text(key));
            Violation::new(field, shown_value(value), takes)
        })
        .collect()
}

fn instruction(value: Option<&Value>) -> Result<String, Violation> {
    let takes = "text that says what to do";
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        Some(Value::String(text)) if text.is_empty() => {
            Err(Violation::new("instruction", "empty text", takes))
        }
        Some(Value::String(_)) => Err(Violation::new("instruction", "only white space", takes)),
        Some(other) => Err(Violation::new("instruction", shown_value(other), takes)),
        None => Err(Violation::new("instruction", "nothing", takes)),
    }
}

/// The brief, within its size.
pub(super) fn brief(value: Value) -> Result<Brief, Violation> {
    let bytes = size_of(&value);
    if bytes > MAX_BRIEF_BYTES {
        return Err(Violation::new(
            "context",
            format!("{bytes} bytes when encoded"),
            format!(
                "at most {MAX_BRIEF_BYTES} bytes; put the rest into a file of the repo and name it"
            ),
        ));
    }
    match value {
        Value::String(text) => Ok(Brief::Text(text)),
        Value::Object(map) => structured_brief(map),
        other => Err(Violation::new(
            "context",
            shown_value(&other),
            "text, or an object of text, files and constraints",
        )),
    }
}

fn structured_brief(mut map: Map<String, Value>) -> Result<Brief, Violation> {
    let text = match map.remove("text") {
        Some(Value::String(text)) => text,
        other => {
            let held = shown_value(&other.unwrap_or(Value::Null));
            return Err(Violation::new("context.text", held, "text"));
        }
    };
    let files = text_list(&mut map, "files", "a list of paths")?;
    let constraints = text_list(&mut map, "constraints", "a list of texts")?;
    let takes = "nothing: a context has text, files and constraints";
    match unknown_keys(&map, "context.", takes).into_iter().next() {
        Some(unknown) => Err(unknown),
        None => Ok(Brief::Structured {
            text,
            files,
            constraints,
        }),
    }
}

fn text_list(
    map: &mut Map<String, Value>,
    key: &str,
    takes: &str,
) -> Result<Vec<String>, Violation> {
    let field = format!("context.{key}");
    match map.remove(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(at, item)| match item {
                Value::String(text) if !text.trim().is_empty() => Ok(text),
                other => {
                    let field = format!("{field}[{at}]");
                    Err(Violation::new(
                        field,
                        shown_value(&other),
                        "text that is not blank",
                    ))
                }
            })
            .collect(),
        Some(other) => Err(Violation::new(field, shown_value(&other), takes)),
    }
}

/// A deadline in seconds; whole numbers may come as 900.0.
pub(super) fn deadline(field: &str, value: &Value) -> Result<u32, Violation> {
    let range = DEADLINE_S;
    value
        .as_f64()
        .filter(|seconds| seconds.fract() == 0.0)
        .filter(|seconds| *seconds >= f64::from(*range.start()))
        .filter(|seconds| *seconds <= f64::from(*range.end()))
        .and_then(|seconds| format!("{seconds:.0}").parse().ok())
        .ok_or_else(|| {
            let takes = format!(
                "whole seconds from {} to {} (one day)",
                range.start(),
                range.end()
            );
            Violation::new(field, shown_value(value), takes)
        })
}

fn reply_to(value: Option<&Value>, rules: &ContractRules<'_>) -> Result<ReplyTo, Violation> {
    let takes = || {
        let mut takes = "`console`".to_owned();
        if !rules.peers.is_empty() {
            takes.push_str(&format!(", a configured peer ({})", rules.peers.join(", ")));
        }
        takes.push_str(", or an http(s) URL on a host in reply_to_hosts of fleet.toml");
        takes
    };
    let given = reply_to_form(value, &takes())?;
    let allowed = match &given {
        ReplyTo::Console => true,
        ReplyTo::Peer(name) => rules.peers.contains(name),
        ReplyTo::Url(url) => allowed_host(url, rules.hosts),
    };
    if allowed {
        return Ok(given);
    }
    Err(Violation::new(
        "reply_to",
        shown_text(&String::from(given)),
        takes(),
    ))
}

/// The form alone, without the configuration: what a receiver can check.
pub(super) fn reply_to_form(value: Option<&Value>, takes: &str) -> Result<ReplyTo, Violation> {
    let text = match value {
        None => return Ok(ReplyTo::Console),
        Some(Value::String(text)) => text,
        Some(other) => return Err(Violation::new("reply_to", shown_value(other), takes)),
    };
    let bad = |takes: &str| Err(Violation::new("reply_to", shown_text(text), takes));
    if text.trim().is_empty() || text.len() > MAX_REPLY_TO_BYTES {
        return bad(takes);
    }
    let given = ReplyTo::from(text.clone());
    if let ReplyTo::Url(text) = &given {
        let Ok(url) = Url::parse(text) else {
            return bad(takes);
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return bad(takes);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            // Not repeated: what stands there may be a password.
            return Err(Violation::new(
                "reply_to",
                "a URL with a user name, a password or a fragment",
                "a URL without them; it must not carry a secret",
            ));
        }
    }
    Ok(given)
}

fn allowed_host(text: &str, hosts: &[String]) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let with_port = format!("{host}:{port}");
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    hosts.iter().any(|allowed| {
        [host, bare, with_port.as_str()]
            .iter()
            .any(|name| allowed.eq_ignore_ascii_case(name))
    })
}
