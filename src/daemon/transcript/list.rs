//! Listing transcripts.
//!
//! Owns: the walk over the folders. The file system says which there are; the store says whose context each is.

use std::collections::HashMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use fleet_a2a::clock;

use super::TranscriptError;
use super::open::{Access, open};
use super::place::{ORIGIN_OUT, root};
use super::writer::last_seq;
use crate::config::FleetConfig;
use crate::control::TranscriptView;
use crate::daemon::store::TranscriptPlace;
use crate::domain::PeerName;

/// Every transcript of the fleet or of one peer, newest first. `contexts` maps paths below the base to context ids; a
/// file that is not among them goes by its name. Blocks.
///
/// # Errors
/// [`TranscriptError`] when a folder cannot be read; one that is not there holds nothing.
pub fn list(
    config: &FleetConfig,
    peer: Option<&PeerName>,
    contexts: &HashMap<String, String>,
) -> Result<Vec<TranscriptView>, TranscriptError> {
    let (base, rel) = root(config);
    let fleet = rel.join(&config.name);
    let mut views = Vec::new();
    for name in names(&base.join(&fleet))? {
        let Ok(owner) = PeerName::new(name) else {
            continue;
        };
        if peer.is_some_and(|wanted| wanted != &owner) {
            continue;
        }
        let folder = fleet.join(owner.as_str()).join(ORIGIN_OUT);
        for file in names(&base.join(&folder))? {
            let Some(stem) = file.strip_suffix(".jsonl") else {
                continue;
            };
            let rel = folder.join(&file);
            let known = rel.to_str().and_then(|rel| contexts.get(rel));
            let context_id = known.cloned().unwrap_or_else(|| stem.to_owned());
            views.extend(view(&base, &rel, &owner, context_id));
        }
    }
    views.sort_by(|a, b| (&b.updated_at, &b.path).cmp(&(&a.updated_at, &a.path)));
    Ok(views)
}

/// One file; `None` when it is a link or went away meanwhile.
fn view(base: &Path, rel: &Path, peer: &PeerName, context_id: String) -> Option<TranscriptView> {
    let place = TranscriptPlace {
        base: base.to_owned(),
        rel: rel.to_owned(),
        offset: None,
        seq: 0,
    };
    let file = open(&place, Access::Read).ok()?;
    let meta = file.metadata().ok()?;
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(TranscriptView {
        peer: peer.clone(),
        origin: ORIGIN_OUT.to_owned(),
        context_id,
        path: base.join(rel).display().to_string(),
        bytes: meta.len(),
        lines: last_seq(&file).ok()?,
        updated_at: clock::rfc3339(i64::try_from(since.as_millis()).unwrap_or(0)),
    })
}

fn names(folder: &Path) -> Result<Vec<String>, TranscriptError> {
    let told = |source| TranscriptError::Io {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(told)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}
