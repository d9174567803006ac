//! What a turn told and is not committed yet.
//!
//! Owns: when a batch is full or due, and the joining of small pieces. A commit costs a write to the disk, so deltas share one:
//! at most [`MAX_AGE`] late, at most [`MAX_BYTES`] lost to a crash.

use std::time::Duration;

use fleet_a2a::ext::FleetEvent;
use fleet_a2a::types::Part;
use tokio::time::Instant;

/// Longest time a delta waits for its commit: below what an eye notices.
pub(crate) const MAX_AGE: Duration = Duration::from_millis(50);
/// Bytes of text after which a batch is committed at once.
pub(crate) const MAX_BYTES: usize = 4 * 1024;
/// Items of a batch; further text joins the last piece, so that a flood of tiny deltas is not a flood of rows.
const MAX_ITEMS: usize = 8;

/// Something a turn told that needs no commit of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A piece of the reply.
    Text(String),
    /// What happened; a status message.
    Event(FleetEvent),
    /// A further artifact.
    Artifact {
        /// Its name.
        name: String,
        /// What it holds.
        parts: Vec<Part>,
    },
    /// Only the usage changed.
    Usage,
}

/// The items since the last commit.
#[derive(Debug)]
pub(crate) struct Batch {
    items: Vec<Item>,
    bytes: usize,
    opened: Instant,
}

impl Batch {
    /// An empty one.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            items: Vec::new(),
            bytes: 0,
            opened: now,
        }
    }

    /// Adds an item at its end.
    pub(crate) fn push(&mut self, item: Item, now: Instant) {
        if self.items.is_empty() {
            self.opened = now;
        }
        self.bytes += weight(&item);
        let crowded = self.items.len() >= MAX_ITEMS;
        match (item, self.items.last_mut()) {
            (Item::Text(text), Some(Item::Text(last))) if crowded => last.push_str(&text),
            (
                Item::Event(FleetEvent::Thought { text }),
                Some(Item::Event(FleetEvent::Thought { text: last })),
            ) if crowded => last.push_str(&text),
            // Usage rides on whatever is committed; alone it needs only one place.
            (Item::Usage, Some(_)) => {}
            (item, _) => self.items.push(item),
        }
    }

    /// When it must be committed; `None` while it is empty.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.items.is_empty() {
            None
        } else if self.bytes >= MAX_BYTES {
            Some(self.opened)
        } else {
            Some(self.opened + MAX_AGE)
        }
    }

    /// The items, in order; empties the batch.
    pub(crate) fn take(&mut self) -> Vec<Item> {
        self.bytes = 0;
        std::mem::take(&mut self.items)
    }
}

fn weight(item: &Item) -> usize {
    match item {
        Item::Text(text) | Item::Event(FleetEvent::Thought { text }) => text.len(),
        // Other events are rare and worth seeing; they wait like small text.
        Item::Event(_) | Item::Artifact { .. } | Item::Usage => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Item {
        Item::Text(text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_due_after_its_first_item_or_when_it_is_full() {
        let start = Instant::now();
        let mut batch = Batch::new(start);
        assert_eq!(batch.due(), None);
        let first = start + Duration::from_secs(1);
        batch.push(text("a"), first);
        batch.push(text("b"), first + Duration::from_millis(40));
        assert_eq!(batch.due(), Some(first + MAX_AGE));
        batch.push(text(&"x".repeat(MAX_BYTES)), first);
        assert_eq!(batch.due(), Some(first));
        assert_eq!(batch.take().len(), 3);
        assert_eq!(batch.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn usage_takes_one_place_at_most() {
        let now = Instant::now();
        let mut batch = Batch::new(now);
        batch.push(Item::Usage, now);
        batch.push(Item::Usage, now);
        batch.push(text("a"), now);
        assert_eq!(batch.take(), [Item::Usage, text("a")]);
    }

    proptest! {
        #[test]
        fn no_text_is_lost_or_reordered(pieces in proptest::collection::vec(".{0,9}", 0..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let now = Instant::now();
                let mut batch = Batch::new(now);
                for piece in &pieces {
                    batch.push(text(piece), now);
                }
                let items = batch.take();
                let joined: String = items.iter().map(|item| match item {
                    Item::Text(text) => text.as_str(),
                    other => panic!("{other:?}"),
                }).collect();
                assert_eq!(joined, pieces.concat());
                assert!(items.len() <= MAX_ITEMS);
            });
        }
    }
}
