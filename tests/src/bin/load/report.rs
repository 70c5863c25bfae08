//! Tables, on the terminal and between the markers of a document.

use std::fmt::Write as _;
use std::path::Path;

/// What one scenario found.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The name in the markers.
    pub(crate) name: &'static str,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What limits, and how it was measured.
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// Returns the table as Markdown, with its notes below.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &[String]| writeln!(text, "| {} |", cells.join(" | "));
        let written = line(&self.header)
            .and_then(|()| line(&vec!["---".to_owned(); self.header.len()]))
            .and_then(|()| self.rows.iter().try_for_each(|row| line(row)));
        written.expect("text can be written to memory");
        for note in &self.notes {
            write!(text, "\n- {note}").expect("text can be written to memory");
        }
        text.push('\n');
        text
    }
}

/// Returns the names of columns.
pub(crate) fn header<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(ToOwned::to_owned).to_vec()
}

/// The tables of one run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    tables: Vec<Table>,
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, tables: Vec::new() }
    }

    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Replaces what stands between the markers of each table that was made; a table without markers is added at
    /// the end of the file.
    pub(crate) fn write(&self, path: &Path) {
        let mut text = std::fs::read_to_string(path).unwrap_or_default();
        for table in &self.tables {
            text = replaced(&text, table.name, &format!("Machine: {}.\n\n{}", self.machine, table.text()));
        }
        std::fs::write(path, text).expect("the report can be written");
    }
}

fn replaced(text: &str, name: &str, inside: &str) -> String {
    let (begin, end) = (format!("<!-- load: {name} -->\n"), format!("<!-- end: {name} -->\n"));
    if let Some((before, rest)) = text.split_once(&begin)
        && let Some((_, after)) = rest.split_once(&end)
    {
        return format!("{before}{begin}{inside}{end}{after}");
    }
    format!("{text}\n{begin}{inside}{end}")
}

/// Returns a rate as people read it.
pub(crate) fn rate(rate: f64) -> String {
    format!("{rate:.0}/s")
}

/// Returns a number of things as people read it: `1,000,000`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Returns a ratio that nothing is wanted of.
pub(crate) fn ratio(found: f64) -> String {
    format!("{found:.2}")
}

/// Returns milliseconds as people read them.
pub(crate) fn ms(milliseconds: f64) -> String {
    format!("{milliseconds:.2} ms")
}

/// Returns a ratio beside the one that is wanted, and says in words when it is not met.
pub(crate) fn target(found: f64, wanted: &str, met: bool) -> String {
    let miss = if met { "" } else { ", missed" };
    format!("{found:.2} (target {wanted}{miss})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cell: &str) -> Table {
        Table {
            name: "t",
            header: header(["a", "b"]),
            rows: vec![vec![cell.into(), "2".into()]],
            notes: vec!["n".into()],
        }
    }

    #[test]
    fn a_table_is_markdown() {
        assert_eq!(table("1").text(), "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- n\n");
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.md");
        std::fs::write(&path, "head\n<!-- load: t -->\nold\n<!-- end: t -->\ntail\n").unwrap();
        for cell in ["1", "3"] {
            let mut report = Report::new("m".into());
            report.add(table(cell));
            report.write(&path);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("head\n<!-- load: t -->\nMachine: m.\n"), "{text}");
        assert!(text.ends_with("<!-- end: t -->\ntail\n"), "{text}");
        assert!(text.contains("| 3 | 2 |") && !text.contains("| 1 | 2 |") && !text.contains("old"), "{text}");
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([7, 999, 1_000, 1_234_567].map(count), ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_target_that_is_missed_is_said_to_be() {
        assert_eq!(target(0.2, ">= 0.15", true), "0.20 (target >= 0.15)");
        assert_eq!(target(0.1, ">= 0.15", false), "0.10 (target >= 0.15, missed)");
    }
}
