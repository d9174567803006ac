//! Tables in plain text.
//!
//! Owns: aligning columns by what a terminal shows, not by bytes. Cells are cleaned on their way in, so no cell can
//! break the table or reach the terminal raw. Does not own: what stands in them.

use unicode_width::UnicodeWidthStr;

use crate::domain::SafeText;

/// Between two columns.
const GAP: &str = "  ";
/// Stands where nothing is known, so that columns can be told apart by programs too.
const NOTHING: &str = "-";

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with its headings and no row.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned());
        Self {
            rows: vec![headings.collect()],
        }
    }

    /// Adds a row; an empty cell shows a dash.
    pub(crate) fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cell = |text: C| match text.as_ref() {
            "" => NOTHING.to_owned(),
            text => SafeText::line_of(text).to_string(),
        };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// The text: columns aligned to the left, the last one ragged.
    pub(crate) fn render(&self) -> SafeText {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                line.push_str(&format!("{cell}{padding}{GAP}"));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        SafeText::of(&out)
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hostile_cells_stay_on_their_line() {
        let mut table = Table::new(&["PEER", "HEALTH", "WHY"]);
        table.row(["echo", "ready", ""]);
        table.row(["日本", "stopped\u{1b}[2J", "two\nlines"]);
        insta::assert_snapshot!(table.render(), @r"
        PEER  HEALTH       WHY
        echo  ready        -
        日本  stopped␛[2J  two␊lines
        ");
    }
}
