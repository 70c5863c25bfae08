//! `applies_to`: what a policy is for. What it is not for is denied, by name.

use std::collections::BTreeSet;

use custody_evidence::predicate::Name;
use custody_evidence::repository::Repository;

use super::error::{Combination, LoadError};
use super::fields::At;
use super::source::repository;

/// What a policy is for; empty lists mean anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppliesTo {
    pub(crate) environments: BTreeSet<String>,
    pub(crate) repositories: Vec<RepositoryPattern>,
}

/// A repository, or all below a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryPattern {
    /// All whose name starts so; it ends in `/`, so `acme/*` does not mean `acme-evil/x`.
    Below(String),
    /// One.
    One(Repository),
}

/// `https://github.com/` is everybody's.
const HOST_SLASHES: usize = 3;

impl AppliesTo {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["environments", "repositories"])?;
        let applies = Self {
            environments: fields
                .may("environments", |at| at.filled_list()?.iter().map(environment).collect())?
                .unwrap_or_default(),
            repositories: fields
                .may("repositories", |at| at.filled_list()?.iter().map(RepositoryPattern::read).collect())?
                .unwrap_or_default(),
        };
        if applies == Self::default() { Err(fields.combination(Combination::Empty)) } else { Ok(applies) }
    }
}

impl RepositoryPattern {
    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let text = at.text()?;
        let found = match text.strip_suffix("/*") {
            // A repository of any name gives the one form of what is before it.
            Some(owner) if !owner.contains('*') => repository(&format!("{owner}/x"))
                .and_then(|of| of.as_str().strip_suffix('x').map(ToOwned::to_owned))
                .filter(|start| start.matches('/').count() > HOST_SLASHES)
                .map(Self::Below),
            None if !text.contains('*') => repository(text).map(Self::One),
            _ => None,
        };
        found.ok_or_else(|| at.expected("a repository such as acme/api, or acme/* for all of an owner"))
    }

    /// Whether a repository is one of those.
    pub(crate) fn fits(&self, repository: &Repository) -> bool {
        match self {
            Self::Below(start) => repository.as_str().strip_prefix(start.as_str()).is_some_and(is_plain),
            Self::One(one) => repository == one,
        }
    }
}

/// Whether a path leads downwards and nowhere else: what a server makes of `acme/../evil/api` is not below `acme`.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !["", ".", ".."].contains(&part) && !part.contains(['%', '\\']))
}

impl std::fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Below(start) => write!(f, "{start}*"),
            Self::One(one) => write!(f, "{one}"),
        }
    }
}

pub(super) fn environment(at: &At<'_>) -> Result<String, LoadError> {
    let text = at.text()?;
    if text.contains('*') || text.parse::<Name>().is_err() {
        return Err(at.expected("the name of an environment"));
    }
    Ok(text.to_owned())
}
