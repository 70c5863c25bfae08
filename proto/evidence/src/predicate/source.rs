//! `urn:custody:source:v1`: a commit and its place.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, list, rfc3339};
use crate::object;
use crate::repository::{CommitId, Repository};

/// A commit and its place. The subject's digest is the commit's `gitCommit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The repository.
    pub repo: Repository,
    /// The commit.
    pub commit: CommitId,
    /// Its parents, in the commit's order; none for the first commit.
    #[serde(deserialize_with = "list::bounded", default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<CommitId>,
    /// The branch or tag it was on: `refs/heads/main`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Name>,
    /// Who wrote it: `Alice <alice@example.org>`.
    pub author: Name,
    /// Who committed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committer: Option<Name>,
    /// When it was written.
    #[serde(with = "rfc3339")]
    pub author_date: Timestamp,
    /// The commit's own signature; none if it has none.
    #[serde(deserialize_with = "object::optional", default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SourceSignature>,
}

/// The signature that a commit carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSignature {
    /// `gpg`, `ssh` or `x509`.
    pub kind: Name,
    /// The key, as git names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// Whether whoever made this statement verified it.
    pub verified: bool,
}

impl CustodyPredicate for Source {
    const TYPE: &'static str = "urn:custody:source:v1";
}
