//! in-toto Statements, v0.1 and v1 (in-toto/attestation `spec/v1/statement.md`, `spec/v0.1.0/README.md`).
//!
//! A statement says something (the predicate) about digests (the subjects). Reading is strict about the JSON, which is
//! signed, and tolerant about what producers leave out: names, digests, even the predicate. What evidence needs is
//! asked with [`Statement::subject_without_usable_digest`].

mod build;
mod descriptor;
mod source_refs;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;

use crate::capped::Capped;
use crate::digest_set::DigestError;
use crate::json::{self, JsonError};
use crate::object::Object;

pub use build::{StatementBuildError, StatementBuilder};
pub(crate) use descriptor::RawDescriptor;
pub use descriptor::{Descriptor, Subject};

/// The most subjects of a statement. The largest known statement (a Kubernetes release) has 113; a release nine times
/// as large still fits.
pub const SUBJECTS_MAX: usize = 1024;
/// The most digests of a statement: four for each of [`SUBJECTS_MAX`] subjects (sha1, sha256 and sha512 are usual).
pub const DIGESTS_MAX: usize = 4 * SUBJECTS_MAX;
/// The most digests of one subject: in-toto names 14 hash algorithms for files.
pub const SUBJECT_DIGESTS_MAX: usize = 16;
/// The longest predicate type: URIs in use have at most 100 characters.
pub const PREDICATE_TYPE_MAX: usize = 512;

/// The version of the in-toto Statement layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementType {
    /// `https://in-toto.io/Statement/v0.1`
    V01,
    /// `https://in-toto.io/Statement/v1`
    V1,
}

/// A statement as it was signed. Its predicate, which may be most of 48 MiB, is not copied out of the payload.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    layer: StatementType,
    subjects: Vec<Subject>,
    predicate_type: String,
    predicate: Option<Cow<'a, str>>,
}

