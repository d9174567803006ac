//! The one writer of a transcript.
//!
//! Owns: numbering, whole-line appends, healing of a torn tail. The guard sees to it that a context has one open
//! dispatch, so there is one writer.
//!
//! Appends go to the page cache on the caller's thread: they take microseconds and are many. Only the sync at a turn's
//! end waits for the disk, and that one is done off the runtime's threads.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::TranscriptError;
use super::open::{Access, open};
use crate::control::TranscriptLine;
use crate::daemon::store::TranscriptPlace;

/// How much is read at a time while looking backwards for the last line.
const BLOCK_BYTES: u64 = 64 * 1024;

/// Appends to one transcript.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    bytes: u64,
    seq: u64,
}

/// A torn last line was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healed {
    /// How many bytes it had.
    pub bytes: u64,
}

impl Writer {
    /// Opens or makes the file, cuts off a torn last line, and goes on counting from the last whole one.
    ///
    /// # Errors
    /// [`TranscriptError`] when a part of the path is a link, or the system refuses.
    pub fn open(place: &TranscriptPlace) -> Result<(Self, Option<Healed>), TranscriptError> {
        let path = place.base.join(&place.rel);
        let file = open(place, Access::Append)?;
        let (whole, seq, torn) = tail(&file).map_err(|source| TranscriptError::Io {
            path: path.clone(),
            source,
        })?;
        let writer = Self {
            file,
            path,
            bytes: whole,
            seq,
        };
        if torn == 0 {
            return Ok((writer, None));
        }
        writer.file.set_len(whole).map_err(|e| writer.told(e))?;
        Ok((writer, Some(Healed { bytes: torn })))
    }

    /// Numbers the lines and appends them with one write. On an error none of them is in the file, and none counts.
    ///
    /// # Errors
    /// [`TranscriptError`] when the disk refuses.
    pub fn append(&mut self, lines: &mut [TranscriptLine]) -> Result<(), TranscriptError> {
        let mut text = Vec::new();
        let mut seq = self.seq;
        for line in lines {
            seq += 1;
            line.seq = seq;
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&text) {
            // Part of a line may stand in the file; without this the next line would be glued to it.
            let cut = self.file.set_len(self.bytes);
            return Err(self.told(cut.err().unwrap_or(error)));
        }
        self.bytes += text.len() as u64;
        self.seq = seq;
        Ok(())
    }

    /// Where the next line will begin, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last number that was given.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// [`TranscriptError`] when the disk refuses.
    pub async fn sync(&self) -> Result<(), TranscriptError> {
        let file = self.file.try_clone().map_err(|e| self.told(e))?;
        let done = tokio::task::spawn_blocking(move || file.sync_data()).await;
        done.unwrap_or_else(|join| Err(std::io::Error::other(join)))
            .map_err(|e| self.told(e))
    }

    fn told(&self, source: std::io::Error) -> TranscriptError {
        TranscriptError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The length of the whole lines, the last readable line's number, and the bytes of a torn last line.
fn tail(file: &File) -> std::io::Result<(u64, u64, u64)> {
    let len = file.metadata()?.len();
    let whole = line_start(file, len)?;
    let mut end = whole;
    while end > 0 {
        let start = line_start(file, end - 1)?;
        let mut line = vec![0; usize::try_from(end - 1 - start).unwrap_or(0)];
        file.read_exact_at(&mut line, start)?;
        if let Ok(line) = serde_json::from_slice::<TranscriptLine>(&line) {
            return Ok((whole, line.seq, len - whole));
        }
        end = start;
    }
    Ok((whole, 0, len - whole))
}

/// Where the line begins that `end` stands in: behind the last newline before `end`.
fn line_start(file: &File, end: u64) -> std::io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES as usize];
    let mut upto = end;
    while upto > 0 {
        let from = upto.saturating_sub(BLOCK_BYTES);
        let part = &mut block[..usize::try_from(upto - from).unwrap_or(0)];
        file.read_exact_at(part, from)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        upto = from;
    }
    Ok(0)
}

/// The last readable line's number, for lists.
pub(super) fn last_seq(file: &File) -> std::io::Result<u64> {
    tail(file).map(|(_, seq, _)| seq)
}
