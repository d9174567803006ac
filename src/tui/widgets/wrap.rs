//! Text into rows of a width.
//!
//! Owns: wrapping at words, and clipping with a visible mark. Works on text that was made safe already.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The byte ranges of the rows that one line of text takes at a width; at least one, even for the empty line.
pub(crate) fn wrap(text: &str, width: u16) -> Vec<Range<usize>> {
    let width = usize::from(width.max(2));
    let mut rows = Vec::new();
    let (mut start, mut used, mut last_space) = (0, 0, None);
    for (at, c) in text.char_indices() {
        let columns = c.width().unwrap_or(0);
        // Twice where the rest behind a space leaves no room for a wide character.
        while used + columns > width && start < at {
            // A row breaks behind its last space; a word longer than a row breaks where it must.
            let end = last_space.take().unwrap_or(at);
            rows.push(start..end);
            start = end;
            used = text[start..at].width();
        }
        used += columns;
        if c == ' ' {
            last_space = Some(at + 1);
        }
    }
    rows.push(start..text.len());
    rows
}

/// The text if it fits into `width` columns, else its beginning and `…`.
pub(crate) fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns + 1 > width {
            break;
        }
        out.push(c);
        used += columns;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, width: u16) -> Vec<&str> {
        wrap(text, width)
            .into_iter()
            .map(|row| &text[row])
            .collect()
    }

    #[test]
    fn breaks_behind_words_and_inside_long_ones() {
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(rows("", 3), [""]);
        assert_eq!(rows("漢字漢字", 5), ["漢字", "漢字"]);
    }

    #[test]
    fn clips_with_a_mark() {
        assert_eq!(clip("hello", 5), "hello");
        assert_eq!(clip("hello!", 5), "hell…");
        assert_eq!(clip("漢字漢", 5), "漢字…");
        assert_eq!(clip("x", 0), "");
    }

    proptest! {
        #[test]
        fn loses_nothing_and_keeps_the_width(text in "[a-z 漢é]{0,80}", width in 2u16..20) {
            let rows = rows(&text, width);
            prop_assert_eq!(rows.concat(), text.clone());
            for row in rows {
                prop_assert!(row.width() <= usize::from(width));
            }
        }

        #[test]
        fn a_clip_fits(text in "\\PC{0,40}", width in 0usize..20) {
            prop_assert!(clip(&text, width).width() <= width.max(text.width().min(width)));
        }
    }
}
