//! What a client must know of a fleet.toml before it can reach the daemon.
//!
//! Owns: a lenient look that works on files validation would refuse, so that a typing error in one peer does not hide a
//! running daemon. Does not own: validation.

use std::path::Path;

use crate::domain::{ErrorKind, Failure};

/// The name of a fleet whose file gives none.
pub const DEFAULT_NAME: &str = "main";

/// What the file says, as far as it can be read without judging it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The fleet's name; it names the state folder.
    pub name: String,
    /// Environment variables that peers name (`env`, `token_env`), in the order of the file.
    pub env_names: Vec<String>,
}

/// Reads the name and the variables that peers ask for.
///
/// # Errors
/// A [`Failure`] of kind `config` when the file cannot be read, is no TOML, or its name cannot name a folder.
pub fn peek(path: &Path) -> Result<Peek, Failure> {
    let text = super::read_text(path)?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let (line, column) = super::position_of(&text, error.span().map_or(0, |span| span.start));
        Failure::new(
            ErrorKind::Config,
            format!(
                "{}:{line}:{column}: this is no TOML: {}.",
                path.display(),
                error.message().trim_end_matches('.')
            ),
            "Correct that line, then run `fleet config check`.",
        )
    })?;
    let name = table
        .get("fleet")
        .and_then(|fleet| fleet.get("name"))
        .and_then(toml::Value::as_str)
        .unwrap_or(DEFAULT_NAME);
    if !is_fleet_name(name) {
        let (line, column) = super::position_of(&text, place_of_name(&text));
        return Err(Failure::new(
            ErrorKind::Config,
            format!(
                "{}:{line}:{column}: fleet.name is {name:?}, which cannot name a folder.",
                path.display()
            ),
            "Give it 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit.",
        ));
    }
    Ok(Peek {
        name: name.to_owned(),
        env_names: env_names(&table),
    })
}

/// The byte at which the name's value stands.
fn place_of_name(text: &str) -> usize {
    let file = toml::de::DeTable::parse(text).ok();
    let name = file.as_ref().and_then(|file| {
        let fleet = file.get_ref().get("fleet")?.get_ref().as_table()?;
        Some(fleet.get("name")?.span().start)
    });
    name.unwrap_or_default()
}

/// Whether a fleet may be called so: the name becomes part of paths.
#[must_use]
pub(super) fn is_fleet_name(name: &str) -> bool {
    crate::domain::PeerName::new(name).is_ok()
}

fn env_names(table: &toml::Table) -> Vec<String> {
    let peers = table.get("peers").and_then(toml::Value::as_table);
    let mut names = Vec::new();
    for peer in peers.into_iter().flatten().map(|(_, peer)| peer) {
        let listed = peer.get("env").and_then(toml::Value::as_array);
        let token = peer.get("token_env").into_iter();
        for value in listed.into_iter().flatten().chain(token) {
            match value.as_str() {
                Some(name) if !names.iter().any(|known| known == name) => {
                    names.push(name.to_owned());
                }
                Some(_) | None => {}
            }
        }
    }
    names
}
