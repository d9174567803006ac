//! What changed since the settings were accepted, as a person is to see it.
//!
//! Owns: the comparison, and the bounded excerpts of what stands there now. The excerpts are the repo's own text, raw.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::beneath::{Folder, Found};
use super::listing::{Entry, Listing, MAX_FILE_BYTES, hex};

/// Changes that are told one by one; a person reads no more, and the hash covers all.
const MAX_CHANGES: usize = 50;
/// Bytes that are shown of one file.
const EXCERPT_BYTES: usize = 4 * 1024;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, below the repo.
    pub path: String,
    /// What.
    pub kind: ChangeKind,
    /// What stands there now, from its beginning; empty for what is not a file.
    pub now: String,
    /// Whether there is more of it than `now`.
    pub cut: bool,
}

/// The sort of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there.
    New,
    /// It says something else.
    Changed,
    /// It is gone.
    Removed,
    /// It is a link, and what it leads to is not watched.
    Link {
        /// Where it leads.
        to: String,
    },
    /// It cannot be watched.
    Unwatched {
        /// Why.
        what: String,
    },
}

/// The changes from what was accepted to what stands there, the first 50 of them.
#[must_use]
pub fn changes(repo: &Path, accepted: &BTreeMap<String, Entry>, listing: &Listing) -> Vec<Change> {
    let root = Folder::of_repo(repo).ok();
    differing(accepted, listing.entries())
        .take(MAX_CHANGES)
        .map(|(path, kind, entry)| {
            let (now, cut) = excerpt(root.as_ref(), path, entry);
            let path = path.to_owned();
            Change {
                path,
                kind,
                now,
                cut,
            }
        })
        .collect()
}

/// The paths at which two listings differ.
pub(super) fn differing<'a>(
    old: &'a BTreeMap<String, Entry>,
    new: &'a BTreeMap<String, Entry>,
) -> impl Iterator<Item = (&'a str, ChangeKind, Option<&'a Entry>)> {
    let paths: std::collections::BTreeSet<&str> =
        old.keys().chain(new.keys()).map(String::as_str).collect();
    paths.into_iter().filter_map(move |path| {
        let (before, now) = (old.get(path), new.get(path));
        if before == now {
            return None;
        }
        let kind = match now {
            Some(Entry::Link { to }) => ChangeKind::Link { to: to.clone() },
            Some(Entry::Unwatched { what }) => ChangeKind::Unwatched { what: what.clone() },
            Some(Entry::File { .. }) if before.is_none() => ChangeKind::New,
            Some(Entry::File { .. }) => ChangeKind::Changed,
            None => ChangeKind::Removed,
        };
        Some((path, kind, now))
    })
}

/// What is shown is what was hashed, or it says that it is not.
fn excerpt(root: Option<&Folder>, path: &str, entry: Option<&Entry>) -> (String, bool) {
    let Some(Entry::File { sha256, .. }) = entry else {
        return (String::new(), false);
    };
    match root.map(|root| root.find(path, MAX_FILE_BYTES)) {
        Some(Found::File(bytes)) if hex(&Sha256::digest(&bytes)) == *sha256 => {
            let cut = bytes.len() > EXCERPT_BYTES;
            let shown = &bytes[..bytes.len().min(EXCERPT_BYTES)];
            (String::from_utf8_lossy(shown).into_owned(), cut)
        }
        Some(
            Found::Absent | Found::File(_) | Found::Folder(_) | Found::Link(_) | Found::Odd(_),
        )
        | None => (
            "(it changed again while it was read; look at it once more)".to_owned(),
            false,
        ),
    }
}
