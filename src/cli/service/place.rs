//! Where the unit of a fleet stands.
//!
//! Owns: its name and folder, and whose what stands there is. Does not own: its text.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::unit::MARK;
use crate::config;
use crate::control::{Target, fleet_id};
use crate::domain::{ErrorKind, Failure};

/// Ours are below 4 KiB; of a larger file the beginning says whose it is.
const READ: u64 = 64 * 1024;

/// Where the unit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `fleet-<name>-<hash>.service`.
    pub(super) unit: String,
    pub(super) path: PathBuf,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    /// A unit that fleet wrote.
    Ours(String),
    /// Anything else, links included.
    Theirs,
}

impl Place {
    /// The place of this fleet's unit.
    pub(super) fn of(target: &Target) -> Result<Self, Failure> {
        let name = config::peek(&target.config)?.name;
        let unit = format!("fleet-{}.service", fleet_id(&target.config, &name));
        let home = directories::BaseDirs::new().ok_or_else(|| {
            Failure::new(
                ErrorKind::Usage,
                "There is no home directory to write a unit in.",
                "Set HOME.",
            )
        })?;
        let path = home.config_dir().join("systemd/user").join(&unit);
        Ok(Self { unit, path })
    }

    /// What stands there now.
    pub(super) fn standing(&self) -> Result<Standing, Failure> {
        match read(&self.path) {
            Ok(text) if text.starts_with(MARK) => Ok(Standing::Ours(text)),
            Ok(_) => Ok(Standing::Theirs),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Standing::Nothing),
            Err(_) if self.path.is_symlink() || !self.path.is_file() => Ok(Standing::Theirs),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    /// A unit that fleet did not write is nobody's to change but its author's.
    pub(super) fn theirs(&self) -> Failure {
        Failure::new(
            ErrorKind::Usage,
            format!(
                "{} is there, and fleet did not write it; it stays as it is.",
                self.path.display()
            ),
            "Look at it, and move it away if you do not need it. `--print` shows what fleet would write.",
        )
    }

    pub(super) fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::new(
            ErrorKind::Usage,
            format!("{} cannot be {what}: {error}.", self.path.display()),
            "See that the folder is yours; `--print` shows the unit without writing it.",
        )
    }

    /// Writes the unit there; whoever reads it meets the old one or the new one.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            config::file::make_folder(folder)?;
        }
        match std::fs::symlink_metadata(&self.path) {
            Ok(_) => config::file::replace(&self.path, text),
            Err(_) => config::file::create(&self.path, text),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
