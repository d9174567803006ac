//! Our own ids: dispatches and peer names.
//!
//! Owns: their form. The protocol's ids (task, context, message) belong to `fleet_a2a`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One dispatch. Minted by the client, so that submitting again after a lost connection is idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DispatchId(Uuid);

impl DispatchId {
    /// A new UUID v7: sorts by time.
    #[must_use]
    pub fn mint() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for DispatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DispatchId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// One command that must not be done twice. Minted by the client, so that asking again after a lost connection is
/// idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(Uuid);

impl CommandId {
    /// A new UUID v7.
    #[must_use]
    pub fn mint() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A peer's name in fleet.toml: it becomes part of paths and command lines, so it is narrow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerName(String);

/// A text that cannot name a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is not of the form that names have.
    #[error(
        "{given:?} is no peer name; it takes 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit"
    )]
    Form {
        /// What was given.
        given: String,
    },
    /// It means the person at the console where a reply goes.
    #[error(
        "\"console\" cannot name a peer, because reply_to keeps it for the console; give it another name"
    )]
    Reserved,
}

impl PeerName {
    /// Takes a name as a person or a file gave it.
    ///
    /// # Errors
    /// [`NameError`] when it is not 1 to 64 of `a-z 0-9 - _`, or starts with a sign, or is `console` (which
    /// `reply_to` keeps for itself).
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let given = text.into();
        let sign = |c: char| c == '-' || c == '_';
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || sign(c);
        let good =
            (1..=64).contains(&given.len()) && given.chars().all(plain) && !given.starts_with(sign);
        match good {
            true if given == "console" => Err(NameError::Reserved),
            true => Ok(Self(given)),
            false => Err(NameError::Form { given }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PeerName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for PeerName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<PeerName> for String {
    fn from(name: PeerName) -> Self {
        name.0
    }
}
