//! `urn:custody:publication:v1`: who pushed a subject to a registry.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, rfc3339};

/// The subjects were pushed to a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The registry: `ghcr.io`, `https://registry.npmjs.org`.
    pub registry: Name,
    /// The repository or package in it, as references write it: `ghcr.io/acme/api`, `@acme/api`.
    pub repository: Name,
    /// The whole reference that was pushed: `ghcr.io/acme/api:1.2`; none if it was pushed by digest alone.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Name>,
    /// Who pushed.
    pub actor: Name,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
}

impl CustodyPredicate for Publication {
    const TYPE: &'static str = "urn:custody:publication:v1";
}
