//! The settings of a repo as one list with one hash.
//!
//! Owns: reading the watched places within bounds, and the canonical form that is hashed. Does not own: which places, see
//! `guarded`; whether the hash was accepted, see `accepted`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::beneath::{Folder, Found};
use super::guarded::{Guarded, guarded};
use crate::Mode;

/// Largest watched file; settings are a few KiB, and each turn reads them all.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Most watched entries; a repo with more of them is looked at by a person first.
const MAX_ENTRIES: usize = 500;
/// All watched files together, for the same reason.
const MAX_TOTAL_BYTES: u64 = 8 * 1024 * 1024;
/// All paths and what is noted at them, together: an acceptance holds them, each byte six times as long at worst, and is read
/// again only up to 4 MiB.
const MAX_NOTED_BYTES: usize = 256 * 1024;
/// Folders within each other below a watched one.
const MAX_DEPTH: usize = 6;
/// Folders above the repo; people have fewer than ten.
const MAX_ABOVE: usize = 100;
/// The entry for what lies beyond a bound.
const BEYOND: &str = "(beyond the bounds)";

/// What stands at one watched place. Where nothing stands there is no entry, so that whatever appears there changes the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Entry {
    /// A plain file.
    File {
        /// Of its content, hex.
        sha256: String,
        /// Its length.
        bytes: u64,
    },
    /// A link: what it leads to is not watched.
    Link {
        /// Where it leads.
        to: String,
    },
    /// Something whose content is not watched.
    Unwatched {
        /// In words.
        what: String,
    },
}

impl Entry {
    /// Whether a change behind it would go unseen.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        match self {
            Self::File { .. } => false,
            Self::Link { .. } | Self::Unwatched { .. } => true,
        }
    }

    fn fields(&self) -> [&str; 2] {
        match self {
            Self::File { sha256, .. } => ["file", sha256],
            Self::Link { to } => ["link", to],
            Self::Unwatched { what } => ["unwatched", what],
        }
    }
}

/// Every watched place of a repo, by its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    entries: BTreeMap<String, Entry>,
    total_bytes: u64,
    noted_bytes: usize,
}

impl Listing {
    /// Reads the places that are watched for a mode. Never fails: what cannot be read is an entry that says so.
    #[must_use]
    pub fn read(repo: &Path, mode: Mode) -> Self {
        let mut listing = Self::default();
        let places = guarded(mode);
        if places.is_empty() {
            return listing;
        }
        match Folder::of_repo(repo) {
            Ok(root) => {
                for place in places {
                    listing.add_place(&root, place);
                }
            }
            Err(error) => {
                let what = format!("the repo is {}", std::io::Error::from(error));
                listing.put(".", Entry::Unwatched { what });
            }
        }
        listing
    }

