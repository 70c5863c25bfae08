//! `urn:custody:approval:v1`: a person approves a subject for something.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, rfc3339};

/// A person approves the subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The environment or gate that the subjects may pass to.
    #[serde(rename = "for")]
    pub target: Name,
    /// Who approves.
    pub approver: Name,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the approval ends; none if it does not.
    #[serde(with = "rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl CustodyPredicate for Approval {
    const TYPE: &'static str = "urn:custody:approval:v1";
}
