//! What runs: bytes, by every digest that a statement gives them.

use std::collections::BTreeSet;

use crate::digest_set::Digest;

/// Something that runs, by at least one digest that carries evidence.
///
/// A statement may give several digests of it. Whoever records that it stopped by one of them ends what started by another,
/// since the same statement, and thus somebody who may record starts and stops, said that they are one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Artifact {
    digests: BTreeSet<Digest>,
}

impl Artifact {
    /// Returns what has these digests; none without any.
    #[must_use]
    pub fn new(digests: impl IntoIterator<Item = Digest>) -> Option<Self> {
        let digests: BTreeSet<Digest> = digests.into_iter().collect();
        (!digests.is_empty()).then_some(Self { digests })
    }

    /// Returns the digest that it is shown by: its `sha256`, else the first in their order.
    ///
    /// # Panics
    ///
    /// Never: there is one.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        let sha256 = self.digests.iter().find(|digest| digest.algorithm() == "sha256");
        sha256.or_else(|| self.digests.first()).expect("made with at least one")
    }

    /// Returns all digests, in order.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.digests.iter()
    }

    /// Whether this is one of its digests.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }

    /// Whether it has all digests of the other.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.digests.is_subset(&self.digests)
    }

    /// Returns the things that a statement lists, those that share a digest as one.
    #[must_use]
    pub fn distinct(listed: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut distinct: Vec<Self> = Vec::new();
        for mut artifact in listed {
            for same in distinct.extract_if(.., |known| known.is(&artifact)).collect::<Vec<_>>() {
                artifact.digests.extend(same.digests);
            }
            distinct.push(artifact);
        }
        distinct
    }

    /// Whether both have a digest in common.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        !self.digests.is_disjoint(&other.digests)
    }
}

impl From<Digest> for Artifact {
    fn from(digest: Digest) -> Self {
        Self { digests: BTreeSet::from([digest]) }
    }
}
