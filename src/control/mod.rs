//! The control API: what clients (console, command line) and the daemon say to each other over the Unix socket.
//!
//! Owns: the types here, the framing and the client. Does not own: what the daemon does about a command.
//!
//! Framing: one JSON object a line, at most [`MAX_LINE_BYTES`]. The client sends [`Hello`] first, which the daemon answers
//! with [`Welcome`] or `Failed` under the id 0; then [`Request`]s, each of which the daemon answers with one or more
//! [`Response`]s of the same id, of which the last is `Done` or `Failed`.

mod audit_view;
mod client;
mod command;
mod dispatch_view;
mod env;
mod fit;
mod frame;
mod handshake_view;
mod harness_words;
mod launch;
mod line;
mod peer_view;
mod protocol;
mod snapshot;
mod socket_path;
mod target;
mod transcript_line;

use fleet_a2a::contract::{MAX_ESCAPE, MAX_MESSAGE_BYTES, MAX_REPLY_BYTES};

pub use audit_view::AuditView;
pub use client::{AnswerStream, ControlHandle};
pub use command::{Command, SubmitRequest, Tokens};
pub use dispatch_view::{AnswerRefused, DispatchDetail, DispatchView};
pub use fit::{Build, Fit};
pub use frame::{LineReader, line_reader, to_line};
pub use handshake_view::{ChangeView, HandshakeView, PeerTrustView};
pub use harness_words::{harness_words, login_words};
pub use launch::{DaemonReport, report_path};
pub use peer_view::{Amounts, BudgetView, DaemonView, PeerView, StatusView};
pub use protocol::{Answer, ClientKind, Hello, PROTOCOL, Request, Response, Welcome};
pub use snapshot::{
    FleetSnapshot, Notice, NoticeLevel, SNAPSHOT_DISPATCHES, SNAPSHOT_NOTICES, TrustView,
};
pub use socket_path::SocketPath;
pub use target::{DAEMON_LOG, Places, Target, fleet_id};
pub use transcript_line::{Direction, LineKind, TranscriptLine, TranscriptView};

/// Longest line either side accepts: a dispatch with the largest message and the largest reply, be every byte of them escaped.
pub const MAX_LINE_BYTES: usize = (MAX_REPLY_BYTES + 2 * MAX_MESSAGE_BYTES) * MAX_ESCAPE;

/// The id of what concerns the whole connection: the answer to [`Hello`].
pub const CONNECTION_ID: u64 = 0;
