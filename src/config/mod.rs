//! fleet.toml: from text to a validated fleet.
//!
//! Owns: the raw form (serde, unknown keys refused), validation with every error naming file, line, key and remedy, and
//! the trust in a file that was found by chance. Does not own: what is done with it.

mod types;

pub use types::{Bands, FleetConfig, ForeignPeer, PeerConfig, PeerKind, ReceiverPeer};
