//! `urn:custody:promotion:v1`: a subject moved between stages.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, rfc3339};

/// The subjects moved from one stage to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The environment they came from.
    pub from: Name,
    /// The environment they went to.
    pub to: Name,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// What the subjects were called before: an image reference or a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_before: Option<Name>,
    /// What they are called now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_after: Option<Name>,
}

impl CustodyPredicate for Promotion {
    const TYPE: &'static str = "urn:custody:promotion:v1";
}
