//! One dispatch as it streams, or as it streamed.
//!
//! Owns: the kept lines, their rows at the present width, and where the person looks. Bounded: what falls out at the top
//! is counted, and the view says where it can be read.

use std::collections::VecDeque;
use std::ops::Range;

use fleet_a2a::ext::Usage;

use crate::control::DispatchView;
use crate::domain::{DispatchId, Failure, PeerText};
use crate::tui::widgets::wrap;

/// Lines kept: what a person scrolls through; all of them are in the transcript.
pub(crate) const MAX_LINES: usize = 5_000;
/// Bytes of text kept.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// A line without an end is split here, so that each further piece wraps little.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// Reply text that is kept to recognise the final reply as already shown; a message has at most 1 MiB.
const MAX_HEARD_BYTES: usize = 1024 * 1024;

/// The stream view's subject.
#[derive(Debug)]
pub(crate) enum Stream {
    /// No dispatch was opened yet.
    Closed,
    Open(Box<StreamModel>),
}

/// An opened dispatch.
#[derive(Debug)]
pub(crate) struct StreamModel {
    pub(crate) view: DispatchView,
    pub(crate) feed: Feed,
    pub(crate) tail: Tail,
    /// The next sequence number wanted.
    pub(crate) next_seq: u64,
    /// The largest running totals seen in lines or snapshots.
    pub(crate) usage: Usage,
    lines: VecDeque<Line>,
    /// Lines that fell out at the top, or were never asked for.
    dropped: u64,
    bytes: usize,
    width: u16,
    /// The reply's text since the last other event.
    heard: String,
    open_line: OpenLine,
}

/// Whether lines still come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Feed {
    Live,
    Ended,
    /// The lines stopped coming; they are asked for again with the next snapshot.
    Broken(Failure),
}

/// Where the person looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// At the end, whatever comes.
    Following,
    /// At a row of a line, counted from the first line ever.
    Held { line: u64, row: usize },
}

/// What a line is, for its colour and its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Instruction,
    Reply,
    Thought,
    Tool,
    ToolResult,
    ToolError,
    Ask,
    Note,
    Warning,
    Good,
    Bad,
}

/// One line of text, safe, with its rows at the present width.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) ink: Ink,
    text: String,
    rows: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenLine {
    None,
    /// The last line has this ink and no end yet.
    Open(Ink),
}

impl Line {
    /// Its rows from top to bottom.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| &self.text[row.clone()])
    }
}

impl StreamModel {
    /// A dispatch just opened; `width` is what a row holds.
    pub(crate) fn new(view: DispatchView, width: u16) -> Self {
        let from = view.detail.transcript_seq.saturating_sub(MAX_LINES as u64);
        Self {
            feed: Feed::Live,
            tail: Tail::Following,
            next_seq: from + 1,
            usage: view.usage,
            lines: VecDeque::new(),
            dropped: from,
            bytes: 0,
            width,
            heard: String::new(),
            open_line: OpenLine::None,
            view,
        }
    }

    /// Which dispatch.
    pub(crate) fn id(&self) -> DispatchId {
        self.view.dispatch_id
    }

    /// The kept lines, oldest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// How many lines stand before the kept ones.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Adds text that follows the last of the same ink; a line ends only where the text says so.
    pub(crate) fn append(&mut self, ink: Ink, text: &PeerText) {
        if ink == Ink::Reply && self.heard.len() + text.raw().len() <= MAX_HEARD_BYTES {
            self.heard.push_str(text.raw());
        }
        let safe = text.safe();
        let goes_on = self.open_line == OpenLine::Open(ink);
        // Blank lines that only set a text apart from the one before it, such as a tool's, are not drawn.
        let shown = match goes_on {
            true => safe.as_str(),
            false => safe.as_str().trim_start_matches('\n'),
        };
        if shown.is_empty() {
            return;
        }
        for (i, piece) in shown.split('\n').enumerate() {
            let goes_on = i == 0 && goes_on;
            self.put(ink, piece, goes_on);
        }
        self.open_line = OpenLine::Open(ink);
        self.trim();
    }

