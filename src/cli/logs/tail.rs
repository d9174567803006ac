//! Reading a log from its end, and what comes after.
//!
//! Owns: the last lines over both files of a log, and following it through being put aside and cut short. Does not own: what
//! a line means.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::telemetry::{MAX_LOG_BYTES, put_aside_path};

/// A line that is longer is given out in pieces: a program that forgets to end its lines must not fill the memory.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A log that is read on.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    place: Place,
    /// What stands after the last newline.
    rest: Vec<u8>,
}

/// Where it is read.
#[derive(Debug)]
enum Place {
    /// There is no file yet.
    Nowhere,
    In {
        file: File,
        id: FileId,
        offset: u64,
    },
}

type FileId = (u64, u64);

impl Tail {
    /// The last `lines` lines, and the tail from there on.
    pub(super) fn open(path: &Path, lines: usize) -> io::Result<(Self, Vec<String>)> {
        let mut tail = Self {
            path: path.to_owned(),
            place: Place::Nowhere,
            rest: Vec::new(),
        };
        tail.enter()?;
        let mut found = tail.read_on()?;
        if found.len() < lines {
            let mut older = tail.put_aside()?;
            older.append(&mut found);
            found = older;
        }
        let skip = found.len().saturating_sub(lines);
        found.drain(..skip);
        Ok((tail, found))
    }

    /// What was written since.
    pub(super) fn news(&mut self) -> io::Result<Vec<String>> {
        let mut found = self.read_on()?;
        let now = open(&self.path)?.map(|(_, id)| id);
        let moved = match (&self.place, now) {
            (Place::In { id, .. }, Some(now)) => *id != now,
            (Place::Nowhere, Some(_)) => true,
            // Between being put aside and begun anew.
            (_, None) => false,
        };
        if moved {
            // Once more: it may have been written to until it was put aside.
            found.append(&mut self.read_on()?);
            found.extend(self.take_rest());
            found.append(&mut self.put_aside_since()?);
            self.enter()?;
            found.append(&mut self.read_on()?);
        }
        Ok(found)
    }

    /// Begins the file that has the log's name now.
    fn enter(&mut self) -> io::Result<()> {
        if let Some((file, id)) = open(&self.path)? {
            let length = file.metadata()?.len();
            let offset = match self.place {
                // Only its end is read; no log of ours is longer.
                Place::Nowhere => length.saturating_sub(MAX_LOG_BYTES),
                Place::In { .. } => 0,
            };
            self.place = Place::In { file, id, offset };
        }
        Ok(())
    }

    fn read_on(&mut self) -> io::Result<Vec<String>> {
        let Place::In { file, offset, .. } = &mut self.place else {
            return Ok(Vec::new());
        };
        if file.metadata()?.len() < *offset {
            // It was cut short: what stands there now is new.
            *offset = 0;
            self.rest.clear();
        }
        file.seek(SeekFrom::Start(*offset))?;
        let mut bytes = Vec::new();
        *offset += file.take(MAX_LOG_BYTES).read_to_end(&mut bytes)? as u64;
        self.rest.append(&mut bytes);
        Ok(whole_lines(&mut self.rest))
    }

    /// Lines of the file that was put aside before the one that is read.
    fn put_aside(&self) -> io::Result<Vec<String>> {
        let Some((mut file, id)) = open(&put_aside_path(&self.path))? else {
            return Ok(Vec::new());
        };
        if self.is_in(id) {
            return Ok(Vec::new());
        }
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MAX_LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(MAX_LOG_BYTES).read_to_end(&mut bytes)?;
        let mut lines = whole_lines(&mut bytes);
        lines.extend(last(&mut bytes));
        Ok(lines)
    }

    /// The same for one that came and went between two looks.
    fn put_aside_since(&self) -> io::Result<Vec<String>> {
        match self.place {
            Place::Nowhere => Ok(Vec::new()),
            Place::In { .. } => self.put_aside(),
        }
    }

    fn is_in(&self, other: FileId) -> bool {
        match &self.place {
            Place::In { id, .. } => *id == other,
            Place::Nowhere => false,
        }
    }

    fn take_rest(&mut self) -> Option<String> {
        last(&mut self.rest)
    }
}

fn open(path: &Path) -> io::Result<Option<(File, FileId)>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path);
    match opened {
        Ok(file) => {
            let meta = file.metadata()?;
            Ok(Some((file, (meta.dev(), meta.ino()))))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the lines that have ended, and pieces of one that does not end.
fn whole_lines(bytes: &mut Vec<u8>) -> Vec<String> {
    let ended = bytes.iter().rposition(|byte| *byte == b'\n');
    let taken: Vec<u8> = match ended {
        Some(at) => bytes.drain(..=at).collect(),
        None => Vec::new(),
    };
    let mut lines: Vec<String> = taken
        .split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| {
            line.strip_suffix(b"\n")
                .unwrap_or(line)
                .chunks(MAX_LINE_BYTES)
        })
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect();
    while bytes.len() > MAX_LINE_BYTES {
        let piece: Vec<u8> = bytes.drain(..MAX_LINE_BYTES).collect();
        lines.push(String::from_utf8_lossy(&piece).into_owned());
    }
    lines
}

/// A last line that nobody will end any more.
fn last(bytes: &mut Vec<u8>) -> Option<String> {
    let rest = std::mem::take(bytes);
    (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    struct Bench {
        _dir: tempfile::TempDir,
        path: PathBuf,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            Self { _dir: dir, path }
        }

        fn write(&self, text: &str) {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self) {
            fs::rename(&self.path, put_aside_path(&self.path)).unwrap();
        }
    }

    #[test]
    fn the_last_lines_come_from_both_files() {
        let bench = Bench::new();
        bench.write("1\n2\n3\n");
        bench.rotate();
        bench.write("4\n5\nha");
        let last = |lines| Tail::open(&bench.path, lines).unwrap().1;
        assert_eq!(last(0), [""; 0]);
        assert_eq!(last(2), ["4", "5"]);
        assert_eq!(last(4), ["2", "3", "4", "5"]);
        assert_eq!(last(100), ["1", "2", "3", "4", "5"]);
    }

    #[test]
    fn following_survives_rotation_truncation_and_a_late_start() {
        let bench = Bench::new();
        let (mut tail, lines) = Tail::open(&bench.path, 10).unwrap();
        assert_eq!(lines, [""; 0]);
        assert_eq!(tail.news().unwrap(), [""; 0]);
        bench.write("1\nto");
        assert_eq!(tail.news().unwrap(), ["1"]);
        bench.write("gether\n");
        assert_eq!(tail.news().unwrap(), ["together"]);

        bench.write("3\n");
        bench.rotate();
        assert_eq!(tail.news().unwrap(), ["3"]);
        bench.write("4\n");
        assert_eq!(tail.news().unwrap(), ["4"]);

        // Twice between two looks.
        bench.write("5\n");
        bench.rotate();
        bench.write("6\n");
        bench.rotate();
        bench.write("7\n");
        assert_eq!(tail.news().unwrap(), ["5", "6", "7"]);

        File::create(&bench.path).unwrap();
        assert_eq!(tail.news().unwrap(), [""; 0]);
        bench.write("8\n");
        assert_eq!(tail.news().unwrap(), ["8"]);
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces() {
        let bench = Bench::new();
        bench.write(&"x".repeat(MAX_LINE_BYTES * 2 + 1));
        let (tail, lines) = Tail::open(&bench.path, 10).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(tail.rest.len(), 1);
    }
}
