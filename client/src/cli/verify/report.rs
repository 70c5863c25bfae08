//! What came out of `custody verify`, a line a file.

use std::fmt::Write as _;

use custody_client::{Level, Trust};
use custody_log::LeafIndex;
use serde_json::{Value, json};

use super::files::Given;
use crate::cli::failure::Outcome;
use crate::cli::find::Verify;
use crate::cli::output::escape_line;

/// What is known about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Checked to this level.
    Is(Level),
    /// A receipt whose entry is in the log; its admission record was not given, so it is not `logged`.
    Included,
    /// A receipt whose entry is in the log, and of which a redaction left nothing else.
    Redacted,
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
            Self::Redacted => "redacted",
            Self::NotChecked => "not_checked",
            Self::Failed => "failed",
        }
    }

    /// Orders verdicts: the more is known to hold, the larger.
    pub(super) const fn strength(self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::NotChecked => 1,
            Self::Included => 2,
            Self::Redacted => 3,
            Self::Is(Level::Logged) => 4,
            Self::Is(Level::Verified) => 5,
        }
    }

    /// Whether this is as much as the user asks for.
    fn suffices(self, accepted: Verify) -> bool {
        match self {
            Self::Is(Level::Verified) => true,
            Self::Is(Level::Logged) => accepted == Verify::Logged,
            Self::Included | Self::Redacted | Self::NotChecked | Self::Failed => false,
        }
    }
}

impl Report {
    /// Adds a file.
    pub(super) fn add(&mut self, file: &Given, verdict: Verdict, index: Option<LeafIndex>, detail: String) {
        let (file, kind) = (file.path.display().to_string(), file.content.kind());
        self.rows.push(Row { file, kind, verdict, index, detail });
    }

    /// Returns the outcome: a failure is a no; it is a yes only if every file is verified, or logged where that
    /// is accepted; else it is not known.
    pub(super) fn outcome(&self, accepted: Verify) -> Outcome {
        if self.rows.iter().any(|row| row.verdict == Verdict::Failed) {
            Outcome::No
        } else if self.rows.iter().all(|row| row.verdict.suffices(accepted)) {
            Outcome::Yes
        } else {
            Outcome::Unknown
        }
    }

    /// Says what would have to be given for a yes.
    pub(super) fn lacking(&self, accepted: Verify) -> String {
        let any = |verdict| self.rows.iter().any(|row| row.verdict == verdict);
        let mut said = Vec::new();
        if any(Verdict::Redacted) {
            said.push("what was redacted cannot be verified any more, only that it is in the log");
        }
        if any(Verdict::Included) {
            said.push("a receipt alone proves that the entry is in the log, not what it says");
        }
        if any(Verdict::Is(Level::Logged)) && accepted == Verify::Full {
            said.push("without the envelope no signature was checked (`--verify logged` accepts that)");
        }
        if any(Verdict::NotChecked) {
            said.push("there is nothing to check some of the files with");
        }
        format!(
            "{}; `custody show ENTRY --save DIR` writes receipt, admission record and envelope of an entry",
            said.join("; ")
        )
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
            "verified": self.rows.iter().all(|row| row.verdict == Verdict::Is(Level::Verified)),
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
            escape_line(trust.pin().origin.as_str()),
            trust.complete_to()
        );
        text
    }
}