    /// Adds whole lines behind whatever there is.
    pub(crate) fn push(&mut self, ink: Ink, text: &PeerText) {
        self.open_line = OpenLine::None;
        self.heard.clear();
        for piece in text.safe().as_str().split('\n') {
            self.put(ink, piece, false);
        }
        self.trim();
    }

    /// Whether the last lines are this text in this ink.
    pub(crate) fn ends_with(&self, ink: Ink, text: &PeerText) -> bool {
        let safe = text.safe();
        let mut wanted = safe.as_str().split('\n').rev();
        let mut have = self.lines.iter().rev();
        wanted.all(|piece| {
            have.next()
                .is_some_and(|line| line.ink == ink && line.text == piece)
        })
    }

    /// Whether a final reply is what was just shown piece by piece.
    pub(crate) fn heard(&self, reply: &str) -> bool {
        !reply.trim().is_empty() && self.heard.trim() == reply.trim()
    }

    fn put(&mut self, ink: Ink, piece: &str, goes_on: bool) {
        let piece = piece.replace('\t', "    ");
        let mut rest = piece.as_str();
        let mut goes_on = goes_on;
        loop {
            let room = match self.lines.back() {
                Some(last) if goes_on => MAX_LINE_BYTES.saturating_sub(last.text.len()),
                Some(_) | None => MAX_LINE_BYTES,
            };
            let (now, later) = rest.split_at(floor_boundary(rest, room));
            self.bytes += now.len();
            match self.lines.back_mut() {
                Some(last) if goes_on => {
                    last.text.push_str(now);
                    last.rows = wrap(&last.text, self.width);
                }
                Some(_) | None => self.lines.push_back(Line {
                    ink,
                    rows: wrap(now, self.width),
                    text: now.to_owned(),
                }),
            }
            if later.is_empty() {
                return;
            }
            (rest, goes_on) = (later, false);
        }
    }

    fn trim(&mut self) {
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(gone) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= gone.text.len();
            self.dropped += 1;
        }
    }

    /// Wraps everything anew when the width changed.
    pub(crate) fn set_width(&mut self, width: u16) {
        if self.width != width {
            self.width = width;
            for line in &mut self.lines {
                line.rows = wrap(&line.text, width);
            }
        }
    }

    fn total_rows(&self) -> usize {
        self.lines.iter().map(|line| line.rows.len()).sum()
    }

    /// The first row shown, counted from the first kept one, in a window of `height` rows.
    pub(crate) fn top_row(&self, height: usize) -> usize {
        let last_top = self.total_rows().saturating_sub(height);
        match self.tail {
            Tail::Following => last_top,
            Tail::Held { line, row } => {
                let above = usize::try_from(line.saturating_sub(self.dropped)).unwrap_or(0);
                let rows_above: usize = self.lines.iter().take(above).map(|l| l.rows.len()).sum();
                let inside = match self.lines.get(above) {
                    Some(held) if line >= self.dropped => row.min(held.rows.len() - 1),
                    Some(_) | None => 0,
                };
                (rows_above + inside).min(last_top)
            }
        }
    }

    /// Scrolls by rows; reaching the end follows again.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let last_top = self.total_rows().saturating_sub(height);
        let top = self.top_row(height).saturating_add_signed(by);
        if top >= last_top {
            self.tail = Tail::Following;
            return;
        }
        let mut above = 0;
        for (i, line) in self.lines.iter().enumerate() {
            if above + line.rows.len() > top {
                self.tail = Tail::Held {
                    line: self.dropped + i as u64,
                    row: top - above,
                };
                return;
            }
            above += line.rows.len();
        }
    }

    /// Rows below a window that is held.
    pub(crate) fn rows_below(&self, height: usize) -> usize {
        self.total_rows()
            .saturating_sub(self.top_row(height) + height)
    }
}

/// The largest boundary of a character at or below `limit`; at least the first character, so that splitting ends.
fn floor_boundary(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    (0..=limit)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
        .max(first)
}
