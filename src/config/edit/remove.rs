//! A peer goes.
//!
//! Owns: which bytes are its own: its lines under its headers with the comments between them, and the empty line before a
//! header. Comments above and below stay, because nobody can say whose they are.

use std::ops::Range;

use toml_edit::{InlineTable, Item, Key, Table, TableLike, Value};

use super::spot::last_value;
use super::{EditError, PEERS, line_end, line_start, parsed};
use crate::domain::PeerName;

pub(super) fn remove(text: &str, peer: &PeerName) -> Result<String, EditError> {
    let file = parsed(text)?;
    let unnamed = || EditError::Unnamed(peer.clone());
    let peers = file.as_table().get(PEERS).ok_or_else(unnamed)?;
    let mut found = Found {
        text,
        ranges: Vec::new(),
    };
    match peers {
        Item::Value(Value::InlineTable(table)) if !table.is_dotted() => {
            found.in_braces(table, peer)?;
        }
        Item::Value(_) | Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {
            let table = peers.as_table_like().ok_or_else(unnamed)?;
            let (key, item) = table.get_key_value(peer.as_str()).ok_or_else(unnamed)?;
            found.lines(key, item, peer)?;
        }
    }
    Ok(found.without())
}

struct Found<'a> {
    text: &'a str,
    ranges: Vec<Range<usize>>,
}

impl Found<'_> {
    /// All lines of an item, wherever they stand.
    fn lines(&mut self, key: &Key, item: &Item, peer: &PeerName) -> Result<(), EditError> {
        let form = || EditError::Form(format!("{PEERS}.{peer}"));
        match item {
            Item::Value(Value::InlineTable(table)) if table.is_dotted() => {
                self.children(table, peer)?;
            }
            Item::Value(value) => {
                let (key, value) = (key.span(), value.span());
                let (key, value) = key.zip(value).ok_or_else(form)?;
                self.ranges.push(self.whole_lines(key.start, value.end));
            }
            Item::Table(table) => match table
                .span()
                .filter(|_| !table.is_dotted() && !table.is_implicit())
            {
                Some(header) => {
                    self.block(header, table);
                    self.below(table, peer)?;
                }
                None => self.children(table, peer)?,
            },
            Item::ArrayOfTables(_) | Item::None => return Err(form()),
        }
        Ok(())
    }

    /// What a header holds goes with it, so only tables with headers of their own are left to look for.
    fn below(&mut self, table: &Table, peer: &PeerName) -> Result<(), EditError> {
        for (name, _) in table.iter() {
            if let Some((key, item @ Item::Table(inner))) = table.get_key_value(name)
                && !inner.is_dotted()
            {
                self.lines(key, item, peer)?;
            }
        }
        Ok(())
    }

    fn children(&mut self, table: &dyn TableLike, peer: &PeerName) -> Result<(), EditError> {
        for (name, _) in table.iter() {
            if let Some((key, item)) = table.get_key_value(name) {
                self.lines(key, item, peer)?;
            }
        }
        Ok(())
    }

    /// A header with its lines, and the empty line before it.
    fn block(&mut self, header: Range<usize>, table: &Table) {
        let end = last_value(table).map_or(header.end, |value| value.end.max(header.end));
        let mut range = self.whole_lines(header.start, end);
        if let Some(before) = without_newline(&self.text[..range.start])
            && (before.is_empty() || before.ends_with('\n'))
        {
            range.start = before.len();
        }
        self.ranges.push(range);
    }

    fn whole_lines(&self, start: usize, end: usize) -> Range<usize> {
        let end = line_end(self.text, end);
        let newline = self.text[end..].find('\n').map_or(0, |at| at + 1);
        line_start(self.text, start)..end + newline
    }

    /// An entry between braces, with the comma that parts it from its neighbour.
    fn in_braces(&mut self, table: &InlineTable, peer: &PeerName) -> Result<(), EditError> {
        let form = || EditError::Form(format!("{PEERS}.{peer}"));
        let mut entries = Vec::new();
        for (name, value) in table.iter() {
            let key = table.key(name).and_then(Key::span);
            let (key, value) = key.zip(value.span()).ok_or_else(form)?;
            entries.push((name, key.start..value.end));
        }
        let at = entries
            .iter()
            .position(|(name, _)| *name == peer.as_str())
            .ok_or_else(|| EditError::Unnamed(peer.clone()))?;
        let own = entries[at].1.clone();
        let range = match (
            at.checked_sub(1).and_then(|at| entries.get(at)),
            entries.get(at + 1),
        ) {
            (Some((_, before)), _) => before.end..own.end,
            (None, Some((_, after))) => own.start..after.start,
            (None, None) => own,
        };
        self.ranges.push(range);
        Ok(())
    }

    /// The text without what was found. A last line without an end stays one.
    fn without(mut self) -> String {
        self.ranges.sort_by_key(|range| range.start);
        let mut out = String::new();
        let mut at = 0;
        for range in &self.ranges {
            out.push_str(&self.text[at..range.start.max(at)]);
            at = at.max(range.end);
        }
        let cut_the_end = at == self.text.len() && !self.text.ends_with('\n');
        if cut_the_end && let Some(shorter) = without_newline(&out) {
            out.truncate(shorter.len());
        }
        out.push_str(&self.text[at..]);
        out
    }
}

fn without_newline(text: &str) -> Option<&str> {
    let shorter = text.strip_suffix('\n')?;
    Some(shorter.strip_suffix('\r').unwrap_or(shorter))
}
