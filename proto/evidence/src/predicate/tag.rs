//! `urn:custody:tag:v1`: what a mutable name pointed to.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, UsableDigest, rfc3339};

/// What a tag pointed to when it was looked at. The subject is what it pointed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The repository of the registry, as references write it: `ghcr.io/acme/api`.
    pub repository: Name,
    /// The tag: `1.2`, `latest`.
    pub tag: Name,
    /// What it pointed to; also the digest of a subject.
    pub digest: UsableDigest,
    /// When it was looked at.
    #[serde(with = "rfc3339")]
    pub observed_at: Timestamp,
}

impl Tag {
    /// Returns the whole reference: `ghcr.io/acme/api:1.2`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

impl CustodyPredicate for Tag {
    const TYPE: &'static str = "urn:custody:tag:v1";
}
