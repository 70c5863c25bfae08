//! What JSON is that is no DSSE envelope: so that it can be read as what it is, or a refusal can say it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json;

/// A kind of JSON that carries signatures or says something, and is no DSSE envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OtherKind {
    /// A Sigstore bundle.
    Bundle,
    /// A PEP 740 attestation.
    Pep740,
    /// `PyPI`'s document of several of them.
    Pep740Document,
    /// npm's document of several bundles.
    NpmDocument,
    /// cosign's signature of an image, in the form in which it is recorded.
    ImageSignature,
    /// An in-toto statement that nobody signed.
    Statement,
    /// A `CycloneDX` document that nobody signed.
    CycloneDx,
    /// An SPDX document that nobody signed.
    Spdx,
}

/// Writes the kind with its article.
impl std::fmt::Display for OtherKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bundle => "a Sigstore bundle",
            Self::Pep740 => "a PEP 740 attestation",
            Self::Pep740Document => "a PEP 740 provenance document of several attestations",
            Self::NpmDocument => "an npm attestation document of several bundles",
            Self::ImageSignature => "a signature of an image",
            Self::Statement => "an in-toto statement without an envelope, so nobody signed it",
            Self::CycloneDx => "a CycloneDX document without an envelope, so nobody signed it",
            Self::Spdx => "an SPDX document without an envelope, so nobody signed it",
        })
    }
}

/// The members by which other kinds are told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    verification_material: Option<IgnoredAny>,
    message_signature: Option<IgnoredAny>,
    #[serde(rename = "verification_material")]
    pep740_material: Option<IgnoredAny>,
    simple_signing: Option<IgnoredAny>,
    attestations: Option<IgnoredAny>,
    #[serde(rename = "attestation_bundles")]
    attestation_bundles: Option<IgnoredAny>,
    #[serde(rename = "_type")]
    statement_type: Option<IgnoredAny>,
    bom_format: Option<IgnoredAny>,
    spdx_version: Option<IgnoredAny>,
    payload: Option<IgnoredAny>,
}

/// Returns what the bytes are; none if they are nothing that is known.
pub(super) fn of(bytes: &[u8]) -> Option<OtherKind> {
    let outline: Outline = json::from_unsigned_slice(bytes).ok()?;
    if outline.payload.is_some() {
        return None;
    }
    [
        (outline.message_signature, OtherKind::Bundle),
        (outline.verification_material, OtherKind::Bundle),
        (outline.pep740_material, OtherKind::Pep740),
        (outline.simple_signing, OtherKind::ImageSignature),
        (outline.attestation_bundles, OtherKind::Pep740Document),
        (outline.attestations, OtherKind::NpmDocument),
        (outline.statement_type, OtherKind::Statement),
        (outline.bom_format, OtherKind::CycloneDx),
        (outline.spdx_version, OtherKind::Spdx),
    ]
    .into_iter()
    .find_map(|(member, kind)| member.map(|_| kind))
}
