//! The row of a dispatch: its parts as types, and how they are written and read.
//!
//! Owns: [`DispatchRow`]. Does not own: when it changes.

use std::path::PathBuf;

use fleet_a2a::contract::Contract;
use fleet_a2a::ext::{Refusal, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::StoreError;
use crate::domain::{
    DispatchId, DispatchState, Failure, GrantedAmounts, PeerName, PeerText, Reason, Verification,
};

/// One dispatch, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchRow {
    /// Minted by the client.
    pub dispatch_id: DispatchId,
    /// To whom.
    pub peer: PeerName,
    /// What was agreed.
    pub contract: Contract,
    /// What the guard compares.
    pub identity: Identity,
    /// The ids on the wire.
    pub wire: WireIds,
    /// When.
    pub times: Times,
    /// Where it stands.
    pub state: DispatchState,
    /// Why it ended so.
    pub reason: Option<Reason>,
    /// What it may spend.
    pub granted: GrantedAmounts,
    /// What it has spent, running totals.
    pub usage: Usage,
    /// Where its lines are.
    pub transcript: TranscriptPlace,
    /// The last thing worth a line; the peer's text.
    pub last_event: PeerText,
    /// What came of it.
    pub outcome: Outcome,
}

/// What makes two dispatches the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Over peer, contract and named context: the same dispatch id with another one is refused.
    pub request_hash: String,
    /// Over instruction, brief and expectation: what runs only once where no context was named.
    pub content_hash: String,
    /// A person chose the context.
    pub context_named: bool,
    /// A second run of the same content was meant.
    pub again: bool,
}

/// The ids on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireIds {
    /// Ours: guard and file names use it.
    pub context_id: String,
    /// The first message's, stable over attempts.
    pub message_id: String,
    /// The peer's task, once known.
    pub task_id: Option<String>,
    /// The peer's context, where it chose one.
    pub peer_context_id: Option<String>,
}

/// When, in milliseconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Stored.
    pub accepted_at_ms: i64,
    /// The absolute deadline.
    pub deadline_at_ms: i64,
    /// The end was stored.
    pub ended_at_ms: Option<i64>,
    /// A person asked for the end.
    pub cancel_at_ms: Option<i64>,
}

/// Where a dispatch's lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptPlace {
    /// The folder that is trusted, links and all.
    pub base: PathBuf,
    /// The file below it; no part of it may be a link.
    pub rel: PathBuf,
    /// Where its lines begin, in bytes; none before the first attempt.
    pub offset: Option<u64>,
    /// The last sequence number that was written.
    pub seq: u64,
}

/// What came of a dispatch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// The final text, or the text so far of a turn that did not complete.
    pub reply: Option<PeerText>,
    /// Further artifacts, as they came.
    pub artifacts: Vec<Value>,
    /// Tools that were refused.
    pub refused: Vec<Refusal>,
    /// What the checks said.
    pub verification: Option<Verification>,
    /// The checks that failed, one sentence each.
    pub failed_checks: Vec<PeerText>,
    /// What went wrong.
    pub error: Option<Failure>,
    /// The reply came after the deadline.
    pub late: bool,
}

impl DispatchRow {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            dispatch_id: parsed(row, "dispatch_id")?,
            peer: parsed(row, "peer")?,
            contract: json(row, "contract")?,
            identity: Identity {
                request_hash: row.try_get("request_hash")?,
                content_hash: row.try_get("content_hash")?,
                context_named: row.try_get("context_named")?,
                again: row.try_get("again")?,
            },
            wire: WireIds {
                context_id: row.try_get("context_id")?,
                message_id: row.try_get("message_id")?,
                task_id: row.try_get("task_id")?,
                peer_context_id: row.try_get("peer_context_id")?,
            },
            times: Times {
                accepted_at_ms: row.try_get("accepted_at_ms")?,
                deadline_at_ms: row.try_get("deadline_at_ms")?,
                ended_at_ms: row.try_get("ended_at_ms")?,
                cancel_at_ms: row.try_get("cancel_at_ms")?,
            },
            state: word("state", &row.try_get::<String, _>("state")?)?,
            reason: row
                .try_get::<Option<String>, _>("reason")?
                .map(|text| word("reason", &text))
                .transpose()?,
            granted: json(row, "granted")?,
            usage: json(row, "usage")?,
            transcript: TranscriptPlace {
                base: PathBuf::from(row.try_get::<String, _>("transcript_base")?),
                rel: PathBuf::from(row.try_get::<String, _>("transcript_rel")?),
                offset: row
                    .try_get::<Option<i64>, _>("transcript_offset")?
                    .map(i64::cast_unsigned),
                seq: row.try_get::<i64, _>("transcript_seq")?.cast_unsigned(),
            },
            last_event: PeerText::new(row.try_get::<String, _>("last_event")?),
            outcome: json(row, "outcome")?,
        })
    }
}

/// A state, reason or decision from its word: the words of the rows are those of the JSON.
pub(super) fn word<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|error| StoreError::Damaged {
        what,
        detail: error.to_string(),
    })
}

/// The word of a reason or decision, as its JSON has it.
pub(super) fn word_of<T: Serialize>(value: T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Some(text),
        Ok(_) | Err(_) => None,
    }
}

/// A column's JSON; our own types always have one.
pub(super) fn text_of<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged {
        what,
        detail: error.to_string(),
    })
}

pub(super) fn parsed<T: std::str::FromStr>(
    row: &SqliteRow,
    what: &'static str,
) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    let text: String = row.try_get(what)?;
    text.parse().map_err(|error: T::Err| StoreError::Damaged {
        what,
        detail: error.to_string(),
    })
}

fn json<T: DeserializeOwned>(row: &SqliteRow, what: &'static str) -> Result<T, StoreError> {
    let text: String = row.try_get(what)?;
    json_of(what, &text)
}

/// What a column's JSON says.
pub(super) fn json_of<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged {
        what,
        detail: error.to_string(),
    })
}