    /// The entries by path.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// SHA-256 of the canonical form, hex: each path with what stands there, every field behind its length.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (path, entry) in &self.entries {
            let [kind, content] = entry.fields();
            for field in [path.as_str(), kind, content] {
                hash.update((field.len() as u64).to_be_bytes());
                hash.update(field.as_bytes());
            }
        }
        hex(&hash.finalize())
    }

    /// Paths behind which a change would go unseen.
    pub fn blind(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let blind = self.entries.iter().filter(|(_, entry)| entry.is_blind());
        blind.map(|(path, entry)| (path.as_str(), entry))
    }

    fn add_place(&mut self, root: &Folder, place: Guarded) {
        match place {
            Guarded::File(path) => {
                let found = root.find(path, MAX_FILE_BYTES);
                self.add(path, found, MAX_DEPTH);
            }
            Guarded::Tree(path) => {
                let found = root.find(path, 0);
                self.add(path, found, 0);
            }
            Guarded::Prefix(folder, prefix) => {
                let wanted = |name: &str| name.starts_with(prefix);
                self.add_some(root, folder, wanted, str::to_owned);
            }
            Guarded::Each(folder, file) => {
                self.add_some(root, folder, |_| true, |name| format!("{name}/{file}"));
            }
            Guarded::Above(file) => self.add_above(root, file),
        }
    }

    fn add_above(&mut self, root: &Folder, file: &str) {
        let mut up = String::new();
        let mut above = root.above();
        for _ in 0..MAX_ABOVE {
            up.push_str("../");
            match above {
                Ok(Some(folder)) => {
                    self.add(
                        &format!("{up}{file}"),
                        folder.find(file, MAX_FILE_BYTES),
                        MAX_DEPTH,
                    );
                    above = folder.above();
                }
                Ok(None) => return,
                Err(error) => {
                    let what = format!("not readable ({})", std::io::Error::from(error));
                    return self.put(&up, Entry::Unwatched { what });
                }
            }
        }
        let what = format!("more than {MAX_ABOVE} folders above the repo");
        self.put(&up, Entry::Unwatched { what });
    }

    /// Of a folder, the paths that `path` makes of the wanted names.
    fn add_some(
        &mut self,
        root: &Folder,
        at: &str,
        wanted: impl Fn(&str) -> bool,
        path: impl Fn(&str) -> String,
    ) {
        let own;
        let folder = match at {
            "." => root,
            _ => match root.find(at, 0) {
                Found::Folder(folder) => {
                    own = folder;
                    &own
                }
                other => return self.add(at, other, MAX_DEPTH),
            },
        };
        let names = match folder.names() {
            Ok(names) => names,
            Err(what) => return self.put(at, Entry::Unwatched { what }),
        };
        for name in names.iter().filter(|name| wanted(name)) {
            let below = path(name);
            let found = folder.find(&below, MAX_FILE_BYTES);
            let shown = match at {
                "." => below,
                _ => format!("{at}/{below}"),
            };
            self.add(&shown, found, MAX_DEPTH);
        }
    }

    fn add(&mut self, path: &str, found: Found, depth: usize) {
        let entry = match found {
            Found::Absent => return,
            Found::File(bytes) => return self.add_file(path, &bytes),
            Found::Folder(folder) if depth < MAX_DEPTH => {
                return self.add_tree(path, &folder, depth);
            }
            Found::Folder(_) => Entry::Unwatched {
                what: "a folder".to_owned(),
            },
            Found::Link(to) => Entry::Link { to },
            Found::Odd(what) => Entry::Unwatched { what },
        };
        self.put(path, entry);
    }

    fn add_file(&mut self, path: &str, bytes: &[u8]) {
        self.total_bytes += bytes.len() as u64;
        let entry = Entry::File {
            sha256: hex(&Sha256::digest(bytes)),
            bytes: bytes.len() as u64,
        };
        self.put(path, entry);
    }

    fn add_tree(&mut self, path: &str, folder: &Folder, depth: usize) {
        let names = match folder.names() {
            Ok(names) => names,
            Err(what) => return self.put(path, Entry::Unwatched { what }),
        };
        for name in names {
            if self.is_full() {
                return self.put_beyond();
            }
            let found = folder.find(&name, MAX_FILE_BYTES);
            self.add(&format!("{path}/{name}"), found, depth + 1);
        }
    }

    fn put(&mut self, path: &str, entry: Entry) {
        if self.is_full() {
            return self.put_beyond();
        }
        self.noted_bytes += path.len()
            + entry
                .fields()
                .iter()
                .map(|field| field.len())
                .sum::<usize>();
        self.entries.insert(path.to_owned(), entry);
    }

    fn put_beyond(&mut self) {
        let what = format!(
            "more than {MAX_ENTRIES} files or {MAX_TOTAL_BYTES} bytes, or names of more than {MAX_NOTED_BYTES}"
        );
        self.entries
            .insert(BEYOND.to_owned(), Entry::Unwatched { what });
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES
            || self.total_bytes > MAX_TOTAL_BYTES
            || self.noted_bytes > MAX_NOTED_BYTES
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
