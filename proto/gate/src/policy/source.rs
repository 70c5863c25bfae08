//! `source`: which commit was built, from which repository and branch, and who looked at it.

use std::collections::BTreeSet;

use custody_evidence::repository::Repository;

use super::error::{Combination, LoadError};
use super::fields::At;
use super::who::{Excluded, RefPattern, Who, not, texts};

/// What was built. Its commit is the one that provenance names as its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Any of them; empty: any at all.
    pub(crate) repositories: Vec<Repository>,
    /// Any of them; empty: any at all.
    pub(crate) references: Vec<RefPattern>,
    pub(crate) protected: bool,
    pub(crate) signed: bool,
    pub(crate) reviewed: Option<Reviewed>,
    /// Whose statements about the commit count.
    pub(crate) asserted_by: Option<Who>,
}

/// How many people must have reviewed the commit, and whose word counts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    pub(crate) at_least: usize,
    pub(crate) asserted_by: Who,
    pub(crate) not: BTreeSet<Excluded>,
}

const FIELDS: &[&str] = &["repository", "ref", "protected", "signed", "reviewed", "asserted_by"];

/// The most reviewers that a rule may ask for.
const REVIEWERS_MAX: usize = 64;

impl Source {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(FIELDS)?;
        let asserted_by = fields.may("asserted_by", |at| Who::read(&at))?;
        let source = Self {
            repositories: fields.may("repository", |at| repositories(&at))?.unwrap_or_default(),
            references: fields.may("ref", |at| RefPattern::read_all(&at))?.unwrap_or_default(),
            protected: fields.may("protected", |at| required(&at))?.is_some(),
            signed: fields.may("signed", |at| required(&at))?.is_some(),
            reviewed: fields.may("reviewed", |at| Reviewed::read(&at, asserted_by.as_ref()))?,
            asserted_by,
        };
        if (source.protected || source.signed) && source.asserted_by.is_none() {
            return Err(fields.combination(Combination::WithoutAsserter));
        }
        let asks = !source.repositories.is_empty()
            || !source.references.is_empty()
            || source.protected
            || source.signed
            || source.reviewed.is_some();
        if asks { Ok(source) } else { Err(fields.combination(Combination::Empty)) }
    }

    /// Whether other statements about the commit are needed.
    pub(crate) fn asks_of_commit(&self) -> bool {
        self.protected || self.signed || self.reviewed.is_some() || self.asserted_by.is_some()
    }
}

impl Reviewed {
    fn read(at: &At<'_>, asserted_by: Option<&Who>) -> Result<Self, LoadError> {
        let fields = at.fields(&["at_least", "asserted_by", "not"])?;
        let own = fields.may("asserted_by", |at| Who::read(&at))?;
        Ok(Self {
            at_least: fields.must("at_least")?.count(REVIEWERS_MAX)?,
            asserted_by: own
                .or_else(|| asserted_by.cloned())
                .ok_or_else(|| fields.combination(Combination::WithoutAsserter))?,
            not: fields.may("not", |at| not(&at))?.unwrap_or_default(),
        })
    }
}

/// `true`; `false` would read as if it asked the opposite.
fn required(at: &At<'_>) -> Result<(), LoadError> {
    if at.yes()? { Ok(()) } else { Err(at.expected("true: leave it out if it is not asked")) }
}

fn repositories(at: &At<'_>) -> Result<Vec<Repository>, LoadError> {
    let read = |text: String| {
        repository(&text).ok_or_else(|| at.expected("a repository: acme/api on GitHub, or a URL"))
    };
    texts(at)?.into_iter().map(read).collect()
}

/// Reads a repository: `acme/api` is one on GitHub, as `gh` has it; others are written with their host.
pub(super) fn repository(text: &str) -> Option<Repository> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [owner, name] if !owner.is_empty() && !name.is_empty() && !owner.contains([':', '.']) => {
            Repository::parse(&format!("https://github.com/{text}"))
        }
        _ if text.contains("://") => Repository::parse(text),
        [host, _, ..] if host.contains('.') => Repository::parse(&format!("https://{text}")),
        _ => None,
    }
}
