//! `urn:custody:review:v1`: people reviewed a commit.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, list, rfc3339};
use crate::repository::{CommitId, Repository};

/// People reviewed a commit. The subject's digest is the commit's `gitCommit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The repository.
    pub repo: Repository,
    /// The commit.
    pub commit: CommitId,
    /// The branch that it was reviewed for.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Name>,
    /// Who reviewed: 1 to [`super::LIST_MAX`].
    #[serde(deserialize_with = "list::at_least_one")]
    pub reviewers: Vec<Name>,
    /// When the last of them approved.
    #[serde(with = "rfc3339")]
    pub approved_at: Timestamp,
    /// Where the review can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_url: Option<Name>,
}

impl CustodyPredicate for Review {
    const TYPE: &'static str = "urn:custody:review:v1";
}
