//! Remembered places in transcripts, so that following a long one does not read it from the start each time.
//!
//! Owns: a small map. Files only grow, so a remembered place stays right.

use std::collections::{BTreeMap, HashMap};

use super::Cursor;
use crate::domain::DispatchId;

/// Dispatches remembered: more than anyone follows at a time. Beyond it all are forgotten, which only costs time.
const DISPATCHES: usize = 256;
/// Places remembered of one dispatch: several viewers, each somewhere else.
const PLACES: usize = 64;

/// Remembered places.
#[derive(Debug, Default)]
pub struct Cursors {
    places: HashMap<DispatchId, BTreeMap<u64, Cursor>>,
}

impl Cursors {
    /// The nearest remembered place at or before a line.
    #[must_use]
    pub fn before(&self, id: DispatchId, seq: u64) -> Option<Cursor> {
        let places = self.places.get(&id)?;
        places.range(..=seq).next_back().map(|(_, cursor)| *cursor)
    }

    /// Remembers where a line begins.
    pub fn remember(&mut self, id: DispatchId, seq: u64, cursor: Cursor) {
        if self.places.len() >= DISPATCHES && !self.places.contains_key(&id) {
            self.places.clear();
        }
        let places = self.places.entry(id).or_default();
        if places.len() >= PLACES {
            places.pop_first();
        }
        places.insert(seq, cursor);
    }
}
