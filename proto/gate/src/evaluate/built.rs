//! What provenance says was built: which repository, branch and commit, by which builder. All of it is claimed.

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::predicate::{Provenance, slsa_v1, slsa_v02};
use custody_evidence::repository::{GitUri, Repository};
use custody_evidence::statement::Descriptor;

use crate::evidence::Entry;

/// The predicate types of provenance.
pub(super) const PROVENANCE: [&str; 2] = [slsa_v1::TYPE, slsa_v02::TYPE];

/// What provenance names as its source, and who built it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Built {
    /// Every repository that it calls the source: in its parameters, and as where the source came from.
    pub(super) repositories: Vec<Repository>,
    /// A name of the source that is no repository.
    pub(super) unreadable: bool,
    pub(super) reference: Option<String>,
    /// `gitCommit:<hex>`
    pub(super) commit: Option<Digest>,
    pub(super) builder: Option<String>,
}

impl Built {
    /// Reads it; none if the entry is no provenance that can be read.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let bytes = entry.predicate.as_deref()?;
        let provenance = match entry.predicate_type.as_str() {
            slsa_v1::TYPE => slsa_v1::decode(bytes),
            slsa_v02::TYPE => slsa_v02::decode(bytes),
            _ => return None,
        };
        provenance.ok().as_ref().map(Self::from_provenance)
    }

    fn from_provenance(provenance: &Provenance) -> Self {
        let named = provenance.repository.iter().chain(&provenance.sources);
        let named: Vec<Option<Repository>> = named.map(|text| Repository::parse(text)).collect();
        let Source { first, commit, repositories } = Source::of(provenance, &named);
        let mut built = Self {
            reference: first.and_then(|uri| uri.whole_reference().map(ToOwned::to_owned)),
            commit,
            repositories,
            unreadable: named.contains(&None),
            builder: provenance.builder.clone(),
        };
        for repository in named.into_iter().flatten() {
            if !built.repositories.contains(&repository) {
                built.repositories.push(repository);
            }
        }
        built
    }
}

/// Where the source came from.
#[derive(Default)]
struct Source {
    first: Option<GitUri>,
    /// None if several are named: nothing says which one was built.
    commit: Option<Digest>,
    repositories: Vec<Repository>,
}

impl Source {
    /// The configuration or the checkout says it, or else the first dependency that is of a repository which the parameters call
    /// the source. Any other dependency could be a submodule, at a commit that has nothing to do with what was built; only where
    /// nothing is called the source, and all are of one repository, is it that one. What is not told apart is each of them, at no
    /// commit.
    fn of(provenance: &Provenance, named: &[Option<Repository>]) -> Self {
        let of_git = |(_, descriptor): &'_ (String, Descriptor)| {
            Some((descriptor.git_uri()?.clone(), commit(descriptor)))
        };
        let dependencies: Vec<(GitUri, Option<Digest>)> =
            provenance.dependencies.iter().filter_map(of_git).collect();
        let said = provenance.config.iter().chain(&provenance.checkout).find_map(of_git);
        let called: Vec<&Repository> = match &said {
            Some((uri, _)) => vec![uri.repository()],
            None if named.is_empty() => {
                dependencies.iter().map(|(uri, _)| uri.repository()).take(1).collect()
            }
            None => named.iter().flatten().collect(),
        };
        let is_called = |(uri, _): &&(GitUri, Option<Digest>)| called.contains(&uri.repository());
        let mut of_source = said.iter().chain(dependencies.iter().filter(is_called));
        let alone = said.is_some() || !named.is_empty() || dependencies.iter().all(|one| is_called(&one));
        let Some((first, commit)) = of_source.next().filter(|_| alone) else {
            let found: BTreeSet<&Repository> = dependencies.iter().map(|(uri, _)| uri.repository()).collect();
            return Self { repositories: found.into_iter().cloned().collect(), ..Self::default() };
        };
        let others = of_source.any(|(_, other)| other.is_some() && commit.is_some() && other != commit);
        Self {
            first: Some(first.clone()),
            commit: commit.clone().filter(|_| !others),
            repositories: vec![first.repository().clone()],
        }
    }
}

fn commit(descriptor: &Descriptor) -> Option<Digest> {
    let found = descriptor.usable().iter().find(|digest| digest.commit_hex().is_some()).cloned();
    let named = || {
        let uri = descriptor.git_uri()?;
        Digest::read("gitCommit", uri.commit()?).ok()
    };
    found.or_else(named)
}
