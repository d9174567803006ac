//! Writing a fleet.toml.
//!
//! Owns: making one where none is, and changing one, so that whoever reads meets the old text or the new one, never a part,
//! and of changes at once none is lost. Other files of ours are written so too. Does not own: the texts.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};
use tokio::time::Instant;

use super::edit::{Change, Setting, edited};
use super::trust::{self, Accepted};
use super::{ConfigError, FleetConfig, MAX_CONFIG_BYTES, hash_of, home, parse, read_text};
use crate::domain::{ErrorKind, Failure};

/// For as long another change may hold the file: each takes milliseconds, so hundreds can queue.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// Between two looks meanwhile.
const LOCK_POLL: Duration = Duration::from_millis(5);
/// A new file may be read by others: it holds no secrets.
const NEW_MODE: u32 = 0o644;
/// The same for its folder.
const NEW_FOLDER_MODE: u32 = 0o755;

/// Writes a file that must not be there yet; a link of that name is there.
///
/// # Errors
/// `AlreadyExists`, or what the disk says. Nothing stands there then that did not before.
pub fn create(path: &Path, text: &str) -> io::Result<()> {
    let temporary = Temporary::write(path, text, NEW_MODE)?;
    // A hard link is the rename that replaces nothing.
    std::fs::hard_link(&temporary.path, path)?;
    drop(temporary);
    sync_folder(path)
}

/// Puts a file for its owner alone in its place, whether one is there or not.
///
/// # Errors
/// What the disk says; what was there is there then.
pub fn put_private(path: &Path, text: &str) -> io::Result<()> {
    let temporary = Temporary::write(path, text, 0o600)?;
    std::fs::rename(&temporary.path, path)?;
    sync_folder(path)
}

/// Makes the folder of a file, and those above it, where they are not there. Whoever can write to one of them can put another
/// file in the place of this one, so others cannot, whatever the umask says.
///
/// # Errors
/// What the disk says.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(NEW_FOLDER_MODE)
        .create(folder)
}

/// What a change came to.
#[derive(Debug)]
pub struct Changed {
    /// The fleet as the file says now.
    pub config: FleetConfig,
    /// Whether all of it may be used.
    pub accepted: bool,
    /// Whether anything was written.
    pub written: bool,
}

/// A fleet.toml that a person changes by command.
#[derive(Debug)]
pub struct Edited<'a> {
    /// The file, links resolved.
    pub path: &'a Path,
    /// What of it was accepted.
    pub accepted: &'a Accepted,
    /// Whether the person named it, which accepts it.
    pub explicit: bool,
}

impl Edited<'_> {
    /// Makes a change. A file that was accepted stays accepted, because the person's command made the difference; one that
    /// was not stays so.
    ///
    /// # Errors
    /// A [`Failure`] when the file cannot be changed so, or would not be valid, or cannot be written. Nothing is written then.
    pub async fn change(&self, change: &Change) -> Result<Changed, Failure> {
        let _held = lock(self.path).await?;
        let old = read_text(self.path)?;
        let (new, config) = self.checked(&old, change)?;
        let accepted = self.is_accepted(&old);
        if accepted {
            // Before the file, so that it is never there without the acceptance.
            self.accepted.add(&config.hash)?;
        }
        let written = new != old;
        if written {
            replace(self.path, &new).map_err(|error| not_written(self.path, &error))?;
        }
        let accepted = accepted || !trust::needs_acceptance(&config, false);
        Ok(Changed {
            config,
            accepted,
            written,
        })
    }

    fn is_accepted(&self, old: &str) -> bool {
        let harmless = || {
            parse(self.path, old, home().as_deref())
                .is_ok_and(|config| !trust::needs_acceptance(&config, false))
        };
        self.explicit || self.accepted.contains(&hash_of(old)) || harmless()
    }

    /// The new text, as the parser of the file takes it. A value that could be a number or a text is what its key takes.
    fn checked(&self, old: &str, change: &Change) -> Result<(String, FleetConfig), Failure> {
        let attempt = |change: &Change| -> Result<Result<_, ConfigError>, Failure> {
            let new = edited(old, change)?;
            if new.len() as u64 > MAX_CONFIG_BYTES {
                return Err(too_large(self.path));
            }
            Ok(parse(self.path, &new, home().as_deref()).map(|config| (new, config)))
        };
        let error = match attempt(change)? {
            Ok(good) => return Ok(good),
            Err(error) => error,
        };
        let as_texts = as_texts(change, &error);
        if as_texts != *change
            && let Ok(good) = attempt(&as_texts)?
        {
            return Ok(good);
        }
        Err(Failure {
            remedy:
                "Nothing was written. Correct the command, or the file if it was invalid before."
                    .to_owned(),
            ..error.into()
        })
    }
}

/// The change with the values that were complained about taken as texts.
fn as_texts(change: &Change, error: &ConfigError) -> Change {
    let peer = change.peer();
    let blamed = |setting: &Setting| {
        let key = format!("peers.{peer}.{}", setting.key());
        error.problems.iter().any(|problem| problem.key == key)
    };
    let settings = change.settings().iter().map(|setting| {
        let text = setting.as_text().filter(|_| blamed(setting));
        text.unwrap_or_else(|| setting.clone())
    });
    change.with(settings.collect())
}

/// The file, open and ours alone. The lock is on the file itself, which leaves nothing behind; whoever waited for it looks
/// whether it is still the file of that name.
async fn lock(path: &Path) -> Result<File, Failure> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        if let Some(file) = try_lock(path).map_err(|error| not_written(path, &error))? {
            return Ok(file);
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                ErrorKind::State,
                format!("{} is being changed by another command.", path.display()),
                "Run the command again once that has ended.",
            ));
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let (held, named) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    let same = (held.dev(), held.ino()) == (named.dev(), named.ino());
    Ok(same.then_some(file))
}

/// Puts a text in the place of a file that is there, and keeps its owner and mode. Of two at once the last one stays.
///
/// # Errors
/// What the disk says; the old file stands there then.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(path)?;
    let temporary = Temporary::write(path, text, 0o600)?;
    let new = temporary.file.metadata()?;
    if (new.uid(), new.gid()) != (meta.uid(), meta.gid()) {
        std::os::unix::fs::fchown(&temporary.file, Some(meta.uid()), Some(meta.gid()))?;
    }
    let mode = Permissions::from_mode(meta.mode() & 0o7777);
    temporary.file.set_permissions(mode)?;
    temporary.file.sync_all()?;
    std::fs::rename(&temporary.path, path)?;
    sync_folder(path)
}

/// A file beside the one that is meant, gone when this is.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn write(beside: &Path, text: &str, mode: u32) -> io::Result<Self> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        let path = beside.with_file_name(format!(".{name}.{}.new", std::process::id()));
        // Of this name only a process that died can have left one.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)?;
        let mut made = Self { path, file };
        made.file.write_all(text.as_bytes())?;
        made.file.sync_all()?;
        Ok(made)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is not there any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        ErrorKind::Config,
        format!("{} cannot be changed: {error}.", path.display()),
        "See that the file and its folder are yours and can be written to.",
    )
}

fn too_large(path: &Path) -> Failure {
    Failure::new(
        ErrorKind::Config,
        format!(
            "{} would be larger than {MAX_CONFIG_BYTES} bytes.",
            path.display()
        ),
        "Remove peers that you do not use.",
    )
}
