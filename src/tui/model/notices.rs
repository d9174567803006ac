//! What a person is told beside what they look at.
//!
//! Owns: notices and the one that stands above the footer, with their bounds. Does not own: how they look.

use super::{Model, Toast};
use crate::control::{Notice, NoticeLevel};
use crate::domain::{Failure, PeerText};

/// Our own notices that are kept for the message view; the daemon's come with each snapshot.
const MAX_OWN_NOTICES: usize = 100;
/// How long a toast stands.
const TOAST_MS: i64 = 6_000;

impl Model {
    /// Says one sentence above the footer, and keeps it for the message view.
    pub(crate) fn say(&mut self, level: NoticeLevel, text: impl Into<String>) {
        let text = PeerText::new(text);
        self.messages.own.push_back(Notice {
            at: fleet_a2a::clock::rfc3339(self.now_ms),
            level,
            peer: None,
            text: text.clone(),
        });
        if self.messages.own.len() > MAX_OWN_NOTICES {
            self.messages.own.pop_front();
        }
        self.toast = Toast::Shown {
            text,
            level,
            until_ms: self.now_ms + TOAST_MS,
        };
    }

    /// Shows a notice of the daemon above the footer.
    pub(crate) fn show_toast(&mut self, notice: &Notice) {
        let about = notice.peer.as_ref();
        let about = about.map_or_else(String::new, |peer| format!("{peer}: "));
        self.toast = Toast::Shown {
            text: PeerText::new(format!("{about}{}", notice.text.raw())),
            level: notice.level,
            until_ms: self.now_ms + TOAST_MS,
        };
    }

    /// Says what went wrong and what mends it.
    pub(crate) fn complain(&mut self, failure: &Failure) {
        let text = if failure.remedy.is_empty() {
            failure.message.clone()
        } else {
            format!("{} {}", failure.message, failure.remedy)
        };
        self.say(NoticeLevel::Error, text);
    }

    /// All notices, oldest first: the daemon's and our own.
    pub(crate) fn notices(&self) -> Vec<&Notice> {
        let theirs = self.link.snapshot().map_or(&[][..], |all| &all.notices);
        let mut all: Vec<&Notice> = theirs.iter().chain(&self.messages.own).collect();
        all.sort_by(|a, b| a.at.cmp(&b.at));
        all
    }
}
