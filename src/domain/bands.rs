//! Port bands: which ports the receivers of a mode may take.
//!
//! Owns: the range and its arithmetic. Does not own: proving that a port is free.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An inclusive range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u16; 2]", into = "[u16; 2]")]
pub struct Band {
    first: u16,
    last: u16,
}

/// A pair of ports that is no band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("[{first}, {last}] is no port band; it takes [first, last] with 1024 <= first <= last")]
pub struct BandError {
    /// What was given first.
    pub first: u16,
    /// What was given last.
    pub last: u16,
}

impl Band {
    /// Takes the first and the last port.
    ///
    /// # Errors
    /// [`BandError`] when they are out of order or privileged.
    pub fn new(first: u16, last: u16) -> Result<Self, BandError> {
        if first >= 1024 && first <= last {
            Ok(Self { first, last })
        } else {
            Err(BandError { first, last })
        }
    }

    /// Every port, lowest first.
    pub fn ports(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }

    /// Whether the port is inside.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether the two share a port.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl TryFrom<[u16; 2]> for Band {
    type Error = BandError;
    fn try_from([first, last]: [u16; 2]) -> Result<Self, BandError> {
        Self::new(first, last)
    }
}

impl From<Band> for [u16; 2] {
    fn from(band: Band) -> Self {
        [band.first, band.last]
    }
}
