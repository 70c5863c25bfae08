//! Resource descriptors: what a subject, a material or a dependency is (in-toto `spec/v1/resource_descriptor.md`).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::SUBJECT_DIGESTS_MAX;
use super::source_refs::SourceRefs;
use crate::capped::CappedMap;
use crate::digest_set::{Digest, DigestError};
use crate::repository::GitUri;

/// A thing that a statement names: by digest, by URI, by a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Descriptor {
    name: Option<String>,
    uri: Option<String>,
    digests: BTreeSet<Digest>,
    source_refs: Vec<String>,
    unread_source_refs: bool,
    /// It follows from the members above, as `usable` does: both are asked for again and again.
    git_uri: Option<GitUri>,
    /// In order, each once.
    usable: Vec<Digest>,
}

/// What a statement is about.
pub type Subject = Descriptor;

/// A descriptor as it stands in JSON; members that link nothing are ignored.
#[derive(Debug, Clone, Deserialize, Default)]
pub(crate) struct RawDescriptor {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    digest: Option<CappedMap<SUBJECT_DIGESTS_MAX>>,
    #[serde(default)]
    annotations: SourceRefs,
}

impl Descriptor {
    /// Of what a predicate says in other words than a descriptor's.
    pub(crate) fn new(uri: Option<String>, digests: impl IntoIterator<Item = Digest>) -> Self {
        Self { uri, ..Self::default() }.with_digests(digests.into_iter().collect())
    }

    fn with_digests(self, digests: BTreeSet<Digest>) -> Self {
        let mut whole = Self { digests, ..self };
        whole.git_uri = whole.find_git_uri();
        whole.usable = whole.find_usable();
        whole
    }

    /// Returns the name; none if it is missing, empty or `_`, which all mean that there is none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the URI; none if it is missing or empty.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// Returns every digest, those without evidence too, in order.
    #[must_use]
    pub fn digests(&self) -> &BTreeSet<Digest> {
        &self.digests
    }

    /// Returns the branches and tags that a source's verification summary says the commit was on: the annotation
    /// `sourceRefs` (SLSA 1.2, "Source: Verification summary"), as written.
    #[must_use]
    pub fn source_refs(&self) -> &[String] {
        &self.source_refs
    }

    /// Whether the annotation `sourceRefs` says more than [`Descriptor::source_refs`] returns, or is of another shape.
    #[must_use]
    pub const fn has_unread_source_refs(&self) -> bool {
        self.unread_source_refs
    }

    /// Returns the digests that carry evidence, in order. A sha1 beside a git URI is the git commit of that value: so wrote
    /// the producers of SLSA v0.2.
    #[must_use]
    pub fn usable(&self) -> &[Digest] {
        &self.usable
    }

    fn find_usable(&self) -> Vec<Digest> {
        let git = self.git_uri().is_some_and(|uri| uri.names_git() || self.is_commit_at(uri));
        let alias = |digest: &Digest| if git { digest.as_git_commit() } else { None };
        let usable = |digest| alias(digest).or_else(|| digest.usable().then(|| digest.clone()));
        let mut found: Vec<Digest> = self.digests.iter().filter_map(usable).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Takes a `sha256` of 40 digits for the commit that it is: so writes GitLab's runner, beside the plain URL of the repository. The
    /// caller has seen that GitLab's runner wrote it.
    pub(crate) fn with_commit_of_gitlab(self) -> Self {
        let commit = |digest: &Digest| {
            let is_commit = digest.algorithm() == "sha256" && digest.value().len() == 40;
            is_commit.then(|| digest.value().parse().ok()).flatten().map(|id| Digest::git_commit(&id))
        };
        let digests = self.digests.iter().map(|digest| commit(digest).unwrap_or_else(|| digest.clone()));
        let digests = digests.collect();
        self.with_digests(digests)
    }

    /// Returns the repository and reference that the URI, or else the name, gives. Any other URL is none, unless a
    /// `gitCommit` beside it says that it is a repository, or a `sha1` beside one that can be nothing else.
    #[must_use]
    pub fn git_uri(&self) -> Option<&GitUri> {
        self.git_uri.as_ref()
    }

    fn find_git_uri(&self) -> Option<GitUri> {
        let commit = self.digests.iter().any(|digest| digest.commit_hex().is_some());
        let texts = [self.uri(), self.name()].into_iter().flatten();
        texts.filter_map(GitUri::parse).find(|uri| commit || uri.names_git() || self.is_commit_at(uri))
    }

    /// Whether there is a sha1 that can be nothing but a commit, by where it is. Beside other digests it may be that of an archive.
    fn is_commit_at(&self, uri: &GitUri) -> bool {
        let has = |of: fn(&Digest) -> bool| self.digests.iter().any(of);
        uri.is_repository() && has(|digest| digest.as_git_commit().is_some()) && !has(Digest::usable)
    }
}

impl RawDescriptor {
    pub(crate) fn named(name: String, digest: CappedMap<SUBJECT_DIGESTS_MAX>) -> Self {
        Self { name: Some(name), digest: Some(digest), ..Self::default() }
    }

    pub(crate) fn digests_len(&self) -> usize {
        self.digest.as_ref().map_or(0, |digests| digests.total)
    }

    /// Checks every digest; the first that cannot be kept is the error.
    pub(crate) fn checked(self) -> Result<Descriptor, DigestError> {
        let digests = self.digests().collect::<Result<_, _>>()?;
        Ok(self.with(digests))
    }

    /// Keeps what can be kept, and gives the digests that cannot to `dropped`.
    pub(crate) fn tolerant(self, mut dropped: impl FnMut(DigestError)) -> Descriptor {
        let digests = self.digests().filter_map(|digest| digest.map_err(&mut dropped).ok()).collect();
        self.with(digests)
    }

    fn digests(&self) -> impl Iterator<Item = Result<Digest, DigestError>> {
        let members = self.digest.iter().flat_map(|digests| &digests.members);
        members.map(|(algorithm, value)| Digest::read(algorithm, value))
    }

    fn with(self, digests: BTreeSet<Digest>) -> Descriptor {
        let name = self.name.filter(|name| !name.is_empty() && name != "_");
        let uri = self.uri.filter(|uri| !uri.is_empty());
        let SourceRefs { texts: source_refs, unread: unread_source_refs } = self.annotations;
        Descriptor { name, uri, source_refs, unread_source_refs, ..Descriptor::default() }
            .with_digests(digests)
    }
}
