//! Lines on the socket.
//!
//! Owns: one JSON object a line, bounded. Does not own: what the objects mean.

use serde::Serialize;
use tokio::net::unix::OwnedReadHalf;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::MAX_LINE_BYTES;
use crate::domain::{ErrorKind, Failure};

/// Reads whole lines; dropping a pending read loses nothing.
pub type LineReader = FramedRead<OwnedReadHalf, LinesCodec>;

/// Lines from one side of a connection, none longer than [`MAX_LINE_BYTES`].
#[must_use]
pub fn line_reader(half: OwnedReadHalf) -> LineReader {
    FramedRead::new(half, LinesCodec::new_with_max_length(MAX_LINE_BYTES))
}

/// One object as a line, its newline included. JSON escapes newlines, so the text holds no other.
///
/// # Errors
/// A [`Failure`] when the object is longer than [`MAX_LINE_BYTES`], or (a defect) is no JSON.
pub fn to_line<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(value).map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("A control message could not be written as JSON: {error}."),
            "",
        )
    })?;
    if line.len() >= MAX_LINE_BYTES {
        return Err(Failure::new(
            ErrorKind::Usage,
            format!(
                "A control message of {} bytes is larger than the {MAX_LINE_BYTES} bytes that fit on one line.",
                line.len()
            ),
            "Ask for less at a time, or send less.",
        ));
    }
    line.push(b'\n');
    Ok(line)
}
