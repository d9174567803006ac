//! The last look at a frame before a terminal gets it.
//!
//! Owns: the sweep. Text is made safe where it comes in; this holds even if a view or a widget forgot it, because not
//! every widget filters what it draws.

use ratatui::buffer::Buffer;

use crate::domain::SafeText;

/// Longest symbol of one cell, in bytes: a base with a handful of combining marks. Longer ones are bombs.
const MAX_SYMBOL_BYTES: usize = 32;

/// Replaces every cell that a terminal would obey, or choke on, by U+FFFD.
pub(crate) fn sweep(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !is_clean(cell.symbol()) {
            cell.set_symbol("\u{fffd}");
        }
    }
}

/// Whether a cell's symbol may go to a terminal.
pub(crate) fn is_clean(symbol: &str) -> bool {
    symbol.len() <= MAX_SYMBOL_BYTES && symbol.chars().all(SafeText::is_safe)
}
