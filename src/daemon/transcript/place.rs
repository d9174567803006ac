//! Where the transcript of a context is.
//!
//! Owns: the names. They are a readable slug and a hash, so that no id can escape the folder or meet another's file.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::FleetConfig;
use crate::daemon::store::TranscriptPlace;
use crate::domain::PeerName;

/// The folder of what we dispatched.
pub const ORIGIN_OUT: &str = "out";
/// Longest readable part of a file's name, in characters.
const SLUG_CHARS: usize = 40;
/// Bytes of the hash in a file's name: 80 bits, beyond finding two ids that share them.
const HASH_BYTES: usize = 10;

/// The file's name for a context: a slug of its id and a hash of all of it.
#[must_use]
pub fn context_file(context_id: &str) -> String {
    let mut slug = String::with_capacity(SLUG_CHARS);
    for c in context_id.chars() {
        if slug.len() >= SLUG_CHARS {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "context" } else { slug };
    let digest = Sha256::digest(context_id.as_bytes());
    let hash: String = digest
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{slug}-{hash}.jsonl")
}

/// The folder whose own path is trusted, and the transcripts' folder below it. Inside the folder of fleet.toml every
/// part is checked for links, because that may be somebody's repository.
pub(super) fn root(config: &FleetConfig) -> (PathBuf, PathBuf) {
    let home = config.path.parent().unwrap_or(Path::new("/"));
    if let Ok(rel) = config.transcripts.strip_prefix(home) {
        return (home.to_owned(), rel.to_owned());
    }
    let base = config.transcripts.parent().unwrap_or(Path::new("/"));
    let name = config.transcripts.file_name().map(PathBuf::from);
    (base.to_owned(), name.unwrap_or_default())
}

/// Where a new dispatch's lines go.
#[must_use]
pub fn place(config: &FleetConfig, peer: &PeerName, context_id: &str) -> TranscriptPlace {
    let (base, rel) = root(config);
    TranscriptPlace {
        base,
        rel: rel
            .join(&config.name)
            .join(peer.as_str())
            .join(ORIGIN_OUT)
            .join(context_file(context_id)),
        offset: None,
        seq: 0,
    }
}
