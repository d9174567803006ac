//! What can go wrong with a call, and what it says about whether the peer took the work.
//!
//! Owns: [`ClientError`] and its three questions: was it accepted, is it a duplicate, is the token wrong. Does not own:
//! what to do about it.

use std::error::Error as StdError;

use crate::types::error_code;

use super::rpc_error::{DUPLICATE_DISPATCH, FLEET_DOMAIN, RpcError, is_busy};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection was made: nothing was sent.
    #[error("no connection to {url}: {}", root_cause(.source))]
    Connect {
        /// Where to.
        url: String,
        /// What the socket said.
        #[source]
        source: reqwest::Error,
    },
    /// The peer did not answer in time.
    #[error("{what} took longer than {limit_s} s")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long, in seconds.
        limit_s: u64,
    },
    /// An HTTP status other than success, with a body that is no error of the protocol.
    #[error("HTTP {status}{}", excerpt_note(.excerpt))]
    Http {
        /// The status.
        status: u16,
        /// The beginning of the body: untrusted text.
        excerpt: String,
    },
    /// The peer answered with an error of the protocol.
    #[error("the peer answered: {0}")]
    Rpc(Box<RpcError>),
    /// The peer answered something that is not A2A.
    #[error("the peer does not keep to A2A: {0}")]
    Protocol(String),
    /// The connection broke, or the stream ended before the task did.
    #[error("the connection closed early: {0}")]
    Closed(String),
    /// The card, or an address of ours, forbids the call: nothing was sent.
    #[error("{0}")]
    Unusable(String),
    /// Somebody else answers at the receiver's address: the token was not sent.
    #[error(
        "what answers at {url} could not prove that it is the receiver; the token was not sent"
    )]
    Unproven {
        /// The address.
        url: String,
    },
}

/// Whether the peer took the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Surely not: the same message may be sent again.
    NotAccepted,
    /// Perhaps: it may run, so it must be looked for, not sent again.
    PerhapsAccepted,
    /// The peer, or we, said no: sending it again changes nothing.
    Refused,
}

/// What a peer said of the work it is busy with, as far as it said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicate {
    /// The task that runs.
    pub existing_task_id: Option<String>,
    /// The context that is busy.
    pub context_id: Option<String>,
    /// The peer's words: untrusted text.
    pub message: String,
}

/// Statuses that say that the request was turned away before it was looked at.
const TURNED_AWAY: [u16; 4] = [401, 403, 429, 503];

impl ClientError {
    /// Whether the peer took the work, for the error of a send.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Connect { .. } | Self::Unproven { .. } => Delivery::NotAccepted,
            Self::Http { status, .. } if TURNED_AWAY.contains(status) => Delivery::NotAccepted,
            // A redirect is not followed, so nobody took anything.
            Self::Http { status, .. } if (300..500).contains(status) => Delivery::Refused,
            Self::Rpc(error) if TURNED_AWAY.contains(&error.status) => Delivery::NotAccepted,
            Self::Rpc(_) | Self::Unusable(_) => Delivery::Refused,
            Self::Http { .. } | Self::Timeout { .. } | Self::Protocol(_) | Self::Closed(_) => {
                Delivery::PerhapsAccepted
            }
        }
    }

    /// What the peer is busy with, when this error means that it is.
    #[must_use]
    pub fn is_duplicate(&self) -> Option<Duplicate> {
        let Self::Rpc(error) = self else {
            return None;
        };
        if !is_busy(error) {
            return None;
        }
        let said = |key: &str| {
            let info = error.info.as_ref()?;
            let ours = info.domain == FLEET_DOMAIN && info.reason == DUPLICATE_DISPATCH;
            ours.then(|| info.metadata.get(key).cloned()).flatten()
        };
        Some(Duplicate {
            existing_task_id: said("existingTaskId"),
            context_id: said("contextId"),
            message: error.message.clone(),
        })
    }

    /// Whether the peer wants another token, or any.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        match self {
            Self::Http { status, .. } => matches!(status, 401 | 403),
            Self::Rpc(error) => matches!(error.status, 401 | 403),
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Protocol(_)
            | Self::Closed(_)
            | Self::Unusable(_)
            | Self::Unproven { .. } => false,
        }
    }

    /// Whether the peer knows no such task.
    #[must_use]
    pub fn is_task_not_found(&self) -> bool {
        match self {
            Self::Rpc(error) => error.code == error_code::TASK_NOT_FOUND && !is_busy(error),
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Http { .. }
            | Self::Protocol(_)
            | Self::Closed(_)
            | Self::Unusable(_)
            | Self::Unproven { .. } => false,
        }
    }

    /// Whether the peer says that what it was sent is not valid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.code == error_code::INVALID_PARAMS)
    }

    /// Whether the peer says that the call does not apply, such as a subscription to a task that ended.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.code == error_code::UNSUPPORTED_OPERATION)
    }

    /// Sorts an error of reqwest. `url` is where the call went.
    pub(super) fn of_reqwest(error: reqwest::Error, url: &url::Url) -> Self {
        if error.is_connect() {
            Self::Connect {
                url: shown_url(url),
                source: error.without_url(),
            }
        } else {
            Self::Closed(root_cause(&error))
        }
    }
}

/// The address without a query, which may hold a nonce or worse.
pub(super) fn shown_url(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The innermost cause, which is what the socket said.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn excerpt_note(excerpt: &str) -> String {
    if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
