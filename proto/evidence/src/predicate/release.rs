//! Releases: which bytes a version of a package has, as its registry says.
//!
//! in-toto's release (in-toto/attestation `spec/predicates/release.md`) and npm's publish attestation
//! (npm/attestation `specs/publish/v0.1`), which it generalises.

use serde::Deserialize;

use super::text;
use crate::json::{self, JsonError};
use crate::object::Object;

/// The types of in-toto's release.
pub const RELEASE_TYPES: [&str; 3] = [
    "https://in-toto.io/attestation/release",
    "https://in-toto.io/attestation/release/v0.1",
    "https://in-toto.io/attestation/release/v0.2",
];
/// The type of npm's publish attestation.
pub const NPM_PUBLISH_TYPE: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

/// A version of a package that the subjects are the bytes of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its package URL, as written; npm has it in the subject's name, not here.
    pub purl: Option<String>,
    /// The registry.
    pub registry: Option<String>,
}

#[derive(Deserialize)]
struct InToto {
    #[serde(deserialize_with = "text::filled")]
    purl: String,
}

#[derive(Deserialize)]
struct Npm {
    #[serde(rename = "name", deserialize_with = "text::filled")]
    _name: String,
    #[serde(rename = "version", deserialize_with = "text::filled")]
    _version: String,
    #[serde(default)]
    registry: Option<String>,
}

/// Reads the exact bytes of in-toto's release.
pub fn decode(bytes: &[u8]) -> Result<Release, JsonError> {
    let Object(InToto { purl }): Object<InToto> = json::from_slice(bytes)?;
    Ok(Release { purl: Some(purl), registry: None })
}

/// Reads the exact bytes of npm's publish attestation.
pub fn decode_npm(bytes: &[u8]) -> Result<Release, JsonError> {
    let Object(npm): Object<Npm> = json::from_slice(bytes)?;
    Ok(Release { purl: None, registry: npm.registry.filter(|text| !text.is_empty()) })
}
