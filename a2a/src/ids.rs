//! The three ids of the protocol as types that cannot be mixed up.
//!
//! Owns: their validation (1 to 256 characters, no control characters), which holds for
//! whatever a peer sends. Does not own: our own ids (dispatches, peers), see the root crate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest id accepted on the wire, in characters; longer ones name files and rows, so they are refused.
pub const MAX_ID_CHARS: usize = 256;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty.
    #[error("{what} is empty; it takes 1 to {MAX_ID_CHARS} characters")]
    Empty {
        /// Which id it was to be, as the wire names it.
        what: &'static str,
    },
    /// The text was longer than [`MAX_ID_CHARS`].
    #[error("{what} has {chars} characters; it takes 1 to {MAX_ID_CHARS}")]
    TooLong {
        /// Which id it was to be, as the wire names it.
        what: &'static str,
        /// How long it was.
        chars: usize,
    },
    /// The text held a control character.
    #[error("{what} holds a control character; it takes printable text only")]
    Control {
        /// Which id it was to be, as the wire names it.
        what: &'static str,
    },
}

fn check(what: &'static str, text: &str) -> Result<(), IdError> {
    let chars = text.chars().count();
    if chars == 0 {
        return Err(IdError::Empty { what });
    }
    if chars > MAX_ID_CHARS {
        return Err(IdError::TooLong { what, chars });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control { what });
    }
    Ok(())
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $wire:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes a text that a peer or a person gave.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long, or holds control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($wire, &text)?;
                Ok(Self(text))
            }

            /// A new UUID v7, which sorts by the time it was made.
            #[must_use]
            pub fn mint() -> Self {
                Self(uuid::Uuid::now_v7().to_string())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id_type!(
    /// An A2A task, minted by the peer that owns it.
    TaskId,
    "taskId"
);
id_type!(
    /// An A2A conversation.
    ContextId,
    "contextId"
);
id_type!(
    /// One message; the idempotency key of a send.
    MessageId,
    "messageId"
);
