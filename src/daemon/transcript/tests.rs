//! Tests of transcripts: torn at every byte, hostile names, planted links, batches.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::control::{Direction, LineKind, TranscriptLine};
use crate::daemon::store::TranscriptPlace;
use crate::domain::{DispatchId, PeerText};

fn place(base: &Path) -> TranscriptPlace {
    TranscriptPlace {
        base: base.to_owned(),
        rel: PathBuf::from("transcripts/main/echo/out/c-1.jsonl"),
        offset: Some(0),
        seq: 0,
    }
}

fn line(id: DispatchId, text: &str) -> TranscriptLine {
    TranscriptLine {
        v: 1,
        seq: 0,
        event: Some(1),
        at: "2026-11-21T00:00:00.000Z".to_owned(),
        kind: LineKind::Delta,
        dispatch_id: id,
        task_id: None,
        message_id: None,
        direction: Direction::In,
        parts: Vec::new(),
        delta: Some(PeerText::new(text)),
        state: None,
        usage: None,
    }
}

fn texts(place: &TranscriptPlace, id: DispatchId) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    for_each(place, id, |line| {
        let text = line.delta.map(|d| d.raw().to_owned()).unwrap_or_default();
        seen.push((line.seq, text));
    })
    .unwrap();
    seen
}

#[test]
fn torn_at_every_byte_it_goes_on_from_the_last_whole_line() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path());
    let id = DispatchId::mint();
    let (mut writer, _) = Writer::open(&place).unwrap();
    let before = 2;
    writer
        .append(&mut [line(id, "one"), line(id, "t\u{1b}[2Jwo\né")])
        .unwrap();
    let whole = writer.bytes();
    writer.append(&mut [line(id, "three")]).unwrap();
    let path = place.base.join(&place.rel);
    let all = std::fs::read(&path).unwrap();
    for cut in usize::try_from(whole).unwrap()..all.len() {
        std::fs::write(&path, &all[..cut]).unwrap();
        assert_eq!(texts(&place, id).len(), before, "a torn line is no line");
        let (mut writer, healed) = Writer::open(&place).unwrap();
        let torn = cut as u64 - whole;
        assert_eq!(healed, (torn > 0).then_some(Healed { bytes: torn }));
        writer.append(&mut [line(id, "again")]).unwrap();
        let seen = texts(&place, id);
        assert_eq!(seen.last().unwrap(), &(3, "again".to_owned()));
        assert_eq!(seen[1].1, "t\u{1b}[2Jwo\né", "text is kept unchanged");
    }
}

#[test]
fn a_line_that_does_not_read_is_skipped_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path());
    let id = DispatchId::mint();
    let (mut writer, _) = Writer::open(&place).unwrap();
    writer.append(&mut [line(id, "one")]).unwrap();
    let path = place.base.join(&place.rel);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\0\0garbage\n");
    std::fs::write(&path, &bytes).unwrap();
    let (mut writer, healed) = Writer::open(&place).unwrap();
    assert_eq!(healed, None);
    writer.append(&mut [line(id, "two")]).unwrap();
    assert_eq!(
        texts(&place, id),
        [(1, "one".to_owned()), (2, "two".to_owned())]
    );
    assert!(std::fs::read(&path).unwrap().starts_with(&bytes));
}

#[test]
fn files_and_folders_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path());
    drop(Writer::open(&place).unwrap());
    let mode = |rel: &str| {
        let meta = std::fs::metadata(dir.path().join(rel)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode("transcripts/main/echo/out/c-1.jsonl"), 0o600);
    assert_eq!(mode("transcripts/main/echo"), 0o700);
}

#[test]
fn a_link_anywhere_below_the_base_is_refused() {
    let parts = ["transcripts", "main", "echo", "out", "c-1.jsonl"];
    for at in 0..parts.len() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = place(dir.path());
        let parent: PathBuf = parts[..at].iter().collect();
        std::fs::create_dir_all(dir.path().join(&parent)).unwrap();
        let target = elsewhere.path().join("target");
        if at + 1 == parts.len() {
            std::fs::write(&target, b"precious").unwrap();
        } else {
            std::fs::create_dir_all(
                target.join(parts[at + 1..].iter().take(3).collect::<PathBuf>()),
            )
            .unwrap();
        }
        std::os::unix::fs::symlink(&target, dir.path().join(&parent).join(parts[at])).unwrap();
        let error = Writer::open(&place).unwrap_err();
        assert!(matches!(error, TranscriptError::NotPlain { .. }), "{error}");
        assert!(for_each(&place, DispatchId::mint(), |_| ()).is_err());
    }
}

