//! Terms: what an entry can be found by, each in one canonical text.

use std::fmt;

use super::node::{Node, NodeKind, asked_run};
use super::reference;
use super::word::words;
use crate::digest_set::{Digest, DigestError};
use crate::purl::{Purl, PurlError};
use crate::repository::{Repository, is_commit};

words! {
    /// What a search names: each is a condition of `custody find`, but for `artifact`, `document`, `name` and `pair`.
    pub enum Field {
        /// A digest that an edge leads to or from, subject or not: what `trace` and `impact` follow.
        Artifact = "artifact",
        /// The builder of a run.
        Builder = "builder",
        /// A commit: `<repository>@<hex>`, or the bare hex whatever the repository.
        Commit = "commit",
        /// A package, without version and qualifiers.
        Component = "component",
        /// A document, by the digest of its bytes.
        Document = "document",
        /// An environment or gate.
        Environment = "environment",
        /// A person or service that a statement names.
        Identity = "identity",
        /// What artifacts are called over their versions: what findings compare.
        Name = "name",
        /// A digest that a snapshot pairs with another of the same thing. Most snapshots say only once more what runs, and are not read; one
        /// that has this is.
        Pair = "pair",
        /// A policy.
        Policy = "policy",
        /// The predicate type.
        Predicate = "predicate",
        /// A reference, with its repository or without.
        Ref = "ref",
        /// A repository.
        Repository = "repo",
        /// A run of a build.
        Run = "run",
        /// The name of a secret.
        Secret = "secret",
        /// Who signed (from the admission record).
        Signer = "signer",
        /// A digest of a subject, whatever it is good for.
        Subject = "subject",
        /// Who submitted (from the admission record).
        Submitter = "submitter",
        /// A vulnerability.
        Vulnerability = "vulnerability",
    }
}

/// One thing that an entry can be found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    field: Field,
    value: String,
}

/// Why text is no search term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not a package URL.
    #[error(transparent)]
    Purl(#[from] PurlError),
    /// Not a commit.
    #[error("a commit is 40 or 64 hex digits, gitCommit:<hex> or <repository>@<hex>, found {found:?}")]
    Commit {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Empty, longer than [`Node::ID_MAX`], or with control characters.
    #[error("{field}: expected 1 to {} bytes without control characters, found {found:?}", Node::ID_MAX)]
    Text {
        /// The field.
        field: Field,
        /// The text, cut to 80 characters.
        found: String,
    },
}

impl Field {
    /// Returns the field by which statements about a node are found: an artifact as their subject, anything else
    /// wherever they name it.
    #[must_use]
    pub const fn naming(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Artifact => Self::Subject,
            NodeKind::Builder => Self::Builder,
            NodeKind::Commit => Self::Commit,
            NodeKind::Component => Self::Component,
            NodeKind::Document => Self::Document,
            NodeKind::Environment => Self::Environment,
            NodeKind::Identity => Self::Identity,
            NodeKind::Policy => Self::Policy,
            NodeKind::Ref => Self::Ref,
            NodeKind::Run => Self::Run,
            NodeKind::Secret => Self::Secret,
            NodeKind::Vulnerability => Self::Vulnerability,
        }
    }
}

impl Term {
    /// Reads a search condition as a person writes it, into the text that is stored. A component's version is
    /// dropped: who searches for a version compares it afterwards.
    pub fn parse(field: Field, text: &str) -> Result<Self, TermError> {
        let text = text.trim();
        if text.is_empty() || text.len() > Node::ID_MAX || text.chars().any(char::is_control) {
            return Err(TermError::Text { field, found: cut(text) });
        }
        let value = match field {
            Field::Artifact | Field::Subject | Field::Document | Field::Pair => {
                text.parse::<Digest>()?.to_string()
            }
            Field::Commit => commit(text)?,
            Field::Component => text.parse::<Purl>()?.versionless().to_owned(),
            Field::Repository => repository(field, text)?,
            Field::Ref => reference::asked(text),
            Field::Run => asked_run(text).into_owned(),
            Field::Vulnerability => Node::named(NodeKind::Vulnerability, text)
                .map_or_else(|| text.to_owned(), |node| node.id().to_owned()),
            Field::Builder
            | Field::Environment
            | Field::Identity
            | Field::Name
            | Field::Policy
            | Field::Predicate
            | Field::Secret
            | Field::Signer
            | Field::Submitter => text.to_owned(),
        };
        Ok(Self { field, value })
    }

    /// Returns the term of a signer or submitter, as its identity is written.
    #[must_use]
    pub fn of_identity(field: Field, identity: &impl fmt::Display) -> Self {
        Self { field, value: identity.to_string() }
    }

    /// Returns what the value is.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// Returns the canonical text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// A value that is canonical already.
    pub(crate) const fn of(field: Field, value: String) -> Self {
        Self { field, value }
    }
}

/// Writes `<field> <value>`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.value)
    }
}

fn commit(text: &str) -> Result<String, TermError> {
    let refused = || TermError::Commit { found: cut(text) };
    let bare = text.strip_prefix("gitCommit:").unwrap_or(text);
    if is_commit(bare) {
        return Ok(bare.to_ascii_lowercase());
    }
    let (name, hex) = text.rsplit_once('@').filter(|(_, hex)| is_commit(hex)).ok_or_else(refused)?;
    let repository = Repository::parse(name).ok_or_else(refused)?;
    Ok(format!("{repository}@{}", hex.to_ascii_lowercase()))
}

fn repository(field: Field, text: &str) -> Result<String, TermError> {
    let name = Repository::parse(text).ok_or_else(|| TermError::Text { field, found: cut(text) })?;
    Ok(name.to_string())
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
