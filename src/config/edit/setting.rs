//! A key and its value, as a person typed them.
//!
//! Owns: reading both, and how the value is written into the file. Does not own: what a key takes.

use toml_edit::{Key, Value};

use super::EditError;

/// A key of a peer and the value it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    path: Vec<String>,
    value: Given,
}

/// How a value was given.
#[derive(Debug, Clone, PartialEq)]
enum Given {
    /// A text, whatever it looks like.
    Text(String),
    /// Whatever TOML makes of it: `5` is a number; a text where TOML makes nothing of it.
    Typed(String),
}

impl Setting {
    /// A key that takes a text.
    #[must_use]
    pub fn text(key: &str, value: &str) -> Self {
        Self {
            path: vec![key.to_owned()],
            value: Given::Text(value.to_owned()),
        }
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(key: &str, values: &[String]) -> Self {
        let list: toml_edit::Array = values.iter().collect();
        Self {
            path: vec![key.to_owned()],
            value: Given::Typed(Value::from(list).to_string()),
        }
    }

    /// A key with dots, and a value as it was typed.
    ///
    /// # Errors
    /// [`EditError::Key`].
    pub fn typed(key: &str, value: &str) -> Result<Self, EditError> {
        let wrong = || EditError::Key(key.to_owned());
        let keys = Key::parse(key).map_err(|_no_key| wrong())?;
        let path: Vec<String> = keys.iter().map(|key| key.get().to_owned()).collect();
        if path.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            path,
            value: Given::Typed(value.to_owned()),
        })
    }

    /// The words of its key.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// Its key with dots.
    #[must_use]
    pub fn key(&self) -> String {
        self.path.join(".")
    }

    /// Whether its key has no dots.
    pub(super) fn is_plain(&self) -> bool {
        self.path.len() == 1
    }

    /// The same with its value taken as a text; `None` where it is one already.
    #[must_use]
    pub(in crate::config) fn as_text(&self) -> Option<Self> {
        let Given::Typed(typed) = &self.value else {
            return None;
        };
        match typed.trim().parse::<Value>() {
            Ok(Value::String(_)) | Err(_) => None,
            Ok(_) => Some(Self {
                path: self.path.clone(),
                value: Given::Text(typed.clone()),
            }),
        }
    }

    /// The value as it stands in the file.
    pub(super) fn literal(&self) -> String {
        match &self.value {
            Given::Text(text) => Value::from(text.as_str()).to_string(),
            Given::Typed(typed) => match typed.trim().parse::<Value>() {
                Ok(mut value) => {
                    value.decor_mut().clear();
                    value.to_string()
                }
                Err(_no_value) => Value::from(typed.as_str()).to_string(),
            },
        }
    }

    /// `key = value`.
    pub(super) fn line(&self) -> String {
        format!("{} = {}", quoted(&self.path), self.literal())
    }
}

/// Keys with dots between them, each in quotes where it needs them.
pub(super) fn quoted(path: &[String]) -> String {
    let keys = path.iter().map(|key| Key::new(key).to_string());
    keys.collect::<Vec<_>>().join(".")
}
