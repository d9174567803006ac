//! Reading what a process says, in bounded memory.
//!
//! Owns: lines of at most so many bytes, and the last lines of a stream. Does not own: what they mean.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Lines of standard error kept for a failure's message.
const TAIL_LINES: usize = 12;
/// Bytes of each that are kept.
const TAIL_LINE_BYTES: usize = 500;
/// Read at a time.
const CHUNK_BYTES: usize = 8 * 1024;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A whole line without its end; what was not UTF-8 in it became U+FFFD.
    Text {
        /// The line.
        text: String,
        /// Whether anything was replaced.
        replaced: bool,
    },
    /// A line longer than the bound; it was skipped whole.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

/// Cuts bytes into lines of at most `max` bytes.
#[derive(Debug)]
pub struct Splitter {
    max: usize,
    line: Vec<u8>,
    /// Bytes of the present line that were dropped because it passed the bound.
    skipped: u64,
}

impl Splitter {
    /// Skips lines of more than `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max,
            line: Vec::new(),
            skipped: 0,
        }
    }

    /// Takes bytes; gives the lines that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                Some(_) | None => (piece, false),
            };
            if self.skipped > 0 || self.line.len() + text.len() > self.max {
                self.skipped += (self.line.len() + text.len()) as u64;
                self.line.clear();
            } else {
                self.line.extend_from_slice(text);
            }
            if ended {
                lines.push(self.take());
            }
        }
        lines
    }

    /// A last line without an end.
    pub fn finish(&mut self) -> Option<Line> {
        (!self.line.is_empty() || self.skipped > 0).then(|| self.take())
    }

    fn take(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.skipped);
        if bytes > 0 {
            return Line::TooLong { bytes };
        }
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        match String::from_utf8(line) {
            Ok(text) => Line::Text {
                text,
                replaced: false,
            },
            Err(error) => Line::Text {
                text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                replaced: true,
            },
        }
    }
}

/// Reads lines of at most so many bytes. [`Lines::next`] may be dropped and called again without loss.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    splitter: Splitter,
    chunk: Vec<u8>,
    ready: VecDeque<Line>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads from `reader`, skipping lines of more than `max` bytes.
    pub fn new(reader: R, max: usize) -> Self {
        Self {
            reader,
            splitter: Splitter::new(max),
            chunk: vec![0; CHUNK_BYTES],
            ready: VecDeque::new(),
        }
    }

    /// The next line, or `None` at the end. A last line without an end is a line too.
    ///
    /// # Errors
    /// What the system says.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let count = self.reader.read(&mut self.chunk).await?;
            if count == 0 {
                return Ok(self.splitter.finish());
            }
            self.ready.extend(self.splitter.push(&self.chunk[..count]));
        }
    }
}

/// The last lines of a stream, for a failure's message.
#[derive(Debug, Default)]
pub struct Tail {
    lines: VecDeque<Vec<u8>>,
    open: bool,
}

impl Tail {
    /// Reads a stream to its end, or until reading fails, keeping its last lines in `self`. May be dropped at any time.
    pub async fn fill<R: AsyncRead + Unpin>(&mut self, mut reader: R) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = reader.read(&mut chunk).await {
            self.push(&chunk[..count]);
        }
    }

    /// Takes what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.open {
                self.lines.push_back(Vec::new());
                if self.lines.len() > TAIL_LINES {
                    self.lines.pop_front();
                }
            }
            self.open = piece.last() != Some(&b'\n');
            if let Some(line) = self.lines.back_mut() {
                let room = TAIL_LINE_BYTES.saturating_sub(line.len());
                line.extend(piece.iter().take(room));
            }
        }
    }

    /// The kept lines that hold anything, joined by line ends; invalid UTF-8 became U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8], max: usize) -> Vec<Line> {
        let mut lines = Lines::new(input, max);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        let mut splitter = Splitter::new(max);
        let mut in_pieces: Vec<Line> = input
            .chunks(3)
            .flat_map(|piece| splitter.push(piece))
            .collect();
        in_pieces.extend(splitter.finish());
        assert_eq!(found, in_pieces, "the pieces it came in make no difference");
        found
    }

    fn text(text: &str) -> Line {
        Line::Text {
            text: text.to_owned(),
            replaced: false,
        }
    }

    #[tokio::test]
    async fn a_line_over_the_bound_is_skipped_whole_and_the_next_is_read() {
        let found = all(b"ab\r\n\n0123456789\nlast", 6).await;
        assert_eq!(
            found,
            [
                text("ab"),
                text(""),
                Line::TooLong { bytes: 10 },
                text("last")
            ]
        );
    }

    #[tokio::test]
    async fn invalid_utf8_is_replaced_and_said() {
        let found = all(b"a\xffb\n", 10).await;
        assert_eq!(
            found,
            [Line::Text {
                text: "a\u{fffd}b".to_owned(),
                replaced: true
            }]
        );
    }

    #[tokio::test]
    async fn a_tail_keeps_the_last_lines_and_bounds_each() {
        let input: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let mut tail = Tail::default();
        tail.fill(input.as_bytes()).await;
        tail.fill("x".repeat(5_000).as_bytes()).await;
        let kept = tail.text();
        assert_eq!(kept.lines().count(), TAIL_LINES);
        assert!(kept.contains("line 99") && !kept.contains("line 88\n"));
        assert_eq!(kept.lines().last().unwrap().len(), TAIL_LINE_BYTES);
    }
}
