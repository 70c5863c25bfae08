//! `urn:custody:review:v1`: people reviewed a commit.

use custody_log::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CustodyPredicate, Name, rfc3339};
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
    /// Who reviewed; at least one.
    #[serde(deserialize_with = "at_least_one")]
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

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Name>, D::Error> {
    let names = Vec::<Name>::deserialize(deserializer)?;
    if names.is_empty() {
        Err(D::Error::custom("expected at least one reviewer, found none"))
    } else {
        Ok(names)
    }
}
