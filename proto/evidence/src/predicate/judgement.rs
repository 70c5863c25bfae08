//! Summaries of verifications: who judged the subjects, by which policies, and how it went.
//!
//! The verification summary of SLSA (VSA v1, for builds and for sources) and the simple verification result of in-toto
//! (SVR).

use serde::Deserialize;

use super::list::Limited;
use super::slsa::time;
use super::{list, text};
use crate::digest_set::DigestError;
use crate::json::{self, JsonError};
use crate::object::{self, Object};
use crate::statement::{Descriptor, RawDescriptor};

/// The type of VSA v1 (<https://slsa.dev/spec/v1.2/verification_summary>).
pub const VSA_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// The types of SVR (in-toto/attestation `spec/predicates/svr.md`).
pub const SVR_TYPES: [&str; 2] =
    ["https://in-toto.io/attestation/svr/v0.1", "https://in-toto.io/attestation/svr/v0.2"];

/// The most policies, and the most properties, of a summary: a verifier names a few of each.
pub const POLICIES_MAX: usize = 256;

/// A summary of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Who judged, as a URI.
    pub verifier: String,
    /// How it went. An SVR names only what holds.
    pub result: VerificationResult,
    /// By which policies, with the path of each.
    pub policies: Vec<(String, Descriptor)>,
    /// What was judged, as a URI: a repository (`git+https:`), a package, an image.
    pub resource: Option<String>,
    /// When, with the path of the member.
    pub time: Option<(String, String)>,
    /// Digests that were dropped because they cannot be kept.
    pub dropped: Vec<(String, DigestError)>,
}

/// How a verification went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// The policy holds.
    Passed,
    /// It does not.
    Failed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vsa {
    verifier: Object<Verifier>,
    #[serde(default)]
    time_verified: Option<String>,
    #[serde(default)]
    resource_uri: Option<String>,
    #[serde(deserialize_with = "object::optional", default)]
    policy: Option<RawDescriptor>,
    verification_result: VerificationResult,
}

#[derive(Deserialize)]
struct Verifier {
    #[serde(deserialize_with = "text::filled")]
    id: String,
    #[serde(default)]
    policies: Limited<Object<RawDescriptor>, POLICIES_MAX>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Svr {
    verifier: Object<Verifier>,
    #[serde(default)]
    time_created: Option<String>,
    #[serde(rename = "properties", deserialize_with = "list::required")]
    _properties: Limited<String, POLICIES_MAX>,
}

/// Reads the exact bytes of a VSA.
pub fn decode_vsa(bytes: &[u8]) -> Result<Judgement, JsonError> {
    let Object(vsa): Object<Vsa> = json::from_slice(bytes)?;
    let Object(verifier) = vsa.verifier;
    let policies = vsa.policy.into_iter().map(|policy| ("predicate.policy".to_owned(), policy));
    let mut judgement = judgement(verifier.id, vsa.verification_result, policies);
    judgement.resource = vsa.resource_uri.filter(|uri| !uri.is_empty());
    judgement.time = time("predicate.timeVerified", vsa.time_verified);
    Ok(judgement)
}

/// Reads the exact bytes of an SVR.
pub fn decode_svr(bytes: &[u8]) -> Result<Judgement, JsonError> {
    let Object(svr): Object<Svr> = json::from_slice(bytes)?;
    let Object(verifier) = svr.verifier;
    let path = |position| format!("predicate.verifier.policies[{position}]");
    let policies = verifier.policies.0.into_iter().enumerate();
    let policies = policies.map(|(position, Object(policy))| (path(position), policy));
    let mut judgement = judgement(verifier.id, VerificationResult::Passed, policies);
    judgement.time = time("predicate.timeCreated", svr.time_created);
    Ok(judgement)
}

fn judgement(
    verifier: String,
    result: VerificationResult,
    policies: impl Iterator<Item = (String, RawDescriptor)>,
) -> Judgement {
    let mut dropped = Vec::new();
    let policies = policies
        .map(|(path, policy)| {
            let digest = format!("{path}.digest");
            (path, policy.tolerant(|error| dropped.push((digest.clone(), error))))
        })
        .collect();
    Judgement { verifier, result, policies, resource: None, time: None, dropped }
}
