//! `urn:custody:exception:v1`: a rule does not hold for a subject for a while.

use custody_log::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CustodyPredicate, Name, UsableDigest, rfc3339};

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
    #[serde(deserialize_with = "said")]
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

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() { Err(D::Error::custom("expected a reason, found none")) } else { Ok(reason) }
}
