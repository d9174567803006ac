//! Where a peer is and what its card says of it.
//!
//! Owns: the types that every call takes. Does not own: fetching the card.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// Which A2A a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// A2A 1.0.
    #[serde(rename = "v1.0")]
    V1,
    /// A2A 0.3.
    #[serde(rename = "v0.3")]
    V03,
    /// The original fleet plugin's.
    #[serde(rename = "hermes")]
    Hermes,
}

impl Dialect {
    /// The word in fleet.toml and on screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::V03 => "v0.3",
            Self::Hermes => "hermes",
        }
    }
}

/// A bearer token. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a token; surrounding white space is not part of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The token, for a header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a call needs to know of a peer.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The JSON-RPC interface.
    pub rpc_url: Url,
    /// The REST interface, for re-attachment; `None` where the card lists none.
    pub rest_url: Option<Url>,
    /// The bearer token.
    pub token: Option<Secret>,
    /// What the card said.
    pub card: Arc<PeerCard>,
    /// Whether the peer must answer a nonce before it is sent the token again after a broken connection.
    pub proof: ProofRule,
}

/// Whether a peer proves itself, see [`crate::health`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProofRule {
    /// Somebody else's agent: there is nothing to ask.
    #[default]
    None,
    /// A receiver of ours: `/health?nonce=` proves that it knows the token.
    Health,
}

impl Endpoint {
    /// An endpoint whose peer proves nothing.
    #[must_use]
    pub fn new(
        rpc_url: Url,
        rest_url: Option<Url>,
        token: Option<Secret>,
        card: Arc<PeerCard>,
    ) -> Self {
        Self {
            rpc_url,
            rest_url,
            token,
            card,
            proof: ProofRule::None,
        }
    }

    /// The same, as a receiver of ours that proves itself after each broken connection.
    #[must_use]
    pub fn proving(mut self) -> Self {
        self.proof = ProofRule::Health;
        self
    }
}

/// What we use of an agent card.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerCard {
    /// As the agent calls itself; untrusted text.
    pub name: String,
    /// Which A2A it speaks.
    pub dialect: Dialect,
    /// Whether it streams.
    pub streaming: bool,
    /// Whether it lists our dispatch extension: then the contract travels as data and sends are idempotent.
    pub lists_dispatch: bool,
    /// The card as it came.
    pub raw: Value,
}
