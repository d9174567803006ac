//! What a command reads beside its flags: standard input and files a person named.
//!
//! Owns: the bounds and the words when it cannot be read. Reads at most one byte more than the bound, so that neither a
//! huge file nor an endless pipe fills the memory. Does not own: what the text means.

use std::fs::File;
use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::path::Path;

use fleet_a2a::contract::{MAX_BRIEF_BYTES, MAX_MESSAGE_BYTES, MAX_SCHEMA_BYTES};
use serde_json::Value;

use crate::domain::{ErrorKind, Failure};

/// What is read, how it is called in messages, and how much of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The instruction, on standard input.
    Instruction,
    /// The brief of `--context @FILE`.
    Brief,
    /// The schema of `--schema FILE`.
    Schema,
    /// The contract of `--contract FILE`.
    Contract,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Instruction => "the instruction on standard input",
            Self::Brief => "--context",
            Self::Schema => "--schema",
            Self::Contract => "--contract",
        }
    }

    /// The same bounds as those of the contract, so that nothing is read that would be refused anyway.
    fn max_bytes(self) -> usize {
        match self {
            Self::Instruction | Self::Contract => MAX_MESSAGE_BYTES,
            Self::Brief => MAX_BRIEF_BYTES,
            Self::Schema => MAX_SCHEMA_BYTES,
        }
    }
}

/// Reads the instruction from standard input, without the newline at its end.
pub(crate) fn instruction_from_stdin() -> Result<String, Failure> {
    let text = read_bounded(io::stdin().lock(), Source::Instruction, "standard input")?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Reads a file as text.
pub(crate) fn file(path: &Path, source: Source) -> Result<String, Failure> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&error, source, &shown))?;
    let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_folder {
        return Err(Failure::new(
            ErrorKind::Usage,
            format!("{} names {shown}, which is a folder.", source.name()),
            "Name a file.",
        ));
    }
    read_bounded(file, source, &shown)
}

/// Reads a file as one JSON value.
pub(crate) fn json_file(path: &Path, source: Source) -> Result<Value, Failure> {
    let text = file(path, source)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(
            ErrorKind::Contract,
            format!(
                "{} names {}, which is no JSON: {error}.",
                source.name(),
                path.display()
            ),
            "Mend the file at that line.",
        )
    })
}

fn read_bounded(reader: impl Read, source: Source, place: &str) -> Result<String, Failure> {
    let max_bytes = source.max_bytes();
    let mut bytes = Vec::new();
    let one_more = max_bytes as u64 + 1;
    reader
        .take(one_more)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error, source, place))?;
    if bytes.len() > max_bytes {
        return Err(Failure::new(
            ErrorKind::Contract,
            format!(
                "{place} holds more than {} KiB; {} takes at most that.",
                max_bytes / 1024,
                source.name()
            ),
            "Shorten it, or put it into a file of the repo and name the file.",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::new(
            ErrorKind::Contract,
            format!(
                "{place} is no UTF-8 text: byte {} is wrong.",
                error.utf8_error().valid_up_to() + 1
            ),
            "Convert it to UTF-8.",
        )
    })
}

fn unreadable(error: &io::Error, source: Source, place: &str) -> Failure {
    let why = match error.kind() {
        IoErrorKind::NotFound => "there is no such file".to_owned(),
        IoErrorKind::PermissionDenied => "you may not read it".to_owned(),
        IoErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    Failure::new(
        ErrorKind::Usage,
        format!(
            "{} names {place}, which cannot be read: {why}.",
            source.name()
        ),
        "Check the path.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(bytes: &[u8], source: Source) -> String {
        read_bounded(bytes, source, "brief.md").unwrap_err().message
    }

    #[test]
    fn a_text_at_the_bound_is_whole_and_one_byte_more_is_refused() {
        let full = vec![b'a'; MAX_BRIEF_BYTES];
        assert_eq!(
            read_bounded(&full[..], Source::Brief, "x").unwrap().len(),
            MAX_BRIEF_BYTES
        );
        let over = vec![b'a'; MAX_BRIEF_BYTES + 1];
        insta::assert_snapshot!(
            message_of(&over, Source::Brief),
            @"brief.md holds more than 256 KiB; --context takes at most that."
        );
    }

    #[test]
    fn an_endless_pipe_is_refused_too() {
        let error = read_bounded(io::repeat(b'a'), Source::Instruction, "standard input");
        assert_eq!(error.unwrap_err().kind, ErrorKind::Contract);
    }

    #[test]
    fn what_is_no_text_says_where() {
        insta::assert_snapshot!(
            message_of(b"ab\xff", Source::Brief),
            @"brief.md is no UTF-8 text: byte 3 is wrong."
        );
    }

    #[test]
    fn a_missing_file_a_folder_and_bad_json_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| {
            let failure = json_file(path, Source::Schema).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2);
            failure
                .message
                .replace(folder.path().to_str().unwrap(), "DIR")
        };
        let bad = folder.path().join("bad.json");
        std::fs::write(&bad, "{\n  \"type\": }").unwrap();
        insta::assert_snapshot!(
            message(&folder.path().join("none.json")),
            @"--schema names DIR/none.json, which cannot be read: there is no such file."
        );
        insta::assert_snapshot!(message(folder.path()), @"--schema names DIR, which is a folder.");
        insta::assert_snapshot!(
            message(&bad),
            @"--schema names DIR/bad.json, which is no JSON: expected value at line 2 column 11."
        );
    }
}
