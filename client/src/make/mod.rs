//! Statements, made from values: one file a kind.
//!
//! Making is pure. Environment, working copy, clock and files come in as values, so the same step, run again, gives
//! the same bytes, and the ledger answers with the first entry. Of the kinds here only approvals, promotions and
//! deployments carry a time of their own.

mod build;
mod given;
mod ours;
mod sbom;
mod subject;
mod surroundings;

pub use build::{Build, Dependency, DependencyError};
pub use given::given;
pub use ours::{custody, source};
pub use sbom::{Sbom, SbomKind};
pub use subject::{Given, Subject, SubjectError};
pub use surroundings::{Missing, Surroundings, WorkingCopy};

use custody_evidence::json::JsonError;
use custody_evidence::statement::{StatementBuildError, StatementBuilder};

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
