//! What a file says and what can be verified in it, without a server.
//!
//! A file is untrusted, and most of what it says is a claim. Four words tell what came of each check, and they never
//! look alike: `verified`, `failed`, `not_checked` (nothing here could tell), `unsupported` (made in a way that is not
//! read yet). That a document is well formed verifies nothing, and neither does an artifact that an unsigned document
//! names.

mod envelope;
mod receipt;
mod record;
mod sbom;
mod statement;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::Edge;
use custody_evidence::key::PublicKey;
use custody_log::note::VerifierKey;

use crate::document::{self, Kind};

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Checked, and it does not hold.
    Failed,
    /// Nothing here could tell.
    NotChecked,
    /// Made in a way that is not read yet, so not checked.
    Unsupported,
    /// Checked, and it holds.
    Verified,
}

impl Status {
    /// Returns the word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
            Self::Unsupported => "unsupported",
            Self::Verified => "verified",
        }
    }
}

/// A check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// What came of it.
    pub status: Status,
    /// More about it; holds text from the file.
    pub detail: String,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// What came of checking it.
    pub status: Status,
    /// The key that made it, when that was verified.
    pub key: Option<String>,
    /// What the file calls the key; nobody signed that.
    pub hint: String,
    /// More about it.
    pub detail: String,
}

/// What the caller expects of the file.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    /// The file is about an artifact with one of these digests.
    pub artifact: Option<Vec<Digest>>,
    /// The file is signed by this key.
    pub key: Option<ExpectedKey>,
}

/// A key that a signature is expected of.
#[derive(Debug, Clone)]
pub enum ExpectedKey {
    /// Of an envelope.
    Public(PublicKey),
    /// Of a log, for receipts.
    Log(VerifierKey),
    /// Of an algorithm that is not checked here, by its name.
    Unsupported(String),
}

/// What a file says, and what was verified.
#[derive(Debug, Clone)]
pub struct Report {
    /// The kind.
    pub kind: Kind,
    /// The predicate type of the statement in it.
    pub predicate: Option<String>,
    /// The digests of its subjects.
    pub subjects: Vec<String>,
    /// Its signatures.
    pub signers: Vec<Signer>,
    /// Every other check.
    pub checks: Vec<Check>,
    /// How many components the SBOM in it lists.
    pub components: Option<usize>,
    /// The facts that its statement asserts.
    pub facts: Vec<Edge>,
    /// What the reader left out of the facts, and why.
    pub warnings: Vec<String>,
    /// Whether a log could take it, if it trusts a signer: that it has the form that admission demands.
    pub admissible: bool,
    /// Why it could not.
    pub why: Option<String>,
}

/// What all checks together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Malformed, or a check or an expectation fails.
    Fails,
    /// Well formed, a signature verified, nothing failed, every expectation holds.
    Holds,
    /// Well formed, but nothing to verify it with.
    Undecided,
}

impl Report {
    /// Returns what all checks together say. Only a signature makes it [`Verdict::Holds`]: that an unsigned document
    /// names an artifact proves nothing about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let statuses =
            || self.checks.iter().map(|check| check.status).chain(self.signers.iter().map(|s| s.status));
        // An expectation that could not be checked does not hold.
        let open = self
            .checks
            .iter()
            .any(|check| matches!(check.name, "artifact" | "key") && check.status != Status::Verified);
        let signed = self.signers.iter().any(|signer| signer.status == Status::Verified);
        if statuses().any(|status| status == Status::Failed) {
            Verdict::Fails
        } else if signed && !open {
            Verdict::Holds
        } else {
            Verdict::Undecided
        }
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            predicate: None,
            subjects: Vec::new(),
            signers: Vec::new(),
            checks: Vec::new(),
            components: None,
            facts: Vec::new(),
            warnings: Vec::new(),
            admissible: false,
            why: None,
        }
    }

    fn check(&mut self, name: &'static str, status: Status, detail: impl Into<String>) {
        self.checks.push(Check { name, status, detail: detail.into() });
    }

    /// The document is not what its kind says.
    fn malformed(mut self, why: impl Into<String>) -> Self {
        let why = why.into();
        self.check("form", Status::Failed, why.clone());
        self.why = Some(why);
        self
    }

    /// Expectations that this kind of document cannot meet or break.
    fn unanswered(mut self, expected: &Expectations) -> Self {
        let name = self.kind.name();
        if expected.artifact.is_some() {
            self.check("artifact", Status::NotChecked, format!("{name} says nothing about artifacts"));
        }
        if expected.key.is_some() {
            self.check(
                "key",
                Status::NotChecked,
                format!("{name} carries no signature that this key could have made"),
            );
        }
        self
    }
}

/// Inspects a file. Pure: the same bytes and expectations give the same report.
#[must_use]
pub fn inspect(bytes: &[u8], expected: &Expectations) -> Report {
    let kind = document::kind(bytes);
    let report = Report::of(kind);
    match kind {
        Kind::Dsse => envelope::inspect(report, bytes, expected),
        Kind::Statement => statement::inspect(report, bytes, expected),
        Kind::CycloneDx | Kind::Spdx | Kind::OtherSbom => sbom::inspect(report, bytes, expected),
        Kind::Receipt => receipt::inspect(report, bytes, expected),
        Kind::Entry => receipt::inspect_entry(report, bytes).unanswered(expected),
        Kind::AdmissionRecord => record::inspect(report, bytes, expected),
        Kind::TrustDocument => record::inspect_trust(report, bytes).unanswered(expected),
        Kind::Unknown => report.malformed("nothing in it says what it is"),
        other => {
            let mut report = report;
            let why = if other == Kind::JsonLines {
                "inspect reads one document: split the file into its lines".to_owned()
            } else if other == Kind::OtherJson {
                "it is JSON, and nothing in it says what it is".to_owned()
            } else {
                format!("{} is recognised, but not read yet", other.name())
            };
            report.check("form", Status::Unsupported, why.clone());
            report.why = Some(why);
            report.unanswered(expected)
        }
    }
}

#[cfg(test)]
mod tests;
