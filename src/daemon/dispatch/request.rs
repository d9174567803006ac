//! From what a client asks to a dispatch that may be stored.
//!
//! Owns: validation and the hashes that tell two requests apart. Nothing is stored or sent here.

use std::sync::Arc;

use fleet_a2a::client::{Dialect, PeerCard};
use fleet_a2a::contract::{
    Contract, ContractError, ContractRules, Outbound, RawContract, ReplyTo, encode_message,
};
use fleet_a2a::ext::Usage;
use fleet_a2a::{ContextId, MessageId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config::{FleetConfig, PeerConfig, PeerKind};
use crate::control::SubmitRequest;
use crate::daemon::store::{DispatchRow, Identity, Outcome, Times, WireIds};
use crate::daemon::transcript;
use crate::domain::{DispatchState, ErrorKind, Failure, GrantedAmounts, PeerName, PeerText};

/// A dispatch as it would be stored, without its grant.
///
/// # Errors
/// `NotFound` for an unknown peer, `Contract` for everything else that is wrong with the request.
pub(super) fn prepare(
    request: SubmitRequest,
    config: &FleetConfig,
    now_ms: i64,
) -> Result<DispatchRow, Failure> {
    let peer = known_peer(&request.peer, config)?.name.clone();
    let request_hash = request_hash(&request);
    let contract = contract(request.contract, config)?;
    let named = request.context_id.map(named_context).transpose()?;
    let message_id = MessageId::mint();
    fits(&contract, &message_id)?;
    deliverable(&contract)?;
    let identity = Identity {
        request_hash,
        content_hash: hash(&json!([
            contract.instruction,
            contract.context,
            contract.expected_output
        ])),
        context_named: named.is_some(),
        again: request.again,
    };
    let context_id = named.unwrap_or_else(ContextId::mint).to_string();
    Ok(DispatchRow {
        dispatch_id: request.dispatch_id,
        transcript: transcript::place(config, &peer, &context_id),
        times: Times {
            accepted_at_ms: now_ms,
            deadline_at_ms: now_ms + i64::from(contract.deadline_s) * 1000,
            ended_at_ms: None,
            cancel_at_ms: None,
        },
        peer,
        contract,
        identity,
        wire: WireIds {
            context_id,
            message_id: message_id.to_string(),
            task_id: None,
            peer_context_id: None,
        },
        state: DispatchState::Queued,
        reason: None,
        granted: GrantedAmounts::default(),
        usage: Usage::default(),
        last_event: PeerText::default(),
        outcome: Outcome::default(),
    })
}

/// Tells a request that is made again from another one under its id.
pub(super) fn request_hash(request: &SubmitRequest) -> String {
    hash(&json!([
        request.peer,
        request.contract,
        request.context_id,
        request.again
    ]))
}

/// The peer of that name in fleet.toml.
pub(super) fn known_peer<'a>(
    text: &str,
    config: &'a FleetConfig,
) -> Result<&'a PeerConfig, Failure> {
    let found = PeerName::new(text).ok().and_then(|name| config.peer(&name));
    found.ok_or_else(|| {
        let names: Vec<&str> = config.peers.iter().map(|p| p.name.as_str()).collect();
        Failure::new(
            ErrorKind::NotFound,
            format!("There is no peer {text:?} in {}.", config.path.display()),
            format!("Name one of: {}.", names.join(", ")),
        )
    })
}

fn contract(value: Value, config: &FleetConfig) -> Result<Contract, Failure> {
    let peers: Vec<String> = config.peers.iter().map(|p| p.name.to_string()).collect();
    let mut hosts = config.reply_to_hosts.clone();
    for peer in &config.peers {
        if let PeerKind::Foreign(foreign) = &peer.kind {
            hosts.extend(foreign.url.host_str().map(str::to_owned));
        }
    }
    let rules = ContractRules {
        default_deadline_s: config.deadline_s,
        peers: &peers,
        hosts: &hosts,
    };
    let raw = RawContract::from_value(value).map_err(|violations| ContractError { violations });
    raw.and_then(|raw| raw.validate(&rules))
        .map_err(|error| refused(&error))
}

fn named_context(text: String) -> Result<ContextId, Failure> {
    ContextId::new(text).map_err(|error| {
        Failure::new(
            ErrorKind::Contract,
            format!("The context id cannot be used: {error}."),
            "Give another --context-id, or none.",
        )
    })
}

/// The encoded message must be within its bound, whatever the peer's card will say.
fn fits(contract: &Contract, message_id: &MessageId) -> Result<(), Failure> {
    let card = Arc::new(PeerCard {
        name: String::new(),
        dialect: Dialect::V1,
        streaming: true,
        lists_dispatch: true,
        raw: Value::Null,
    });
    let outbound = Outbound {
        card: &card,
        message_id,
        context_id: None,
        grant: None,
        remaining_s: contract.deadline_s,
        default_deadline_s: contract.deadline_s,
    };
    encode_message(contract, &outbound)
        .map(drop)
        .map_err(|error| refused(&error))
}

fn deliverable(contract: &Contract) -> Result<(), Failure> {
    let to = match &contract.reply_to {
        ReplyTo::Console => return Ok(()),
        ReplyTo::Peer(text) | ReplyTo::Url(text) => text,
    };
    Err(Failure::new(
        ErrorKind::Contract,
        format!("reply_to {to:?} is valid, but delivery to others is not there yet."),
        "Leave reply_to out, or use console.",
    ))
}

fn refused(error: &ContractError) -> Failure {
    Failure::new(
        ErrorKind::Contract,
        format!("The contract was refused, and nothing was sent: {error}"),
        "Mend the field that is named, and send again.",
    )
}

fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
