//! Text of others, and the form of it that may be shown.
//!
//! Owns: [`PeerText`] (as it was said; cannot be displayed) and [`SafeText`] (what a terminal may get). Stored bytes
//! stay raw, so that checks and diffs see what was said.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text from a peer, a repo or a file, exactly as it came. It has no `Display`: show [`PeerText::safe`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerText(String);

impl PeerText {
    /// Takes text as it came.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came: for storing, comparing and checking, never for showing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text with everything made visible that a terminal would obey; newlines and tabs stay.
    #[must_use]
    pub fn safe(&self) -> SafeText {
        SafeText::of(&self.0)
    }

    /// The same on one line: newlines and tabs become visible too.
    #[must_use]
    pub fn safe_line(&self) -> SafeText {
        SafeText::line_of(&self.0)
    }
}

impl<T: Into<String>> From<T> for PeerText {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Text in which nothing is left that a terminal would obey. It cannot be made but by cleaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeText(String);

impl SafeText {
    /// Cleans a text of any origin; newlines and tabs stay, `\r\n` becomes a newline.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        for c in text.replace("\r\n", "\n").chars() {
            push_visible(&mut out, c, true);
        }
        Self(out)
    }

    /// Cleans a text of any origin onto one line.
    #[must_use]
    pub fn line_of(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            push_visible(&mut out, c, false);
        }
        Self(out)
    }

    /// The clean text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a terminal may get this character as it is.
    #[must_use]
    pub fn is_safe(c: char) -> bool {
        !(c.is_control() || is_invisible(c))
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn push_visible(out: &mut String, c: char, keep_layout: bool) {
    match c {
        '\n' | '\t' if keep_layout => out.push(c),
        // The control pictures of Unicode stand at U+2400 in the order of the controls.
        '\0'..='\x1f' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\x7f' => out.push('\u{2421}'),
        _ if SafeText::is_safe(c) => out.push(c),
        _ => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
    }
}

/// Characters without a glyph that change how others are read: bidi controls, line separators, zero-width signs, tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn makes_visible_what_a_terminal_would_obey() {
        assert_eq!(SafeText::of("\u{1b}[2J").as_str(), "␛[2J");
        assert_eq!(SafeText::of("\u{9b}31m").as_str(), "<U+009B>31m");
        assert_eq!(SafeText::of("a\u{202e}b").as_str(), "a<U+202E>b");
        assert_eq!(SafeText::of("\u{e0041}").as_str(), "<U+E0041>");
        assert_eq!(SafeText::of("\u{7f}").as_str(), "␡");
        assert_eq!(SafeText::of("漢字 é 🙂").as_str(), "漢字 é 🙂");
    }

    #[test]
    fn keeps_lines_and_tabs_or_shows_them_on_one_line() {
        assert_eq!(SafeText::of("a\r\nb\tc\rd").as_str(), "a\nb\tc␍d");
        assert_eq!(SafeText::line_of("a\r\nb\tc").as_str(), "a␍␊b␉c");
    }

    #[test]
    fn pads_like_any_text() {
        assert_eq!(format!("{:5}|", SafeText::of("ab")), "ab   |");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text: String) {
            let line = SafeText::line_of(&text);
            prop_assert!(line.as_str().chars().all(SafeText::is_safe));
            let safe = SafeText::of(&text);
            prop_assert!(safe.as_str().chars().all(|c| matches!(c, '\n' | '\t') || SafeText::is_safe(c)));
        }

        #[test]
        fn cleaning_twice_changes_nothing(text: String) {
            let once = SafeText::of(&text);
            prop_assert_eq!(&SafeText::of(once.as_str()), &once);
            let line = SafeText::line_of(&text);
            prop_assert_eq!(&SafeText::line_of(line.as_str()), &line);
        }

        #[test]
        fn harmless_text_is_unchanged(text in "[ -~äöüß漢]{0,40}") {
            let safe = SafeText::of(&text);
            prop_assert_eq!(safe.as_str(), text.as_str());
        }

        #[test]
        fn as_many_lines_stay_as_there_were(text in "[a-z\\n]{0,40}") {
            let (safe, lines) = (SafeText::of(&text), text.matches('\n').count());
            prop_assert_eq!(safe.as_str().matches('\n').count(), lines);
        }

        #[test]
        fn what_was_said_is_kept_raw(text: String) {
            let said = PeerText::new(text.clone());
            prop_assert_eq!(said.raw(), text.as_str());
        }
    }
}
