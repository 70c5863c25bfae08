//! What JSON is that is no DSSE envelope: so that a refusal can say it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json;

/// The members by which other kinds are told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    verification_material: Option<IgnoredAny>,
    message_signature: Option<IgnoredAny>,
    #[serde(rename = "verification_material")]
    pep740_material: Option<IgnoredAny>,
    attestations: Option<IgnoredAny>,
    attestation_bundles: Option<IgnoredAny>,
    #[serde(rename = "_type")]
    statement_type: Option<IgnoredAny>,
    bom_format: Option<IgnoredAny>,
    spdx_version: Option<IgnoredAny>,
    payload: Option<IgnoredAny>,
}

/// Returns what the bytes are, with its article; none if they are nothing that is known.
pub(super) fn of(bytes: &[u8]) -> Option<&'static str> {
    let outline: Outline = json::from_unsigned_slice(bytes).ok()?;
    if outline.payload.is_some() {
        return None;
    }
    [
        (outline.message_signature, "a Sigstore bundle with a message signature"),
        (outline.verification_material, "a Sigstore bundle"),
        (outline.pep740_material, "a PEP 740 attestation"),
        (outline.attestation_bundles, "a PEP 740 provenance document"),
        (outline.attestations, "an npm attestation document"),
        (outline.statement_type, "an in-toto statement without an envelope, so nobody signed it"),
        (outline.bom_format, "a CycloneDX document without an envelope, so nobody signed it"),
        (outline.spdx_version, "an SPDX document without an envelope, so nobody signed it"),
    ]
    .into_iter()
    .find_map(|(member, kind)| member.map(|_| kind))
}