/// Why bytes are not a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not strict JSON, or a member of another type than in-toto says.
    #[error("the payload is not an in-toto statement: {0}")]
    Json(#[from] JsonError),
    /// The member `_type` is missing.
    #[error(
        "the payload has no member _type; an in-toto statement has \"_type\":\"https://in-toto.io/Statement/v1\" \
         (the name starts with an underscore)"
    )]
    NoType,
    /// `_type` is not a version that Custody reads.
    #[error("expected _type https://in-toto.io/Statement/v1 or .../v0.1, found {found:?}")]
    Type {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// The member `predicateType` is missing or empty.
    #[error("the statement has no predicateType, so nothing says what its predicate means")]
    NoPredicateType,
    /// `predicateType` is longer than [`PREDICATE_TYPE_MAX`], or has white space or control characters.
    #[error(
        "a predicateType is at most {PREDICATE_TYPE_MAX} bytes without white space and control characters, found \
         {found:?}"
    )]
    PredicateType {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// The predicate is a string, a number, a list or a boolean.
    #[error("the predicate is an object, null or absent, found {found:?}")]
    Predicate {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// More than [`SUBJECTS_MAX`] subjects.
    #[error("a statement has at most {max} subjects, found {found}")]
    TooManySubjects {
        /// [`SUBJECTS_MAX`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// More than [`DIGESTS_MAX`] digests.
    #[error("a statement has at most {max} subject digests, found {found}")]
    TooManyDigests {
        /// [`DIGESTS_MAX`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// More than [`SUBJECT_DIGESTS_MAX`] digests of one subject.
    #[error("a subject has at most {max} digests, subject[{subject}] has {found}")]
    TooManySubjectDigests {
        /// Position of the subject, 0-based.
        subject: usize,
        /// [`SUBJECT_DIGESTS_MAX`].
        max: usize,
        /// How many it has.
        found: usize,
    },
    /// A digest that cannot be kept.
    #[error("subject[{subject}].digest: {source}")]
    Digest {
        /// Position of the subject, 0-based.
        subject: usize,
        /// Why.
        source: DigestError,
    },
}

/// The members of a statement; others are ignored.
#[derive(Default)]
struct Members<'a> {
    statement_type: Option<String>,
    subject: Option<Subjects>,
    predicate_type: Option<String>,
    predicate: Option<&'a str>,
}

type Subjects = Capped<Object<RawDescriptor>, SUBJECTS_MAX>;

/// Their names, in the same order.
const MEMBERS: [&str; 4] = ["_type", "subject", "predicateType", "predicate"];

/// Read only to say what is wrong with one of them, and where.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "_type")]
    _statement_type: Option<String>,
    #[serde(rename = "subject", default)]
    _subject: Option<Subjects>,
    #[serde(rename = "predicateType")]
    _predicate_type: Option<String>,
}

impl<'a> Members<'a> {
    /// Reads a payload. Its predicate, which may be most of 48 MiB, is gone through once, when the JSON is checked.
    fn read(payload: &'a [u8]) -> Result<Self, JsonError> {
        let values = json::members(payload, &MEMBERS)?;
        if let Some(members) = Self::of(&values) {
            return Ok(members);
        }
        // One of them is not of its type, or there are none, in an object or in what is no object.
        let Object(Shape { .. }) = json::from_slice(payload)?;
        Ok(Self::default())
    }

    fn of(values: &[Option<&'a str>]) -> Option<Self> {
        let &[statement_type, subject, predicate_type, predicate] = values else { return None };
        values.iter().any(Option::is_some).then_some(())?;
        Some(Self {
            statement_type: value(statement_type).ok()?,
            subject: value(subject).ok()?,
            predicate_type: value(predicate_type).ok()?,
            predicate: predicate.filter(|text| *text != "null"),
        })
    }
}

/// Reads a member that may be absent or null.
fn value<'a, T: Deserialize<'a>>(text: Option<&'a str>) -> Result<Option<T>, serde_json::Error> {
    text.map_or(Ok(None), serde_json::from_str)
}

impl<'a> Statement<'a> {
    /// Reads a payload. The JSON must pass [`json::check`]; members that in-toto does not name are ignored.
    pub fn parse(payload: &'a [u8]) -> Result<Self, StatementError> {
        let members = Members::read(payload)?;
        let layer = statement_type(members.statement_type.as_deref())?;
        let predicate_type = predicate_type(members.predicate_type)?;
        let predicate = predicate(members.predicate)?;
        let subjects = subjects(members.subject.unwrap_or_default())?;
        Ok(Self { layer, subjects, predicate_type, predicate })
    }

    /// Copies the predicate, so that the statement can be kept without the payload.
    #[must_use]
    pub fn into_owned(self) -> Statement<'static> {
        let predicate = self.predicate.map(|predicate| Cow::Owned(predicate.into_owned()));
        Statement {
            predicate,
            layer: self.layer,
            subjects: self.subjects,
            predicate_type: self.predicate_type,
        }
    }

    /// Returns the version of the statement layer. It says nothing about the predicate's version.
    #[must_use]
    pub fn statement_type(&self) -> StatementType {
        self.layer
    }

    /// Returns the subjects as they stand; there may be none.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Returns the predicate's type: an opaque, non-empty text.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Returns the exact bytes of the predicate's value as signed, without the white space around it; none if it is
    /// absent or null.
    #[must_use]
    pub fn predicate_bytes(&self) -> Option<&[u8]> {
        self.predicate_text().map(str::as_bytes)
    }

    /// Returns the same as a text. It is strict JSON, as the whole statement is.
    pub(crate) fn predicate_text(&self) -> Option<&str> {
        self.predicate.as_deref()
    }

    /// Returns the position of the first subject without a digest that evidence can rest on; none if every subject
    /// has one. Admission refuses a statement without subjects, and one for which this is some.
    #[must_use]
    pub fn subject_without_usable_digest(&self) -> Option<usize> {
        self.subjects.iter().position(|subject| subject.usable().is_empty())
    }
}

fn statement_type(found: Option<&str>) -> Result<StatementType, StatementError> {
    match found {
        None => Err(StatementError::NoType),
        Some("https://in-toto.io/Statement/v0.1") => Ok(StatementType::V01),
        Some("https://in-toto.io/Statement/v1") => Ok(StatementType::V1),
        Some(other) => Err(StatementError::Type { found: cut(other) }),
    }
}

fn predicate_type(found: Option<String>) -> Result<String, StatementError> {
    let found = found.filter(|text| !text.is_empty()).ok_or(StatementError::NoPredicateType)?;
    let fits =
        found.len() <= PREDICATE_TYPE_MAX && !found.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits { Ok(found) } else { Err(StatementError::PredicateType { found: cut(&found) }) }
}

fn predicate(found: Option<&str>) -> Result<Option<Cow<'_, str>>, StatementError> {
    match found {
        Some(text) if !text.starts_with('{') => Err(StatementError::Predicate { found: cut(text) }),
        other => Ok(other.map(Cow::Borrowed)),
    }
}

fn subjects(found: Capped<Object<RawDescriptor>, SUBJECTS_MAX>) -> Result<Vec<Subject>, StatementError> {
    if found.total > SUBJECTS_MAX {
        return Err(StatementError::TooManySubjects { max: SUBJECTS_MAX, found: found.total });
    }
    let found: Vec<RawDescriptor> = found.items.into_iter().map(|Object(raw)| raw).collect();
    let digests = found.iter().map(RawDescriptor::digests_len).sum();
    if digests > DIGESTS_MAX {
        return Err(StatementError::TooManyDigests { max: DIGESTS_MAX, found: digests });
    }
    let checked = |(subject, raw): (usize, RawDescriptor)| {
        let found = raw.digests_len();
        if found > SUBJECT_DIGESTS_MAX {
            return Err(StatementError::TooManySubjectDigests { subject, max: SUBJECT_DIGESTS_MAX, found });
        }
        raw.checked().map_err(|source| StatementError::Digest { subject, source })
    };
    found.into_iter().enumerate().map(checked).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
