//! The control API: what clients (console, command line) and the daemon say to each other over the Unix socket.
//!
//! Owns: the types here, the framing and the client. Does not own: what the daemon does about a command.
//!
//! Framing: one JSON object a line, at most [`MAX_LINE_BYTES`]. The client sends [`Hello`] first, then [`Request`]s; the
//! daemon answers each with one or more [`Response`]s of the same id, of which the last is `Done` or `Failed`.

mod types;

pub use types::*;

/// Longest line either side accepts: the largest message (1 MiB) inside an envelope, with room for escapes.
pub const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
