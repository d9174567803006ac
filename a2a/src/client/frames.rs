//! The bytes of an event stream, cut into whole events before any parser sees them.
//!
//! Owns: the bound on one event, the idle timeout of a stream, and that parsing takes time in proportion to the bytes.
//! Does not own: what an event means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

use super::error::ClientError;
use crate::contract::{MAX_ESCAPE, MAX_MESSAGE_BYTES, MAX_REPLY_BYTES};

/// Largest event of a stream, in bytes: a snapshot holds a task's message and its whole reply, be every byte of it escaped.
pub const MAX_EVENT_BYTES: usize = MAX_REPLY_BYTES * MAX_ESCAPE + 2 * MAX_MESSAGE_BYTES;
/// Longest silence of a stream: six keep-alives of ours are missing by then.
pub(super) const STREAM_IDLE: Duration = Duration::from_secs(90);

/// Whole blocks of events out of a body. Ends with the body; a torn last event is dropped, as the SSE standard wants.
pub(super) fn whole_events<S>(
    body: S,
) -> impl Stream<Item = Result<Bytes, ClientError>> + Send + use<S>
where
    S: Stream<Item = reqwest::Result<Bytes>> + Send + Unpin,
{
    futures::stream::try_unfold(
        (body, Framer::default()),
        |(mut body, mut framer)| async move {
            loop {
                if let Some(block) = framer.take() {
                    return Ok(Some((block, (body, framer))));
                }
                match tokio::time::timeout(STREAM_IDLE, body.next()).await {
                    Err(_) => {
                        return Err(ClientError::Timeout {
                            what: "the next event",
                            limit_s: STREAM_IDLE.as_secs(),
                        });
                    }
                    Ok(None) => return Ok(None),
                    Ok(Some(Err(error))) => return Err(ClientError::Closed(error.to_string())),
                    Ok(Some(Ok(bytes))) => framer.push(&bytes)?,
                }
            }
        },
    )
}

/// Finds blank lines. A line ends with LF, CR or CRLF.
#[derive(Debug, Default)]
struct Framer {
    buffer: BytesMut,
    /// How much of the buffer is whole events.
    whole: usize,
    /// Whether the last byte ended a line; a line that ends at once after it is blank.
    at_line_start: bool,
    after_cr: bool,
}

impl Framer {
    fn push(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        for (at, byte) in bytes.iter().enumerate() {
            let end = self.buffer.len() + at + 1;
            match byte {
                b'\n' if self.after_cr => {
                    self.after_cr = false;
                    if self.whole + 1 == end {
                        self.whole = end;
                    }
                }
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    if self.at_line_start {
                        self.whole = end;
                    }
                    self.at_line_start = true;
                }
                _ => {
                    self.after_cr = false;
                    self.at_line_start = false;
                }
            }
            if end - self.whole > MAX_EVENT_BYTES {
                return Err(ClientError::Protocol(format!(
                    "one event of the stream is larger than {MAX_EVENT_BYTES} bytes"
                )));
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self) -> Option<Bytes> {
        if self.whole == 0 {
            return None;
        }
        let block = self.buffer.split_to(self.whole).freeze();
        self.whole = 0;
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(framer: &mut Framer, bytes: &[u8]) -> Vec<u8> {
        framer.push(bytes).expect("within the bound");
        framer.take().map(|b| b.to_vec()).unwrap_or_default()
    }

    #[test]
    fn an_event_comes_out_when_its_blank_line_is_there() {
        let mut framer = Framer::default();
        assert_eq!(feed(&mut framer, b"data: a\n"), b"");
        assert_eq!(feed(&mut framer, b"\nda"), b"data: a\n\n");
        assert_eq!(feed(&mut framer, b"ta: b\r\n\r"), b"data: b\r\n\r");
        // The rest of a CRLF that was cut in two: a blank line more, which means nothing.
        assert_eq!(feed(&mut framer, b"\n"), b"\n");
        assert_eq!(feed(&mut framer, b"data: c\r\r"), b"data: c\r\r");
    }

    #[test]
    fn an_event_past_the_bound_is_refused() {
        let mut framer = Framer::default();
        let line = vec![b'x'; MAX_EVENT_BYTES];
        framer.push(&line).expect("just within");
        assert!(matches!(framer.push(b"x"), Err(ClientError::Protocol(_))));
    }

    #[test]
    fn crlf_lines_without_a_blank_one_are_one_event() {
        let mut framer = Framer::default();
        assert_eq!(feed(&mut framer, b"data: a\r\ndata: b\r\n"), b"");
        assert_eq!(feed(&mut framer, b"\r\n"), b"data: a\r\ndata: b\r\n\r\n");
    }

    proptest! {
        #[test]
        fn cutting_loses_and_invents_no_byte(
            text in "(data: [a-z]{0,5}(\n|\r\n|\r)|\n|\r\n|: k\n\n){0,30}",
            cuts in proptest::collection::vec(1usize..7, 1..60),
        ) {
            let mut framer = Framer::default();
            let mut out = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle().take(text.len() + 1) {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                framer.push(now).expect("small");
                while let Some(block) = framer.take() {
                    out.extend_from_slice(&block);
                }
                rest = later;
            }
            out.extend_from_slice(&framer.buffer);
            prop_assert_eq!(out, text.as_bytes());
        }
    }
}