#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path());
    let path = place.base.join(&place.rel);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(Writer::open(&place).is_err());
    assert!(for_each(&place, DispatchId::mint(), |_| ()).is_err());
}

#[test]
fn hostile_ids_neither_escape_nor_collide() {
    let mut ids: HashSet<String> = [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        "CON",
        "a\0b",
        "Case",
        "case",
        "CASE",
        "a/b",
        "a-b",
        "a_b",
        "ﬁ",
        "fi",
        "é",
        "e\u{301}",
        "\u{202e}txt",
        "-rf",
        "~",
        "$HOME",
        "a\nb",
        "a.jsonl",
        "a.jsonl/",
    ]
    .map(str::to_owned)
    .into();
    for i in 0..5_000_u32 {
        let tricks = ["../", "\0", "A", "a", "/", "\u{1b}", "ß", "ss", " ", "."];
        let trick = |n: u32| tricks[(i.wrapping_mul(2_654_435_761) >> n) as usize % tricks.len()];
        ids.insert(format!("{}{}{i}{}", trick(3), trick(11), trick(19)));
        ids.insert("x".repeat(i as usize));
    }
    let mut names = HashSet::new();
    for id in &ids {
        let name = context_file(id);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let stem = name.strip_suffix(".jsonl").unwrap();
        assert!(stem.chars().all(plain) && !stem.starts_with('-'), "{name}");
        assert!(name.len() <= 80, "{name}");
        assert!(names.insert(name), "{id:?} collides");
    }
    assert_eq!(names.len(), ids.len());
}

#[test]
fn batches_are_bounded_and_stop_at_the_next_dispatch() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path());
    let (first, second) = (DispatchId::mint(), DispatchId::mint());
    let (mut writer, _) = Writer::open(&place).unwrap();
    let big = "x".repeat(400 * 1024);
    writer
        .append(&mut [line(first, &big), line(first, &big), line(first, &big)])
        .unwrap();
    let offset = writer.bytes();
    writer.append(&mut [line(second, "b")]).unwrap();
    let start = Cursor { offset: 0 };
    let batch = read(&place, first, start, 0, 100).unwrap();
    assert_eq!(batch.lines.len(), 2, "a batch has a bound in bytes");
    let at = Cursor {
        offset: batch.end_offset,
    };
    let rest = read(&place, first, at, 3, 100).unwrap();
    assert_eq!(rest.lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [3]);
    assert_eq!(rest.end_offset, offset);
    let other = read(&place, second, Cursor { offset }, 0, 100).unwrap();
    assert_eq!(other.lines[0].seq, 4);
    assert_eq!(read(&place, first, start, 0, 1).unwrap().lines.len(), 1);
}

#[test]
fn a_remembered_place_is_the_nearest_before() {
    let mut cursors = Cursors::default();
    let id = DispatchId::mint();
    cursors.remember(id, 10, Cursor { offset: 100 });
    cursors.remember(id, 20, Cursor { offset: 200 });
    assert_eq!(cursors.before(id, 9), None);
    assert_eq!(cursors.before(id, 19), Some(Cursor { offset: 100 }));
    assert_eq!(cursors.before(id, 25), Some(Cursor { offset: 200 }));
    assert_eq!(cursors.before(DispatchId::mint(), 25), None);
}

proptest! {
    #[test]
    fn any_text_reads_back_as_it_was_written(text in "\\PC*|[\\x00-\\x1f]*") {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let id = DispatchId::mint();
        let (mut writer, _) = Writer::open(&place).unwrap();
        writer.append(&mut [line(id, &text)]).unwrap();
        prop_assert_eq!(texts(&place, id), [(1, text)]);
    }
}
