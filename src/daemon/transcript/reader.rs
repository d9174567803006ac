//! Reading a transcript in bounded batches.
//!
//! Owns: reading from an offset, skipping what does not read. A torn last line is no line yet. All of it blocks: call it
//! where blocking is allowed.

use std::io::{BufRead, BufReader, Seek, SeekFrom};

use super::TranscriptError;
use super::open::{Access, open};
use crate::control::TranscriptLine;
use crate::daemon::store::TranscriptPlace;
use crate::domain::DispatchId;

/// Largest batch, in bytes of the file: fits a line of the control socket even when every byte is escaped once more.
/// A single line beyond it makes a batch of its own.
pub const MAX_BATCH_BYTES: u64 = 1024 * 1024;

/// A place between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// In bytes.
    pub offset: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whole lines, in order.
    pub lines: Vec<TranscriptLine>,
    /// Where the next one begins.
    pub end_offset: u64,
}

/// Reads lines of one dispatch from a cursor on: those numbered `from_seq` or later, at most `max`.
///
/// # Errors
/// [`TranscriptError`] when the file cannot be read; a file that is not there has no lines.
pub fn read(
    place: &TranscriptPlace,
    id: DispatchId,
    from: Cursor,
    from_seq: u64,
    max: usize,
) -> Result<Batch, TranscriptError> {
    let mut batch = Batch {
        lines: Vec::new(),
        end_offset: from.offset,
    };
    let mut taken_bytes = 0;
    walk(place, from.offset, |line, end| {
        if line.dispatch_id != id || batch.lines.len() >= max {
            return Step::Stop;
        }
        if line.seq >= from_seq {
            taken_bytes += end - batch.end_offset;
            if taken_bytes > MAX_BATCH_BYTES && !batch.lines.is_empty() {
                return Step::Stop;
            }
            batch.lines.push(line);
        }
        batch.end_offset = end;
        Step::On
    })?;
    Ok(batch)
}

/// Shows every line of one dispatch, from where its lines begin.
///
/// # Errors
/// [`TranscriptError`] when the file cannot be read; a file that is not there has no lines.
pub fn for_each(
    place: &TranscriptPlace,
    id: DispatchId,
    mut see: impl FnMut(TranscriptLine),
) -> Result<(), TranscriptError> {
    walk(place, place.offset.unwrap_or(0), |line, _| {
        if line.dispatch_id != id {
            return Step::Stop;
        }
        see(line);
        Step::On
    })
}

enum Step {
    On,
    Stop,
}

fn walk(
    place: &TranscriptPlace,
    from: u64,
    mut see: impl FnMut(TranscriptLine, u64) -> Step,
) -> Result<(), TranscriptError> {
    let file = match open(place, Access::Read) {
        Ok(file) => file,
        Err(TranscriptError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let told = |source| TranscriptError::Io {
        path: place.base.join(&place.rel),
        source,
    };
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(from)).map_err(told)?;
    let (mut offset, mut bytes) = (from, Vec::new());
    loop {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes).map_err(told)?;
        if bytes.last() != Some(&b'\n') {
            return Ok(());
        }
        offset += read as u64;
        // A line that does not read is skipped: the file is the user's, and one bad line must not hide the others.
        if let Ok(line) = serde_json::from_slice(&bytes)
            && matches!(see(line, offset), Step::Stop)
        {
            return Ok(());
        }
    }
}
