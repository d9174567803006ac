//! Where in the text a key's value stands, or where it would go.
//!
//! Owns: the ways in which TOML writes a table: under a header, in braces, with dots. Does not own: the text around it.

use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::setting::quoted;
use super::{EditError, line_end, line_start, newline_of};

/// A place for one value.
#[derive(Debug)]
pub(super) enum Spot {
    /// Its value stands there.
    There(Range<usize>),
    /// On a line of its own after the line that holds this byte, under these keys.
    Line(usize, Vec<String>),
    /// Inside braces, behind the value that ends here.
    Behind(usize, Vec<String>),
    /// Inside empty braces, of which the first ends here.
    Inside(usize, Vec<String>),
}

impl Spot {
    /// The place of this key.
    pub(super) fn of(file: &Document<&str>, path: &[String]) -> Result<Self, EditError> {
        let mut block = Block::Header(file.as_table());
        let mut table: &dyn TableLike = file.as_table();
        let mut dots = 0;
        for (at, key) in path.iter().enumerate() {
            let Some(item) = table.get(key) else {
                return block.spot(table, path, at - dots);
            };
            if at + 1 == path.len() {
                return there(item, path);
            }
            let form = || EditError::Form(path[..=at].join("."));
            table = item.as_table_like().ok_or_else(form)?;
            if table.is_dotted() {
                dots += 1;
            } else {
                block = Block::of(item).ok_or_else(form)?;
                dots = 0;
            }
        }
        Err(EditError::Form(path.join(".")))
    }

    /// The text with that value at this place.
    pub(super) fn put(self, text: &str, value: &str) -> String {
        let (range, new) = match self {
            Self::There(range) => (range, value.to_owned()),
            Self::Line(at, keys) => {
                let line = &text[line_start(text, at)..];
                let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
                let end = line_end(text, at);
                let newline = newline_of(text);
                let new = format!("{newline}{indent}{}", entry(&keys, value));
                (end..end, new)
            }
            Self::Behind(at, keys) => (at..at, format!(", {}", entry(&keys, value))),
            Self::Inside(at, keys) => (at..at, entry(&keys, value)),
        };
        format!("{}{new}{}", &text[..range.start], &text[range.end..])
    }
}

/// `a.b = value`.
fn entry(keys: &[String], value: &str) -> String {
    format!("{} = {value}", quoted(keys))
}

fn there(item: &Item, path: &[String]) -> Result<Spot, EditError> {
    let form = || EditError::Form(path.join("."));
    match item {
        Item::Value(Value::InlineTable(table)) if table.is_dotted() => Err(form()),
        Item::Value(value) => value.span().map(Spot::There).ok_or_else(form),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => Err(form()),
    }
}

/// What a table with dotted keys stands in.
enum Block<'a> {
    /// The file, or what stands under a header.
    Header(&'a Table),
    /// What stands in braces from this byte on.
    Braces(usize),
}

impl<'a> Block<'a> {
    fn of(item: &'a Item) -> Option<Self> {
        match item {
            Item::Table(table) => Some(Self::Header(table)),
            Item::Value(Value::InlineTable(table)) => Some(Self::Braces(table.span()?.start)),
            Item::Value(_) | Item::ArrayOfTables(_) | Item::None => None,
        }
    }

    /// The place of a key that is not there, in a table of this block; the keys of the path from `first` on lead to it.
    fn spot(
        &self,
        table: &dyn TableLike,
        path: &[String],
        first: usize,
    ) -> Result<Spot, EditError> {
        let keys = path[first..].to_vec();
        let last = last_value(table);
        match self {
            Self::Braces(start) => Ok(match last {
                Some(leaf) => Spot::Behind(leaf.end, keys),
                None => Spot::Inside(start + 1, keys),
            }),
            Self::Header(header) => {
                // One that only its children's headers imply has no lines that another could join.
                let own = || header.span().filter(|span| !span.is_empty());
                let at = last.or_else(own).map(|leaf| leaf.end);
                let at = at.filter(|_| !header.is_implicit());
                at.map(|at| Spot::Line(at, keys))
                    .ok_or_else(|| EditError::Form(path[..path.len() - 1].join(".")))
            }
        }
    }
}

/// The last value that stands in this table itself, also behind dots; not under a header of its own.
pub(super) fn last_value(table: &dyn TableLike) -> Option<Range<usize>> {
    let spans = table.iter().filter_map(|(_, item)| match item {
        Item::Value(Value::InlineTable(inner)) if inner.is_dotted() => last_value(inner),
        Item::Value(value) => value.span(),
        Item::Table(inner) if inner.is_dotted() => last_value(inner),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => None,
    });
    spans.max_by_key(|span| span.end)
}
