//! What a rule needs to see besides the entry that it looks at.

use crate::fact::{ExpectedTold, Field, Term};

/// Entries that a rule needs to see, newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// All of these terms they have.
    pub terms: Vec<Term>,
    /// Where they are.
    pub side: Side,
    /// At most so many, the newest.
    pub limit: usize,
}

/// Which entries of the tree that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// All, later ones too.
    All,
    /// Those before the entry that is looked at.
    Before,
}

/// How many records of a source there are, for a statement that says how many there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// So many were found.
    pub records: u64,
}

impl Need {
    pub(super) fn before(terms: impl IntoIterator<Item = Term>, limit: usize) -> Self {
        Self { terms: terms.into_iter().collect(), side: Side::Before, limit }
    }

    pub(super) fn anywhere(terms: impl IntoIterator<Item = Term>, limit: usize) -> Self {
        Self { terms: terms.into_iter().collect(), side: Side::All, limit }
    }
}

/// A term whose value stands in a statement already, in its canonical form.
pub(super) fn term(field: Field, value: &str) -> Term {
    Term::of(field, value.to_owned())
}

impl ExpectedTold {
    /// Whether the source makes runs, so that those are counted, each once, however many records tell of it: a repository or
    /// pipeline by its URL. Its CI system knows how many there were; how many records name a repository nobody knows.
    #[must_use]
    pub fn counts_runs(&self) -> bool {
        self.source.contains("://") && self.source.parse::<crate::identity::Identity>().is_err()
    }

    /// Returns the terms one of which the entries of the source have: it is a signer or submitter, a repository, or a pipeline. None
    /// of them if it can only be the rule of the trust document that a signer was admitted by: then every entry of the time is
    /// looked at.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        if self.source.parse::<crate::identity::Identity>().is_ok() {
            return vec![term(Field::Signer, &self.source), term(Field::Submitter, &self.source)];
        }
        if !self.source.contains("://") {
            return Vec::new();
        }
        let repository = Term::parse(Field::Repository, &self.source).ok();
        repository.into_iter().chain([term(Field::Name, &self.source)]).collect()
    }
}
