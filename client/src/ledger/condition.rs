//! Conditions of a search, and whether an entry meets them: the server's word is not taken for it.

use std::fmt;

use custody_evidence::fact::{Doubt, Field, Node, Package, Term, TermError};
use custody_evidence::purl::Purl;

use crate::check::{Checked, Verified};

/// One condition that an entry must meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    term: Term,
    value: String,
    /// The package with the versions that are meant, which the term lacks: it is what the server is asked for.
    package: Option<Package>,
}

impl From<Term> for Condition {
    fn from(term: Term) -> Self {
        Self { value: term.value().to_owned(), term, package: None }
    }
}

impl Condition {
    /// Returns the condition that a statement names this package in a version that is meant, or in one of which that cannot be
    /// said ([`Condition::doubts`]).
    #[must_use]
    pub fn component(package: Package) -> Self {
        Self { term: package.term().clone(), value: package.to_string(), package: Some(package) }
    }

    /// Returns the condition that an entry is about a node: that the digest is a subject of it, or else that it names
    /// the node.
    pub fn about(node: &Node) -> Result<Self, TermError> {
        let field = Field::naming(node.kind());
        match node.id().parse::<Purl>() {
            Ok(purl) if field == Field::Component => Package::of(&purl).map(Self::component),
            _ => Term::parse(field, node.id()).map(Self::from),
        }
    }

    /// Returns what is compared.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.term.field()
    }

    /// Returns the value that is asked for.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether the admission record alone says if an entry meets it; else its statement must be read.
    #[must_use]
    pub const fn is_in_record(&self) -> bool {
        matches!(self.field(), Field::Predicate | Field::Subject | Field::Signer | Field::Submitter)
    }

    /// Returns why it cannot be said whether the entry meets it, for each package of it that may be meant; nothing if it surely
    /// does, or is logged only.
    #[must_use]
    pub fn doubts(&self, entry: &Checked) -> Vec<Doubt> {
        let facts = entry.verified().map(Verified::facts);
        match (&self.package, facts) {
            (Some(package), Some(facts)) => package.doubts(facts),
            _ => Vec::new(),
        }
    }

    /// Whether the entry meets it; none if that cannot be known of an entry that is logged only, or erased.
    #[must_use]
    pub fn is_met_by(&self, entry: &Checked) -> Option<bool> {
        // What was erased cannot be compared: that it met the condition is the server's word.
        let record = entry.record()?;
        let value = self.term.value();
        if let Some(package) = &self.package {
            return Some(package.may_be_in(entry.verified()?.facts()));
        }
        Some(match self.field() {
            Field::Predicate => record.predicate_type == value,
            Field::Subject => record.subjects.iter().any(|subject| subject == value),
            Field::Signer => record.verified_identities().iter().any(|id| id.to_string() == value),
            Field::Submitter => record
                .submitter
                .as_ref()
                .is_some_and(|claims| format!("{}#{}", claims.issuer, claims.token_subject) == value),
            _ => entry.verified()?.facts().terms().contains(&self.term),
        })
    }
}

/// Writes `<field> <value>`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field(), self.value())
    }
}
