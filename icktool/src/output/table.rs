//! Aligned tables: a header, columns as wide as they must be, no lines around anything.

use super::sanitise;
use anstyle::Style;
use std::fmt::Write;

/// One cell: text from wherever, made harmless when it is put in.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style.
    pub fn styled(text: &str, style: Style) -> Self {
        Self {
            text: sanitise::line(text),
            style,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::styled(text, Style::new())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// A table that is built row by row.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell for each column.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as text, nothing at all without rows; styles are escape sequences, which the stream it is written to may strip.
    pub fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut widths: Vec<usize> = self.header.iter().map(|h| h.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let mut text = String::new();
        let bold = Style::new().bold();
        let header: Vec<Cell> = self.header.iter().map(|h| Cell::styled(h, bold)).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let last = row.iter().rposition(|cell| !cell.text.is_empty());
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let style = cell.style;
                let _ = write!(text, "{style}{}{style:#}", cell.text);
                if last.is_none_or(|last| column >= last) {
                    break;
                }
                let pad = width.saturating_sub(cell.text.chars().count()) + 2;
                text.extend(std::iter::repeat_n(' ', pad));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_blank_ends() {
        let mut table = Table::new(&["BUILD", "STATUS", "WHY"]);
        table.row(vec!["hello/1".into(), "done".into(), "".into()]);
        table.row(vec![
            "x/12".into(),
            "triggered".into(),
            "no\nworker\x1b[2J".into(),
        ]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(
            plain,
            "BUILD    STATUS     WHY\n\
             hello/1  done\n\
             x/12     triggered  no worker\n"
        );
    }
}
