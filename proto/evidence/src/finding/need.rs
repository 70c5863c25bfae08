//! What a rule needs to see besides the entry that it looks at.

use super::backdated::claims;
use super::bounds::{LOOK_BACK, SIGNER_LOOK_BACK};
use crate::fact::{ExpectedTold, Field, Node, Term};

/// Entries that a rule needs to see, newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// All of these terms they have.
    pub terms: Vec<Term>,
    /// Where they are.
    pub side: Side,
    /// At most so many, the newest.
    pub limit: usize,
    /// Which of those: the others are passed over.
    pub wanted: Wanted,
    /// A version of a package that they name, too; none: any.
    pub version: Option<NeededVersion>,
}

/// A version of a package, as [`Facts::packages`](crate::fact::Facts::packages) has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededVersion {
    /// The package, without its version.
    pub package: String,
    /// The version, as it is written in a package URL.
    pub version: String,
}

/// What entries that a rule needs to see are about. A document of some MB that tells the rule nothing need not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Anything.
    Anything,
    /// What its signer claims to have happened, at a time.
    Claimed,
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

impl Wanted {
    /// Whether an entry of this predicate type is wanted; none: its statement cannot be read.
    #[must_use]
    pub fn is(self, predicate_type: Option<&str>) -> bool {
        match self {
            Self::Anything => true,
            Self::Claimed => predicate_type.is_some_and(claims),
        }
    }
}

impl Need {
    pub(super) fn before(terms: impl IntoIterator<Item = Term>, limit: usize) -> Self {
        let terms = terms.into_iter().collect();
        Self { terms, side: Side::Before, limit, wanted: Wanted::Anything, version: None }
    }

    pub(super) fn anywhere(terms: impl IntoIterator<Item = Term>, limit: usize) -> Self {
        Self { side: Side::All, ..Self::before(terms, limit) }
    }

    /// What was built, released or went out under a name, in the newest entries before.
    pub(super) fn named(name: &str) -> Self {
        Self::before([term(Field::Name, name)], LOOK_BACK)
    }

    /// The newest entries before that name a component, in its version.
    pub(super) fn using(component: &Node) -> Option<Self> {
        let (package, version) = component.package()?;
        let of_package = Self::before([term(Field::Component, package)], LOOK_BACK);
        let version = NeededVersion { package: package.to_owned(), version: version.to_owned() };
        Some(Self { version: Some(version), ..of_package })
    }

    /// What signers claimed in the newest entries before that have these terms.
    pub(super) fn claimed(terms: impl IntoIterator<Item = Term>) -> Self {
        Self { wanted: Wanted::Claimed, ..Self::before(terms, SIGNER_LOOK_BACK) }
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
