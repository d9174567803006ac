//! The contract as an A2A message, and back.
//!
//! Owns: which field travels where (the contract on the wire). Does not own: sending, or what a receiver makes
//! of it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::client::PeerCard;
use crate::ext::{self, DispatchMeta, Grant, PermissionAnswer};
use crate::ids::{ContextId, MessageId, TaskId};
use crate::types::{Message, Part, PartContent, Role};

use super::expectation::expectation;
use super::fold::{fold, fold_with_deadline};
use super::raw::{brief, deadline, reply_to_form, unknown_keys};
use super::violation::{ContractError, Violation, shown_value};
use super::{Contract, MAX_MESSAGE_BYTES};

/// Where a dispatch goes, and under which ids.
#[derive(Debug, Clone, Copy)]
pub struct Outbound<'a> {
    /// What the peer's card said.
    pub card: &'a PeerCard,
    /// The idempotency key, the same at each attempt.
    pub message_id: &'a MessageId,
    /// The context, where it is ours to choose.
    pub context_id: Option<&'a ContextId>,
    /// What may be spent.
    pub grant: Option<Grant>,
    /// What remains of the deadline at this hop, in seconds.
    pub remaining_s: u32,
    /// The deadline that nobody named, in seconds: a contract with this one does not mention it to a foreign peer.
    pub default_deadline_s: u32,
}

/// A dispatch that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedDispatch {
    /// The contract; `deadline_s` is the caller's, or the default.
    pub contract: Contract,
    /// The control fields as they came.
    pub meta: DispatchMeta,
    /// Whether the caller speaks our extension.
    pub caller: Caller,
}

/// Whether a caller speaks our extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// It does.
    Fleet,
    /// It sent a plain message.
    Foreign,
}

/// The message of a dispatch. A peer that lists our extension gets the fields as data, any other one as text.
///
/// # Errors
/// [`ContractError`] when the encoded message is larger than [`MAX_MESSAGE_BYTES`].
pub fn encode_message(
    contract: &Contract,
    outbound: &Outbound<'_>,
) -> Result<Message, ContractError> {
    let mut message = Message {
        message_id: outbound.message_id.to_string(),
        context_id: outbound.context_id.map(ToString::to_string),
        task_id: None,
        role: Role::User,
        parts: Vec::new(),
        metadata: None,
        extensions: None,
        reference_task_ids: None,
    };
    if outbound.card.lists_dispatch {
        extended(&mut message, contract, outbound);
    } else if contract.deadline_s == outbound.default_deadline_s {
        message.parts.push(Part::text(fold(contract)));
    } else {
        message.parts.push(Part::text(fold_with_deadline(contract)));
    }
    // The envelope of JSON-RPC around it is part of the limit of a body.
    const ENVELOPE_BYTES: usize = 1024;
    let bytes = serde_json::to_vec(&message).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_MESSAGE_BYTES - ENVELOPE_BYTES {
        return Err(ContractError::one(Violation::new(
            "contract",
            format!("{bytes} bytes when encoded"),
            format!(
                "at most {} bytes; put the rest into a file of the repo and name it",
                MAX_MESSAGE_BYTES - ENVELOPE_BYTES
            ),
        )));
    }
    Ok(message)
}

fn extended(message: &mut Message, contract: &Contract, outbound: &Outbound<'_>) {
    message.parts.push(Part::text(contract.instruction.clone()));
    let mut data = Map::new();
    if let Some(context) = &contract.context {
        data.insert("context".to_owned(), json!(context));
    }
    if let Some(expected) = &contract.expected_output {
        data.insert("expected_output".to_owned(), json!(expected));
    }
    if !data.is_empty() {
        let part = Part::data(Value::Object(data)).with_media_type("application/json");
        message.parts.push(part);
    }
    let meta = DispatchMeta {
        deadline_s: Some(f64::from(outbound.remaining_s.max(1))),
        reply_to: Some(contract.reply_to.clone().into()),
        grant: outbound.grant,
    };
    message.metadata = Some(HashMap::from([(
        ext::dispatch::URI.to_owned(),
        json!(meta),
    )]));
    message.extensions = Some(vec![
        ext::dispatch::URI.to_owned(),
        ext::events::URI.to_owned(),
    ]);
}

/// The message that answers a permission request. Its role and task make it one of the running turn.
#[must_use]
pub fn answer_message(
    task: &TaskId,
    context: Option<&ContextId>,
    message_id: &MessageId,
    answer: &PermissionAnswer,
) -> Message {
    let mut part = Part::data(json!(answer)).with_media_type("application/json");
    part.metadata = Some(HashMap::from([(ext::events::URI.to_owned(), json!(true))]));
    Message {
        message_id: message_id.to_string(),
        context_id: context.map(ToString::to_string),
        task_id: Some(task.to_string()),
        role: Role::User,
        parts: vec![part],
        metadata: None,
        extensions: Some(vec![ext::events::URI.to_owned()]),
        reference_task_ids: None,
    }
}

