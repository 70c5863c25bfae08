//! Statements, made from values: one file a kind.
//!
//! Making is pure. Environment, working copy, clock and files come in as values, so the same step, run again, gives
//! the same bytes, and the ledger answers with the first entry. Approvals, promotions, deployments, snapshots, tags,
//! publications and distributions carry a time of their own; it comes in as a value, too.

mod build;
mod given;
mod ours;
mod relayed;
mod run;
mod sbom;
mod scan;
mod snapshot;
mod subject;
mod surroundings;
mod test_result;

pub use build::{Build, Dependency, DependencyError};
pub use given::given;
pub use ours::{custody, source};
pub use relayed::relayed;
pub use run::{run, with_workflow};
pub use sbom::{Sbom, SbomKind};
pub use scan::Report;
pub use snapshot::{Seen, snapshot};
pub use subject::{Given, Subject, SubjectError};
pub use surroundings::{Missing, Surroundings, WorkingCopy};
pub use test_result::{Configuration, TestOutcome, TestResult, TestResultError};

use custody_evidence::json::JsonError;
use custody_evidence::statement::{StatementBuildError, StatementBuilder, StatementError};

/// A statement that is ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The type of its predicate.
    pub predicate_type: String,
    /// The statement's exact bytes.
    pub payload: Vec<u8>,
}

/// Why no statement was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// A statement must be about something.
    #[error("the statement has no subject")]
    NoSubject,
    /// The file is not JSON that may be signed: duplicate members, too deep, not UTF-8, or not JSON at all.
    #[error("the predicate cannot be signed as it is: {0}")]
    Json(#[from] JsonError),
    /// The document is not of a kind that this command records.
    #[error("the document is neither CycloneDX nor SPDX in JSON: {why}")]
    NotAnSbom {
        /// What it is instead.
        why: String,
    },
    /// The document is none that a scanner writes.
    #[error(
        "expected a report in SARIF 2.1 or 2.2, of grype, trivy or OSV-Scanner, or an OpenVEX document, in JSON: {why}"
    )]
    NotAScan {
        /// What it is instead.
        why: String,
    },
    /// A report that does not say what was found: the scanner failed, or did not name it.
    #[error("the report is not whole, and might look cleaner than what was scanned is: {why}")]
    NotWhole {
        /// What is wrong with it.
        why: String,
    },
    /// More than a statement holds.
    #[error("at most {max} {what} fit into one statement, found {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A statement that was made elsewhere is none that can be recorded.
    #[error("the statement cannot be signed as it is: {0}")]
    Relayed(#[from] StatementError),
    /// A statement that administers the ledger, which nobody relays.
    #[error(
        "statements of type {predicate_type} administer the ledger: they are for its roles, and never relayed"
    )]
    Administrative {
        /// The type.
        predicate_type: String,
    },
    /// The parts do not make a statement.
    #[error(transparent)]
    Statement(#[from] StatementBuildError),
}

/// Makes the bytes. Subjects are sorted and equal ones dropped, so that the order of files in a folder, or a file
/// named twice, changes nothing.
fn statement(predicate_type: &str, subjects: &[Subject], predicate: &[u8]) -> Result<Made, MakeError> {
    if subjects.is_empty() {
        return Err(MakeError::NoSubject);
    }
    let sorted: std::collections::BTreeSet<&Subject> = subjects.iter().collect();
    let start = StatementBuilder::new(predicate_type);
    let builder = sorted.into_iter().fold(start, |builder, subject| {
        builder.subject(subject.name.as_str(), subject.digests.iter().cloned())
    });
    Ok(Made { predicate_type: predicate_type.to_owned(), payload: builder.predicate(predicate)? })
}

#[cfg(test)]
mod tests;
