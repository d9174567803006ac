//! Tables as they stand in the file, with the place of every key.
//!
//! Owns: reading values of the right type, and refusing keys that nobody asked for. It goes on after a mistake, so that all
//! of them are told at once. Does not own: what the values mean.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problems;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    /// Byte offset in the file.
    pub(super) at: usize,
    /// Its key, with dots.
    pub(super) key: String,
}

impl<T> At<T> {
    /// Says what is wrong with it.
    pub(super) fn wrong(&self, problems: &mut Problems, says: impl fmt::Display) {
        problems.add(self.at, &self.key, says);
    }
}

/// One table of the file.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Its key, with dots; empty for the whole file.
    pub(super) key: String,
    /// Byte offset of its key.
    pub(super) at: usize,
    entries: BTreeMap<&'a str, (usize, &'a Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(key: String, at: usize, table: &'a DeTable<'a>) -> Self {
        let entries = table
            .iter()
            .map(|(name, value)| (name.get_ref().as_ref(), (name.span().start, value)));
        Self {
            key,
            at,
            entries: entries.collect(),
            known: Vec::new(),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.key.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.key)
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn find(&mut self, key: &'static str) -> Option<At<&'a DeValue<'a>>> {
        self.known.push(key);
        let (_, value) = self.entries.get(key)?;
        Some(At {
            value: value.get_ref(),
            at: value.span().start,
            key: self.path(key),
        })
    }

    /// A text on one line that is not empty: it becomes part of paths, addresses and command lines.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<At<String>> {
        let found = self.find(key)?;
        match found.value.as_str() {
            Some("") => {
                found.wrong(problems, "is empty; leave it out or fill it in");
                None
            }
            Some(text) if text.contains(char::is_control) => {
                found.wrong(
                    problems,
                    format_args!("is {text:?}; it takes a text without control characters"),
                );
                None
            }
            Some(text) => Some(At {
                value: text.to_owned(),
                at: found.at,
                key: found.key,
            }),
            None => {
                wrong_type(&found, "a text in quotes", problems);
                None
            }
        }
    }

    /// A word that a function knows; the function's error says what it takes.
    pub(super) fn word<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let text = self.text(key, problems)?;
        match read(&text.value) {
            Ok(value) => Some(At {
                value,
                at: text.at,
                key: text.key,
            }),
            Err(error) => {
                text.wrong(
                    problems,
                    format_args!("is {:?}; it takes {error}", text.value),
                );
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<At<u64>> {
        let found = self.find(key)?;
        let Some(number) = found.value.as_integer() else {
            wrong_type(&found, "a whole number", problems);
            return None;
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) if bounds.contains(&value) => Some(At {
                value,
                at: found.at,
                key: found.key,
            }),
            Ok(_) | Err(_) => {
                let takes = match *bounds.end() {
                    MAX_INTEGER => format!("{} or more", bounds.start()),
                    end => format!("{} to {end}", bounds.start()),
                };
                found.wrong(problems, format_args!("is {number}; it takes {takes}"));
                None
            }
        }
    }

    /// A number above zero.
    pub(super) fn amount(&mut self, key: &'static str, problems: &mut Problems) -> Option<At<f64>> {
        let found = self.find(key)?;
        let number = match found.value {
            DeValue::Integer(number) => number.to_string().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _not_a_number => {
                wrong_type(&found, "a number", problems);
                return None;
            }
        };
        match number {
            Some(value) if value.is_finite() && value > 0.0 => Some(At {
                value,
                at: found.at,
                key: found.key,
            }),
            Some(_) | None => {
                found.wrong(problems, "takes a number above 0");
                None
            }
        }
    }

    /// A list of texts, none of them empty or with a NUL, which no argument of a process can hold.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<At<Vec<At<String>>>> {
        let found = self.find(key)?;
        let Some(list) = found.value.as_array() else {
            wrong_type(&found, "a list of texts", problems);
            return None;
        };
        let mut value = Vec::new();
        for (number, item) in list.iter().enumerate() {
            let item_key = format!("{}[{number}]", found.key);
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(text) if text.contains('\0') => problems.add(
                    at,
                    &item_key,
                    format_args!("is {text:?}; it takes a text without \\u0000"),
                ),
                Some(text) if !text.is_empty() => value.push(At {
                    value: text.to_owned(),
                    at,
                    key: item_key,
                }),
                Some(_) => problems.add(at, &item_key, "is empty"),
                None => problems.add(at, &item_key, "is no text; it takes a text in quotes"),
            }
        }
        Some(At {
            value,
            at: found.at,
            key: found.key,
        })
    }

    /// A pair of ports.
    pub(super) fn ports(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<At<[u16; 2]>> {
        let found = self.find(key)?;
        let port = |item: &Spanned<DeValue<'_>>| {
            let number = item.get_ref().as_integer()?;
            u16::from_str_radix(number.as_str(), number.radix()).ok()
        };
        let ports: Option<Vec<u16>> = found
            .value
            .as_array()
            .and_then(|list| list.iter().map(port).collect());
        match ports.as_deref() {
            Some(&[first, last]) => Some(At {
                value: [first, last],
                at: found.at,
                key: found.key,
            }),
            Some(_) | None => {
                found.wrong(
                    problems,
                    "takes two ports, the first and the last: [9300, 9309]",
                );
                None
            }
        }
    }

    /// A table inside this one.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Section<'a>> {
        self.known.push(key);
        let (at, value) = *self.entries.get(key)?;
        self.table(key, at, value, problems)
    }

    /// Every entry as a table, in the order of the file.
    pub(super) fn sections(&self, problems: &mut Problems) -> Vec<(&'a str, Section<'a>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(_, (at, _))| *at);
        entries
            .into_iter()
            .filter_map(|(&name, &(at, value))| {
                Some((name, self.table(name, at, value, problems)?))
            })
            .collect()
    }

    fn table(
        &self,
        key: &str,
        at: usize,
        value: &'a Spanned<DeValue<'a>>,
        problems: &mut Problems,
    ) -> Option<Section<'a>> {
        let path = self.path(key);
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(path, at, table)),
            None => {
                let found = At {
                    value: value.get_ref(),
                    at: value.span().start,
                    key: path,
                };
                wrong_type(&found, "a table", problems);
                None
            }
        }
    }

    /// Refuses every key that was not asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        let known = self.known.join(", ");
        for (name, (at, _)) in &self.entries {
            if !self.known.contains(name) {
                let table = match self.key.as_str() {
                    "" => "the file".to_owned(),
                    key => format!("[{key}]"),
                };
                problems.add(
                    *at,
                    &self.path(name),
                    format_args!("is no key that {table} knows; it takes {known}"),
                );
            }
        }
    }
}

/// The largest whole number that TOML promises to keep.
pub(super) const MAX_INTEGER: u64 = i64::MAX as u64;

fn wrong_type(found: &At<&DeValue<'_>>, takes: &str, problems: &mut Problems) {
    let held = match found.value.type_str() {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        "table" => "a table",
        _other => "something else",
    };
    found.wrong(problems, format_args!("is {held}; it takes {takes}"));
}
