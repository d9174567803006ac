//! fleet.toml: from text to a validated fleet.
//!
//! Owns: the raw form (serde, unknown keys refused), validation with every error naming file, line, key and remedy, changes
//! that keep the rest of the file, and the trust in a file that was found by chance. Does not own: what is done with it.

pub mod edit;
pub mod file;
mod peek;
mod problem;
mod raw;
pub mod trust;
mod types;
mod validate;
mod validate_peer;

use std::io::Read;
use std::path::Path;

use crate::domain::{ErrorKind, Failure};

pub use peek::{DEFAULT_NAME, Peek, peek};
pub use problem::{ConfigError, Problem};
pub use types::{Bands, FleetConfig, ForeignPeer, PeerConfig, PeerKind, ReceiverPeer};
pub use validate::parse;

/// Largest fleet.toml that is read, in bytes: hundreds of peers, yet little enough to be read before every command.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// Reads and checks a fleet.toml.
///
/// # Errors
/// A [`Failure`] of kind `config` that names every mistake with its file, line, key and remedy.
pub fn load(path: &Path) -> Result<FleetConfig, Failure> {
    let text = read_text(path)?;
    Ok(parse(path, &text, home().as_deref())?)
}

/// What `~` means to this process.
#[must_use]
pub fn home() -> Option<std::path::PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// SHA-256 of a text, hex: what an acceptance of a fleet.toml names.
#[must_use]
pub fn hash_of(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// Line and column, both from 1, of a byte offset; the column counts characters.
#[must_use]
fn position_of(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The text of a fleet.toml: a regular file of at most [`MAX_CONFIG_BYTES`], in UTF-8.
///
/// # Errors
/// A [`Failure`] of kind `config` when it cannot be read.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let fail = |why: String| {
        Failure::new(
            ErrorKind::Config,
            format!("{} cannot be read: {why}.", path.display()),
            "Name another file with `--config PATH`, or correct this one.",
        )
    };
    // Opened first and judged by its handle: what stands in a stranger's folder may be exchanged in between, and a pipe must
    // not hold us up.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(
        path,
        rustix::fs::OFlags::RDONLY | flags,
        rustix::fs::Mode::empty(),
    )
    .map_err(|error| fail(std::io::Error::from(error).to_string()))?;
    let file = std::fs::File::from(file);
    let meta = file.metadata().map_err(|error| fail(error.to_string()))?;
    if !meta.is_file() {
        return Err(fail("it is no regular file".to_owned()));
    }
    let mut text = String::new();
    file.take(MAX_CONFIG_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| fail(error.to_string()))?;
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(fail(format!("it is larger than {MAX_CONFIG_BYTES} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
