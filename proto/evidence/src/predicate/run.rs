//! `urn:custody:run:v1`: how a run of a CI system went, and what it could reach.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, UsableDigest, list, rfc3339};
use crate::object;

/// How a run went. Its subject is the run by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run, as provenance names it: usually its URL.
    pub run: Name,
    /// How it ended, in the word of the CI system: `success`; none while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Name>,
    /// What started it: `push`, `pull_request`, `schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Name>,
    /// When it ended, as the CI system says.
    #[serde(with = "rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The machine it ran on.
    #[serde(deserialize_with = "object::optional", default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// What its references meant: actions, images.
    #[serde(deserialize_with = "list::objects", default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<ResolvedRef>,
    /// Names of the secrets that it could read. Never their values.
    #[serde(deserialize_with = "list::bounded", default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Name>,
    /// What its token was allowed: `contents: write`.
    #[serde(deserialize_with = "list::bounded", default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Name>,
    /// The audiences of identity tokens that it could get.
    #[serde(deserialize_with = "list::bounded", default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Name>,
}

/// The machine that a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its name.
    pub name: Name,
    /// Whether the CI system provides it; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted: Option<bool>,
    /// The labels by which it was chosen.
    #[serde(deserialize_with = "list::bounded", default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Name>,
}

/// A reference, and what it meant in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedRef {
    /// The reference, as written: `actions/checkout@v4`, `alpine:latest`.
    #[serde(rename = "ref")]
    pub reference: Name,
    /// What it meant; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<UsableDigest>,
}

impl CustodyPredicate for Run {
    const TYPE: &'static str = "urn:custody:run:v1";
}
