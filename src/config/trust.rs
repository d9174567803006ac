//! Trust in a fleet.toml.
//!
//! Owns: the decision what a file may do that nobody accepted, and the hashes that were accepted. A file that was found in
//! the working directory may have come with a hostile repo; until a person accepts it, only `echo` peers start, no other
//! address is contacted, and transcripts stay inside its folder.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fleet_receivers::Mode;

use super::file::put_private;
use super::types::{FleetConfig, PeerConfig, PeerKind};
use crate::domain::{ErrorKind, Failure, PeerText, SafeText};

/// Accepted versions of one file that are remembered; the oldest is forgotten, and then asked about again.
const REMEMBERED: usize = 100;
/// One writer at a time, of all processes: the daemon accepts for its clients, and commands that write a fleet.toml do so too.
const LOCK: &str = "accepted.lock";
/// The file in the state folder that remembers them, a hash a line.
const ACCEPTED: &str = "accepted";

/// Whether a person must accept this file before all of it may be used. `explicit`: it was named by `--config` or stands
/// in the user's own directory.
#[must_use]
pub fn needs_acceptance(config: &FleetConfig, explicit: bool) -> bool {
    !explicit && (!transcripts_are_inside(config) || !config.peers.iter().all(is_harmless))
}

/// The configuration that may be used: an unaccepted file's transcripts stay inside its folder. Links of an accepted one
/// are followed here, once, because whoever writes transcripts follows none.
#[must_use]
pub fn effective(config: FleetConfig, accepted: bool) -> FleetConfig {
    let transcripts = if accepted || transcripts_are_inside(&config) {
        match real(&config.transcripts) {
            nowhere if nowhere == Path::new("/") => return config,
            followed => followed,
        }
    } else {
        folder(&config).join("transcripts")
    };
    FleetConfig {
        transcripts,
        ..config
    }
}

/// Refuses a peer that an unaccepted file may not start or contact.
///
/// # Errors
/// A [`Failure`] of kind `untrusted` that names `fleet trust`.
pub fn check_peer(config: &FleetConfig, accepted: bool, peer: &PeerConfig) -> Result<(), Failure> {
    if accepted || is_harmless(peer) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::Untrusted,
        format!(
            "{} was found here and nobody has accepted it yet, so it may not use the peer {}.",
            config.path.display(),
            peer.name
        ),
        "Read what it would run with `fleet trust`, and accept it there.",
    ))
}

/// What the file would run, contact or write once it is accepted, one line each. `config` is the file as it was read, not its
/// [`effective`] form.
#[must_use]
pub fn would(config: &FleetConfig) -> Vec<PeerText> {
    let mut lines: Vec<PeerText> = config.peers.iter().map(line_of).collect();
    let place = if transcripts_are_inside(config) {
        "inside its folder"
    } else {
        "OUTSIDE its folder"
    };
    lines.push(PeerText::new(format!(
        "write transcripts to {} ({place})",
        config.transcripts.display()
    )));
    lines
}

fn line_of(peer: &PeerConfig) -> PeerText {
    let name = &peer.name;
    PeerText::new(match &peer.kind {
        PeerKind::Receiver(receiver) => {
            let what = match receiver.mode {
                Mode::Exec => format!("the command {}", shown_argv(&receiver.command)),
                Mode::Echo => "the built-in echo".to_owned(),
                Mode::Cc | Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes => {
                    let model = receiver.model.as_ref();
                    let model =
                        model.map_or_else(String::new, |model| format!(" with model {model:?}"));
                    format!("mode {}{model}", receiver.mode)
                }
            };
            let permissions = permissions_word(receiver.permissions);
            let env = match receiver.env.as_slice() {
                [] => String::new(),
                names => format!(", sees {}", names.join(" ")),
            };
            format!(
                "{name}: runs {what} in {}, permissions {permissions}{env}",
                receiver.repo.display()
            )
        }
        PeerKind::Foreign(foreign) => {
            let token = foreign
                .token_env
                .as_ref()
                .map_or_else(String::new, |env| format!(", sends it the token in {env}"));
            format!("{name}: contacts {}{token}", foreign.url)
        }
    })
}

/// The word of fleet.toml for what may be done unasked.
#[must_use]
pub fn permissions_word(permissions: fleet_receivers::config::Permissions) -> &'static str {
    use fleet_receivers::config::Permissions;
    match permissions {
        Permissions::ReadOnly => "read-only",
        Permissions::Ask => "ask",
        Permissions::Edit => "edit",
        Permissions::Full => "full",
    }
}

fn shown_argv(argv: &[String]) -> String {
    let words: Vec<String> = argv
        .iter()
        .map(|word| SafeText::line_of(&format!("{word:?}")).as_str().to_owned())
        .collect();
    words.join(" ")
}

fn is_harmless(peer: &PeerConfig) -> bool {
    match &peer.kind {
        PeerKind::Receiver(receiver) => receiver.mode == Mode::Echo,
        PeerKind::Foreign(_) => false,
    }
}

fn folder(config: &FleetConfig) -> &Path {
    config.path.parent().unwrap_or(Path::new("/"))
}

/// Links count as where they lead: `transcripts` may be one that came with the repo.
fn transcripts_are_inside(config: &FleetConfig) -> bool {
    let inside = real(folder(config));
    real(&config.transcripts).starts_with(inside)
}

/// The path with every link in its existing part followed.
fn real(path: &Path) -> PathBuf {
    let mut existing = path;
    loop {
        if let Ok(found) = std::fs::canonicalize(existing) {
            let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
            return found.join(rest);
        }
        // A link that leads nowhere yet would be followed once its goal is made.
        if existing.is_symlink() {
            return PathBuf::from("/");
        }
        match existing.parent() {
            Some(parent) => existing = parent,
            None => return path.to_owned(),
        }
    }
}

/// The accepted hashes of one fleet's file.
#[derive(Debug, Clone)]
pub struct Accepted {
    path: PathBuf,
}

impl Accepted {
    /// Those of the fleet whose state lives there.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(ACCEPTED),
        }
    }

    /// Whether that hash was accepted. What cannot be read was not.
    #[must_use]
    pub fn contains(&self, hash: &str) -> bool {
        self.read().iter().any(|line| line == hash)
    }

    /// Remembers that a person accepted that hash.
    ///
    /// # Errors
    /// A [`Failure`] when it cannot be written down.
    pub fn add(&self, hash: &str) -> Result<(), Failure> {
        self.remember(hash).map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                format!(
                    "The acceptance cannot be written to {}: {error}.",
                    self.path.display()
                ),
                "See that the state folder can be written to.",
            )
        })
    }

    fn remember(&self, hash: &str) -> std::io::Result<()> {
        // Held for two small writes, and let go of however this process ends: nobody waits long.
        let lock = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path.with_file_name(LOCK))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
        let mut lines = self.read();
        lines.retain(|line| line != hash);
        lines.push(hash.to_owned());
        let skip = lines.len().saturating_sub(REMEMBERED);
        put_private(&self.path, &(lines[skip..].join("\n") + "\n"))
    }

    fn read(&self) -> Vec<String> {
        std::fs::read_to_string(&self.path)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}
