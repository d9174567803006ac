//! Opening a file below a folder without following links.
//!
//! Owns: the walk. A link anywhere on the way, planted before or during it, is an error and nothing is touched.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::TranscriptError;
use crate::daemon::store::TranscriptPlace;

/// What the file is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It must be there.
    Read,
    /// It and its folders are made, for the owner only.
    Append,
}

const DIR: OFlags = OFlags::DIRECTORY
    .union(OFlags::RDONLY)
    .union(OFlags::CLOEXEC);

pub(super) fn open(place: &TranscriptPlace, access: Access) -> Result<File, TranscriptError> {
    let mut path = place.base.clone();
    if access == Access::Append {
        make_base(&path)?;
    }
    let mut dir = rustix::fs::openat(CWD, &path, DIR, Mode::empty()).map_err(|e| told(&path, e))?;
    let mut parts = place.rel.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(TranscriptError::NotPlain {
                path: place.rel.clone(),
            });
        };
        path.push(name);
        if parts.peek().is_none() {
            return file_in(&dir, name.as_ref(), &path, access);
        }
        dir = folder_in(&dir, name.as_ref(), &path, access)?;
    }
    Err(TranscriptError::NotPlain { path })
}

fn make_base(path: &Path) -> Result<(), TranscriptError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| TranscriptError::Io {
            path: path.to_owned(),
            source,
        })
}

fn folder_in(
    dir: &OwnedFd,
    name: &Path,
    path: &Path,
    access: Access,
) -> Result<OwnedFd, TranscriptError> {
    let flags = DIR | OFlags::NOFOLLOW;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Err(Errno::NOENT) if access == Access::Append => {}
        other => return other.map_err(|e| told(path, e)),
    }
    match rustix::fs::mkdirat(dir, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(told(path, error)),
    }
    rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(|e| told(path, e))
}

fn file_in(
    dir: &OwnedFd,
    name: &Path,
    path: &Path,
    access: Access,
) -> Result<File, TranscriptError> {
    // A planted pipe must not hold us up.
    let common = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let flags = match access {
        Access::Read => common | OFlags::RDONLY,
        Access::Append => common | OFlags::RDWR | OFlags::APPEND | OFlags::CREATE,
    };
    let mode = Mode::RUSR | Mode::WUSR;
    let fd = rustix::fs::openat(dir, name, flags, mode).map_err(|e| told(path, e))?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| told(path, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(TranscriptError::NotPlain {
            path: path.to_owned(),
        });
    }
    if access == Access::Append && stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(&fd, mode).map_err(|e| told(path, e))?;
    }
    Ok(File::from(fd))
}

fn told(path: &Path, error: Errno) -> TranscriptError {
    let path = PathBuf::from(path);
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::ISDIR => {
            TranscriptError::NotPlain { path }
        }
        other => TranscriptError::Io {
            path,
            source: other.into(),
        },
    }
}
