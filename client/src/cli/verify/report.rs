//! What came out of `custody verify`, a line a file.

use std::fmt::Write as _;

use custody_client::{Level, Trust};
use custody_log::LeafIndex;
use serde_json::{Value, json};

use super::files::Given;
use crate::cli::failure::Outcome;
use crate::cli::output::escape_line;

/// What is known about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Checked to this level.
    Is(Level),
    /// A receipt whose entry is in the log; its admission record was not given, so it is not `logged`.
    Included,
    /// There is nothing to check it with.
    NotChecked,
    /// Checked, and it does not hold.
    Failed,
}

/// All verdicts.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    file: String,
    kind: &'static str,
    verdict: Verdict,
    index: Option<LeafIndex>,
    detail: String,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Is(Level::Logged) => "logged",
            Self::Is(Level::Verified) => "verified",
            Self::Included => "included",
            Self::NotChecked => "not_checked",
            Self::Failed => "failed",
        }
    }
}

impl Report {
    /// Adds a file.
    pub(super) fn add(&mut self, file: &Given, verdict: Verdict, index: Option<LeafIndex>, detail: String) {
        let (file, kind) = (file.path.display().to_string(), file.content.kind());
        self.rows.push(Row { file, kind, verdict, index, detail });
    }

    /// Returns the verdict of the receipt of an entry; the worst one, if there are several.
    pub(super) fn verdict_of(&self, index: LeafIndex) -> Option<Verdict> {
        let receipts = self.rows.iter().filter(|row| row.kind == "receipt" && row.index == Some(index));
        let verdicts: Vec<Verdict> = receipts.map(|row| row.verdict).collect();
        let failed = verdicts.iter().find(|verdict| **verdict == Verdict::Failed);
        failed.or(verdicts.first()).copied()
    }

    /// Returns the outcome: a failure is a no; a file that could not be checked is not known; else it is a yes.
    pub(super) fn outcome(&self) -> Outcome {
        let any = |verdict| self.rows.iter().any(|row| row.verdict == verdict);
        if any(Verdict::Failed) {
            Outcome::No
        } else if any(Verdict::NotChecked) {
            Outcome::Unknown
        } else {
            Outcome::Yes
        }
    }

    /// Returns the JSON document.
    pub(super) fn json(&self, trust: &Trust) -> Value {
        let files: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "file": row.file, "kind": row.kind, "status": row.verdict.word(),
                    "index": row.index.map(LeafIndex::get), "detail": row.detail,
                })
            })
            .collect();
        json!({
            "verified": self.outcome() == Outcome::Yes,
            "files": files,
            "pin": trust.pin().to_string(),
            "complete_to": trust.complete_to().get(),
        })
    }

    /// Returns the lines for people.
    pub(super) fn text(&self, trust: &Trust) -> String {
        let width = self.rows.iter().map(|row| row.file.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for row in &self.rows {
            let entry = row.index.map_or_else(String::new, |index| format!("entry {index}: "));
            let _ = writeln!(
                text,
                "{:<width$}  {:<11}  {entry}{}",
                escape_line(&row.file),
                row.verdict.word().replace('_', " "),
                escape_line(&row.detail)
            );
        }
        let _ = writeln!(
            text,
            "\nchecked offline with the trust of {}, which is complete up to tree size {}",
            trust.pin().origin,
            trust.complete_to()
        );
        text
    }
}
