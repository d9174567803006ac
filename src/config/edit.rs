//! Changes of a fleet.toml that keep the rest of it as its author wrote it.
//!
//! Owns: from a text and a change to the new text. Everything outside the peer that is changed stays byte for byte: comments,
//! order, line ends, and whether the last line has one. Does not own: whether the result is valid, which the parser of the
//! file says, nor writing it.

mod remove;
mod setting;
mod spot;
#[cfg(test)]
mod tests;

use toml_edit::{Document, Item};

use crate::domain::{ErrorKind, Failure, PeerName, SafeText};

pub use setting::Setting;
use spot::Spot;

const BOM: char = '\u{feff}';
const PEERS: &str = "peers";

/// What is to become of one peer.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A peer that the file does not name yet.
    Add(PeerName, Vec<Setting>),
    /// Keys of a peer that it names.
    Set(PeerName, Vec<Setting>),
    /// The peer goes.
    Remove(PeerName),
}

impl Change {
    /// Whom it is about.
    #[must_use]
    pub fn peer(&self) -> &PeerName {
        match self {
            Self::Add(peer, _) | Self::Set(peer, _) | Self::Remove(peer) => peer,
        }
    }

    /// What it sets.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        match self {
            Self::Add(_, settings) | Self::Set(_, settings) => settings,
            Self::Remove(_) => &[],
        }
    }

    /// The same change with other settings.
    #[must_use]
    pub(super) fn with(&self, settings: Vec<Setting>) -> Self {
        match self {
            Self::Add(peer, _) => Self::Add(peer.clone(), settings),
            Self::Set(peer, _) => Self::Set(peer.clone(), settings),
            Self::Remove(peer) => Self::Remove(peer.clone()),
        }
    }
}

/// Why a text cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is no TOML.
    #[error("the file is no TOML")]
    NoToml(#[source] toml_edit::TomlError),
    /// The peer is there already.
    #[error("the file names the peer {0} already")]
    Named(PeerName),
    /// No such peer.
    #[error("the file names no peer {0}")]
    Unnamed(PeerName),
    /// A key that cannot be one.
    #[error("{0:?} is no key; a key is words with dots between them, such as budget.tokens")]
    Key(String),
    /// It is written in a form that is not changed by machine.
    #[error("{0} is written in the file in a form that this command does not change")]
    Form(String),
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let (kind, remedy) = match &error {
            EditError::NoToml(_) => (
                ErrorKind::Config,
                "`fleet config check` says where; correct it there first.",
            ),
            EditError::Named(_) => (
                ErrorKind::Usage,
                "Change it with `fleet peers set`, or take another name.",
            ),
            EditError::Unnamed(_) => (ErrorKind::NotFound, "`fleet peers` lists the peers."),
            EditError::Key(_) => (
                ErrorKind::Usage,
                "See the keys of a peer in the README, section Configuration.",
            ),
            EditError::Form(_) => (
                ErrorKind::Usage,
                "Edit the file by hand, then run `fleet config check`.",
            ),
        };
        let said = SafeText::line_of(&error.to_string()).to_string();
        let mut chars = said.chars();
        let first = chars.next().map(|c| c.to_uppercase().to_string());
        Self::new(
            kind,
            format!("{}{}.", first.unwrap_or_default(), chars.as_str()),
            remedy,
        )
    }
}

/// The text with the change made.
///
/// # Errors
/// [`EditError`]; then nothing is to be written.
pub fn edited(text: &str, change: &Change) -> Result<String, EditError> {
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (&text[..BOM.len_utf8()], body),
        None => ("", text),
    };
    let body = match change {
        Change::Add(peer, settings) => add(body, peer, settings)?,
        Change::Set(peer, settings) => {
            let mut body = body.to_owned();
            for setting in settings {
                body = set(&body, peer, setting)?;
            }
            body
        }
        Change::Remove(peer) => remove::remove(body, peer)?,
    };
    Ok(format!("{bom}{body}"))
}

fn parsed(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(EditError::NoToml)
}

fn add(text: &str, peer: &PeerName, settings: &[Setting]) -> Result<String, EditError> {
    let file = parsed(text)?;
    let peers = file.as_table().get(PEERS);
    if peers.is_some_and(|peers| peers.get(peer.as_str()).is_some()) {
        return Err(EditError::Named(peer.clone()));
    }
    // A table of its own reads best; where the peers are one value or dotted keys, it would be no TOML.
    let own_table = match peers {
        None => true,
        Some(Item::Table(table)) => !table.is_dotted(),
        Some(Item::Value(_) | Item::ArrayOfTables(_) | Item::None) => false,
    };
    let (plain, nested): (Vec<_>, Vec<_>) = settings.iter().partition(|one| one.is_plain());
    let mut out = if own_table {
        append_table(text, peer, &plain)
    } else {
        let path = [PEERS.to_owned(), peer.to_string()];
        let lines: Vec<String> = plain.iter().map(|one| one.line()).collect();
        Spot::of(&file, &path)?.put(text, &format!("{{ {} }}", lines.join(", ")))
    };
    for setting in nested {
        out = set(&out, peer, setting)?;
    }
    Ok(out)
}

/// The table at the end, after an empty line. Whether the last line has an end stays as it was.
fn append_table(text: &str, peer: &PeerName, settings: &[&Setting]) -> String {
    let newline = newline_of(text);
    let mut block = vec![format!("[{PEERS}.{peer}]")];
    block.extend(settings.iter().map(|setting| setting.line()));
    let block = block.join(newline);
    if text.is_empty() {
        format!("{block}{newline}")
    } else if text.ends_with('\n') {
        format!("{text}{newline}{block}{newline}")
    } else {
        format!("{text}{newline}{newline}{block}")
    }
}

fn set(text: &str, peer: &PeerName, setting: &Setting) -> Result<String, EditError> {
    let file = parsed(text)?;
    let peers = file.as_table().get(PEERS);
    if peers.and_then(|peers| peers.get(peer.as_str())).is_none() {
        return Err(EditError::Unnamed(peer.clone()));
    }
    let mut path = vec![PEERS.to_owned(), peer.to_string()];
    path.extend(setting.path().iter().cloned());
    Ok(Spot::of(&file, &path)?.put(text, &setting.literal()))
}

/// How lines end in this file: as its first one does.
fn newline_of(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}

/// Where the line begins that holds this byte.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line's text ends that holds this byte, before its end of line.
fn line_end(text: &str, at: usize) -> usize {
    match text[at..].find('\n') {
        Some(newline) if text[at..at + newline].ends_with('\r') => at + newline - 1,
        Some(newline) => at + newline,
        None => text.len(),
    }
}
