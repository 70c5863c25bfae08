//! `urn:custody:exception:v1`: a rule does not hold for a subject for a while.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, UsableDigest, rfc3339, text};

/// A rule of a policy does not hold for a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The policy, by name.
    pub policy: Name,
    /// The rule by its id, or `*` for all of them.
    pub rule: Name,
    /// What it does not hold for; also the digest of a subject of the statement.
    pub subject: UsableDigest,
    /// Who answers for it.
    pub owner: Name,
    /// Why: any text that says something.
    #[serde(deserialize_with = "text::filled")]
    pub reason: String,
    /// When it was given.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// When it ends.
    #[serde(with = "rfc3339")]
    pub until: Timestamp,
}

impl CustodyPredicate for Exception {
    const TYPE: &'static str = "urn:custody:exception:v1";
}