impl Contract {
    /// The dispatch in a message that somebody sent to a receiver. A caller without our extension gives an
    /// instruction and gets `default_deadline_s`.
    ///
    /// # Errors
    /// [`ContractError`] with every field named as on the wire.
    pub fn from_message(
        message: &Message,
        default_deadline_s: u32,
    ) -> Result<ReceivedDispatch, ContractError> {
        let mut wrong = Vec::new();
        let control = message
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get(ext::dispatch::URI));
        let listed = message
            .extensions
            .as_ref()
            .is_some_and(|all| all.iter().any(|uri| uri == ext::dispatch::URI));
        let caller = if control.is_some() || listed {
            Caller::Fleet
        } else {
            Caller::Foreign
        };
        let (instruction, fields) = split_parts(&message.parts, caller, &mut wrong);
        let mut contract = Self {
            instruction,
            context: None,
            expected_output: None,
            reply_to: super::ReplyTo::Console,
            deadline_s: default_deadline_s,
        };
        let mut meta = DispatchMeta::default();
        read_fields(fields, &mut contract, &mut wrong);
        if let Some(control) = control {
            meta = read_control(control, &mut contract, &mut wrong);
        }
        if wrong.is_empty() {
            return Ok(ReceivedDispatch {
                contract,
                meta,
                caller,
            });
        }
        Err(ContractError { violations: wrong })
    }
}

/// The instruction, and for a caller of ours the data part with the content fields. Data and addresses of other
/// parts are added to the instruction as text; files cannot be handed to a CLI and are refused.
fn split_parts(
    parts: &[Part],
    caller: Caller,
    wrong: &mut Vec<Violation>,
) -> (String, Option<Map<String, Value>>) {
    let mut texts = Vec::new();
    let mut fields = None;
    for (at, part) in parts.iter().enumerate() {
        match (&part.content, caller) {
            (PartContent::Text(text) | PartContent::Url(text), _) => texts.push(text.clone()),
            (PartContent::Data(Value::Object(map)), Caller::Fleet) if at == 1 => {
                fields = Some(map.clone());
            }
            (PartContent::Data(data), _) => texts.push(data.to_string()),
            (PartContent::Raw(bytes), _) => {
                let held = format!("a file of {} bytes", bytes.len());
                let field = format!("message.parts[{at}]");
                wrong.push(Violation::new(field, held, "text, data or a url"));
            }
        }
    }
    let instruction = texts.join("\n\n");
    if instruction.trim().is_empty() && wrong.is_empty() {
        let takes = "text that says what to do";
        wrong.push(Violation::new("message.parts[0]", "no text", takes));
    }
    (instruction, fields)
}

fn read_fields(
    fields: Option<Map<String, Value>>,
    contract: &mut Contract,
    wrong: &mut Vec<Violation>,
) {
    let at = "message.parts[1].data.";
    let Some(mut fields) = fields else {
        return;
    };
    let mut take = |key: &str| fields.remove(key).filter(|value| !value.is_null());
    if let Some(value) = take("context") {
        match brief(value) {
            Ok(brief) => contract.context = Some(brief),
            Err(violation) => wrong.push(below(at, violation)),
        }
    }
    if let Some(value) = take("expected_output") {
        match expectation(value) {
            Ok(expected) => contract.expected_output = Some(expected),
            Err(violations) => wrong.extend(violations.into_iter().map(|v| below(at, v))),
        }
    }
    let takes = "nothing: it has context and expected_output";
    wrong.extend(unknown_keys(&fields, at, takes));
}

fn read_control(
    control: &Value,
    contract: &mut Contract,
    wrong: &mut Vec<Violation>,
) -> DispatchMeta {
    let at = format!("message.metadata.{}.", ext::dispatch::URI);
    let Some(map) = control.as_object() else {
        let field = at.trim_end_matches('.').to_owned();
        wrong.push(Violation::new(field, shown_value(control), "an object"));
        return DispatchMeta::default();
    };
    let given = |key: &str| map.get(key).filter(|value| !value.is_null());
    if let Some(value) = given("deadline_s") {
        match deadline("deadline_s", value) {
            Ok(seconds) => contract.deadline_s = seconds,
            Err(violation) => wrong.push(below(&at, violation)),
        }
    }
    match reply_to_form(
        given("reply_to"),
        "`console`, a peer's name, or an http(s) URL",
    ) {
        Ok(reply_to) => contract.reply_to = reply_to,
        Err(violation) => wrong.push(below(&at, violation)),
    }
    let grant = given("grant").and_then(|value| match read_grant(value) {
        Ok(grant) => Some(grant),
        Err(violation) => {
            wrong.push(below(&at, violation));
            None
        }
    });
    DispatchMeta {
        deadline_s: given("deadline_s").and_then(Value::as_f64),
        reply_to: given("reply_to").and_then(Value::as_str).map(str::to_owned),
        grant,
    }
}

fn read_grant(value: &Value) -> Result<Grant, Violation> {
    let Some(map) = value.as_object() else {
        let takes = "an object of tokens, turns and cost_usd";
        return Err(Violation::new("grant", shown_value(value), takes));
    };
    let figure = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if number >= 0.0 => Ok(Some(number)),
            Some(_) | None => {
                let field = format!("grant.{key}");
                Err(Violation::new(field, shown_value(value), "a number from 0"))
            }
        },
    };
    Ok(Grant {
        tokens: figure("tokens")?,
        turns: figure("turns")?,
        cost_usd: figure("cost_usd")?,
    })
}

fn below(at: &str, mut violation: Violation) -> Violation {
    violation.field.insert_str(0, at);
    violation
}
