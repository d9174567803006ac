//! Opening what lies in a repo that may be hostile.
//!
//! Owns: the walk. Every part of a path is opened by itself, below the folder before it, and never through a link; nothing
//! waits at a pipe; only plain files are read, and only up to a bound.

use std::io::Read;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

/// Names of one folder that are looked at; agents have tens of skills and commands.
const MAX_NAMES: usize = 1_000;
const ABOVE: &str = "..";

/// An open folder of the repo, or the repo itself.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// What stands under a name.
#[derive(Debug)]
pub(super) enum Found {
    Absent,
    /// A plain file, whole.
    File(Vec<u8>),
    Folder(Folder),
    /// A link; what it leads to is not looked at.
    Link(String),
    /// Something that is not read, in words: a pipe, a file that is too large or cannot be opened.
    Odd(String),
}

impl Folder {
    /// The repo. The person named it, so links in its own path are theirs.
    pub(super) fn of_repo(repo: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, repo, flags, rustix::fs::Mode::empty()).map(Self)
    }

    /// What stands under a path of names with `/` between them; a link in its middle is what stands there.
    pub(super) fn find(&self, path: &str, max_bytes: u64) -> Found {
        match path.split_once('/') {
            None => self.look(path, max_bytes),
            // Of ours alone: no name of an entry is so.
            Some((ABOVE, rest)) => match self.above() {
                Ok(Some(folder)) => folder.find(rest, max_bytes),
                Ok(None) => Found::Absent,
                Err(error) => Found::Odd(unreadable(error)),
            },
            Some((first, rest)) => match self.look(first, 0) {
                Found::Folder(folder) => folder.find(rest, max_bytes),
                Found::Link(to) => Found::Link(to),
                Found::Absent | Found::File(_) | Found::Odd(_) => Found::Absent,
            },
        }
    }

    /// The folder above it; none above the root. It need not be one that can be listed.
    pub(super) fn above(&self) -> Result<Option<Self>, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let above = openat(&self.0, ABOVE, flags, rustix::fs::Mode::empty())?;
        let (here, there) = (fstat(&self.0)?, fstat(&above)?);
        let same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino);
        Ok((!same).then_some(Self(above)))
    }

    /// The names in it, sorted. An error is words for a person.
    pub(super) fn names(&self) -> Result<Vec<String>, String> {
        let entries = Dir::read_from(&self.0).map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == MAX_NAMES {
                return Err(format!("it has more than {MAX_NAMES} entries"));
            }
            // A name that is no text is told apart by its escaped bytes and can be opened by nobody here.
            names.push(match std::str::from_utf8(name) {
                Ok(name) => name.to_owned(),
                Err(_) => name.escape_ascii().to_string(),
            });
        }
        names.sort();
        Ok(names)
    }

    fn look(&self, name: &str, max_bytes: u64) -> Found {
        let stat = match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Found::Absent,
            Err(error) => return Found::Odd(unreadable(error)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Found::Link(self.target(name)),
            FileType::RegularFile => self.read(name, max_bytes),
            FileType::Directory => match self.open(name, OFlags::DIRECTORY) {
                Ok(folder) => Found::Folder(Self(folder)),
                Err(error) => Found::Odd(unreadable(error)),
            },
            FileType::Fifo => Found::Odd("a pipe".to_owned()),
            FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Found::Odd("no plain file".to_owned()),
        }
    }

    /// What was a plain file a moment ago may be anything now, so the open file is asked again before it is read.
    fn read(&self, name: &str, max_bytes: u64) -> Found {
        let file = match self.open(name, OFlags::empty()) {
            Ok(file) => file,
            Err(error) => return Found::Odd(unreadable(error)),
        };
        match fstat(&file) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {}
            Ok(_) => return Found::Odd("no plain file".to_owned()),
            Err(error) => return Found::Odd(unreadable(error)),
        }
        let mut bytes = Vec::new();
        let mut bounded = std::fs::File::from(file).take(max_bytes + 1);
        match bounded.read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > max_bytes => {
                Found::Odd(format!("larger than {max_bytes} bytes"))
            }
            Ok(_) => Found::File(bytes),
            Err(error) => Found::Odd(format!("not readable ({error})")),
        }
    }

    fn open(&self, name: &str, more: OFlags) -> Result<OwnedFd, Errno> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(&self.0, name, flags | more, rustix::fs::Mode::empty())
    }

    fn target(&self, name: &str) -> String {
        let target = readlinkat(&self.0, name, Vec::new());
        target.map_or_else(
            |_| "somewhere".to_owned(),
            |target| String::from_utf8_lossy(target.as_bytes()).into_owned(),
        )
    }
}

fn unreadable(error: Errno) -> String {
    format!("not readable ({})", std::io::Error::from(error))
}
