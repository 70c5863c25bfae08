//! Making statements: deterministic bytes, with the predicate embedded as it is.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Statement, StatementError};
use crate::digest_set::Digest;

/// Makes an in-toto Statement v1.
///
/// The same calls give the same bytes, so that a step that runs again records the same content.
#[derive(Debug, Clone)]
pub struct StatementBuilder {
    predicate_type: String,
    subjects: Vec<BuiltSubject>,
}

/// Why no statement was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementBuildError {
    /// What was given does not make a statement that [`Statement::parse`] accepts.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The predicate is not JSON.
    #[error("the predicate is not JSON: {why}")]
    Predicate {
        /// What the parser says, with line and column.
        why: String,
    },
}

#[derive(Debug, Clone, Serialize)]
struct BuiltSubject {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    digest: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Built<'a> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: &'a [BuiltSubject],
    predicate_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate: Option<&'a RawValue>,
}

impl StatementBuilder {
    /// Starts a statement whose predicate is of this type.
    #[must_use]
    pub fn new(predicate_type: impl Into<String>) -> Self {
        Self { predicate_type: predicate_type.into(), subjects: Vec::new() }
    }

    /// Adds a subject; an empty name is left out.
    #[must_use]
    pub fn subject(mut self, name: impl Into<String>, digests: impl IntoIterator<Item = Digest>) -> Self {
        let digests: BTreeSet<Digest> = digests.into_iter().collect();
        let digest = digests.iter().map(|d| (d.algorithm().to_owned(), d.value().to_owned())).collect();
        self.subjects.push(BuiltSubject { name: name.into(), digest });
        self
    }

    /// Returns the statement's bytes. The predicate's bytes are embedded as they are, without the white space around
    /// them, so that the digest of a file is the digest of its document node. They must pass [`crate::json::check`].
    pub fn predicate(self, json: &[u8]) -> Result<Vec<u8>, StatementBuildError> {
        let raw: &RawValue = serde_json::from_slice(json)
            .map_err(|error| StatementBuildError::Predicate { why: error.to_string() })?;
        self.build(Some(raw))
    }

    /// Returns the bytes of a statement without a predicate.
    pub fn without_predicate(self) -> Result<Vec<u8>, StatementBuildError> {
        self.build(None)
    }

    fn build(self, predicate: Option<&RawValue>) -> Result<Vec<u8>, StatementBuildError> {
        let built = Built {
            statement_type: "https://in-toto.io/Statement/v1",
            subject: &self.subjects,
            predicate_type: &self.predicate_type,
            predicate,
        };
        let bytes = serde_json::to_vec(&built)
            .map_err(|error| StatementBuildError::Predicate { why: error.to_string() })?;
        // What we make, we must accept: limits and strict JSON are checked by the one reader that there is.
        Statement::parse(&bytes)?;
        Ok(bytes)
    }
}
