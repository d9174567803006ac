//! What is worth a toast.
//!
//! Owns: the newest notices of the whole daemon, in memory. Does not own: who sends them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use fleet_a2a::clock;
use tokio::sync::watch;

use crate::control::{Notice, NoticeLevel, SNAPSHOT_NOTICES};
use crate::domain::{PeerName, PeerText};

/// The newest notices, oldest first.
#[derive(Debug)]
pub(super) struct Notices {
    newest: Mutex<VecDeque<Notice>>,
    version: watch::Sender<u64>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            newest: Mutex::default(),
            version: watch::Sender::new(0),
        }
    }
}

impl Notices {
    /// Keeps a notice, once; the oldest of more than [`SNAPSHOT_NOTICES`] is forgotten.
    pub(super) fn push(&self, notice: Notice) {
        {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            if newest.contains(&notice) {
                return;
            }
            newest.push_back(notice);
            while newest.len() > SNAPSHOT_NOTICES {
                newest.pop_front();
            }
        }
        self.version.send_modify(|version| *version += 1);
    }

    /// Says one sentence about a peer.
    pub(super) fn say(&self, level: NoticeLevel, peer: &PeerName, text: impl Into<String>) {
        self.push(Notice {
            at: clock::rfc3339(clock::now_ms()),
            level,
            peer: Some(peer.clone()),
            text: PeerText::new(text),
        });
    }

    /// All that are kept.
    #[must_use]
    pub(super) fn all(&self) -> Vec<Notice> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.iter().cloned().collect()
    }

    /// Moves at each notice.
    #[must_use]
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
