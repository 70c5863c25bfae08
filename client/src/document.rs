//! What kind of document a file is, told from its bytes and never from its name.
//!
//! Real producers name files as they like: `.intoto.jsonl` holds a bundle, one envelope printed over many lines, or
//! several lines. So the shape decides, and a kind that is not read yet is named, never called malformed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A DSSE envelope.
    Dsse,
    /// A Sigstore bundle.
    SigstoreBundle,
    /// npm's list of attestations of a package version.
    NpmAttestations,
    /// A PEP 740 attestation, or `PyPI`'s provenance object of several.
    Pep740,
    /// The bundle that cosign 1 and 2 wrote beside a blob.
    CosignBundle,
    /// Google Cloud Build's printed provenance.
    CloudBuild,
    /// An in-toto 0.9 link or layout.
    Metablock,
    /// An in-toto statement without a signature.
    Statement,
    /// A `CycloneDX` document in JSON.
    CycloneDx,
    /// An SPDX document in JSON.
    Spdx,
    /// An SBOM that is not JSON: XML or tag-value.
    OtherSbom,
    /// An `OpenVEX` document.
    OpenVex,
    /// A SARIF log.
    Sarif,
    /// A receipt.
    Receipt,
    /// An entry of a log.
    Entry,
    /// An admission record.
    AdmissionRecord,
    /// A trust document without its envelope.
    TrustDocument,
    /// A signed note, such as a checkpoint.
    SignedNote,
    /// Several JSON documents, one a line.
    JsonLines,
    /// JSON of no kind that is known here.
    OtherJson,
    /// Nothing that is known here.
    Unknown,
}

impl Kind {
    /// Returns the word that `-o json` prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dsse => "dsse",
            Self::SigstoreBundle => "sigstore-bundle",
            Self::NpmAttestations => "npm-attestations",
            Self::Pep740 => "pep740",
            Self::CosignBundle => "cosign-bundle",
            Self::CloudBuild => "cloud-build",
            Self::Metablock => "in-toto-metablock",
            Self::Statement => "statement",
            Self::CycloneDx | Self::Spdx | Self::OtherSbom => "sbom",
            Self::OpenVex => "openvex",
            Self::Sarif => "sarif",
            Self::Receipt => "receipt",
            Self::Entry => "entry",
            Self::AdmissionRecord => "admission-record",
            Self::TrustDocument => "trust-document",
            Self::SignedNote => "signed-note",
            Self::JsonLines => "jsonl",
            Self::OtherJson => "json",
            Self::Unknown => "unknown",
        }
    }

    /// Returns what people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dsse => "a DSSE envelope",
            Self::SigstoreBundle => "a Sigstore bundle",
            Self::NpmAttestations => "npm's attestations of a package version",
            Self::Pep740 => "a PEP 740 attestation",
            Self::CosignBundle => "a cosign bundle of the old form",
            Self::CloudBuild => "Google Cloud Build provenance",
            Self::Metablock => "an in-toto 0.9 link or layout",
            Self::Statement => "an in-toto statement without a signature",
            Self::CycloneDx => "a CycloneDX document",
            Self::Spdx => "an SPDX document",
            Self::OtherSbom => "an SBOM in XML or tag-value text",
            Self::OpenVex => "an OpenVEX document",
            Self::Sarif => "a SARIF log",
            Self::Receipt => "a receipt",
            Self::Entry => "an entry of a log",
            Self::AdmissionRecord => "an admission record",
            Self::TrustDocument => "a trust document without its envelope",
            Self::SignedNote => "a signed note",
            Self::JsonLines => "several JSON documents, one a line",
            Self::OtherJson => "JSON of no known kind",
            Self::Unknown => "a file of no known kind",
        }
    }
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Tells the kind. Nothing is verified, and a document of a kind can still be malformed.
#[must_use]
pub fn kind(bytes: &[u8]) -> Kind {
    let text = bytes.trim_ascii();
    let starts = |prefix: &str| text.starts_with(prefix.as_bytes());
    if starts("c2sp.org/tlog-proof@") {
        return Kind::Receipt;
    }
    if starts("custody/entry/") {
        return Kind::Entry;
    }
    if starts("SPDXVersion:") || (starts("<") && names_cyclonedx(text)) {
        return Kind::OtherSbom;
    }
    match serde_json::from_slice::<Members<'_>>(text) {
        Ok(members) => object(&members),
        Err(_) if lines(text) => Kind::JsonLines,
        Err(_) if serde_json::from_slice::<&RawValue>(text).is_ok() => Kind::OtherJson,
        Err(_) => damaged(text),
    }
}

fn object(members: &Members<'_>) -> Kind {
    let has = |name: &str| members.contains_key(name);
    let text = |name: &str| members.get(name).map_or("", |value| value.get());
    if has("verificationMaterial") || text("mediaType").contains("dev.sigstore.bundle") {
        Kind::SigstoreBundle
    } else if has("payload") && (has("signatures") || has("payloadType")) {
        Kind::Dsse
    } else if has("attestation_bundles") || (has("verification_material") && has("envelope")) {
        Kind::Pep740
    } else if text("attestations").contains("\"bundle\"") {
        Kind::NpmAttestations
    } else if has("base64Signature") {
        Kind::CosignBundle
    } else if has("provenance_summary") || has("image_summary") {
        Kind::CloudBuild
    } else if has("signed") && has("signatures") {
        Kind::Metablock
    } else if text("_type").contains("in-toto.io/Statement") || (has("predicateType") && has("subject")) {
        Kind::Statement
    } else if text("format").starts_with("\"custody/record/") {
        Kind::AdmissionRecord
    } else if text("format").starts_with("\"custody/trust/") {
        Kind::TrustDocument
    } else if has("bomFormat") {
        Kind::CycloneDx
    } else if has("spdxVersion") || text("@context").contains("spdx.org/rdf/3") {
        Kind::Spdx
    } else if text("@context").contains("openvex.dev") {
        Kind::OpenVex
    } else if has("runs") && has("version") {
        Kind::Sarif
    } else {
        Kind::OtherJson
    }
}

/// At least two lines, each a JSON object.
fn lines(text: &[u8]) -> bool {
    let mut count = 0_usize;
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if !line.starts_with(b"{") || serde_json::from_slice::<&RawValue>(line).is_err() {
            return false;
        }
        count += 1;
    }
    count > 1
}

/// What it would be if it were whole: so that the error can say what is wrong with it.
fn damaged(text: &[u8]) -> Kind {
    let has = |name: &str| text.windows(name.len()).take(64 * 1024).any(|window| window == name.as_bytes());
    if !text.starts_with(b"{") {
        let note = std::str::from_utf8(text).is_ok_and(|text| text.contains("\n\n\u{2014} "));
        return if note { Kind::SignedNote } else { Kind::Unknown };
    }
    if has("\"bomFormat\"") {
        Kind::CycloneDx
    } else if has("\"spdxVersion\"") {
        Kind::Spdx
    } else if has("\"payloadType\"") {
        Kind::Dsse
    } else if has("\"predicateType\"") {
        Kind::Statement
    } else {
        Kind::Unknown
    }
}

fn names_cyclonedx(text: &[u8]) -> bool {
    let head = text.get(..text.len().min(4096)).unwrap_or_default();
    head.windows(b"cyclonedx.org".len()).any(|window| window == b"cyclonedx.org")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_tells_the_kind() {
        for (text, kind_) in [
            (r#"{"payload":"","payloadType":"t","signatures":[]}"#, Kind::Dsse),
            ("{\n \"payload\": \"\",\n \"signatures\": []\n}\n", Kind::Dsse),
            (r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#, Kind::SigstoreBundle),
            (r#"{"verificationMaterial":{},"dsseEnvelope":{}}"#, Kind::SigstoreBundle),
            (r#"{"attestations":[{"predicateType":"x","bundle":{}}]}"#, Kind::NpmAttestations),
            (r#"{"version":1,"verification_material":{},"envelope":{}}"#, Kind::Pep740),
            (r#"{"version":1,"attestation_bundles":[]}"#, Kind::Pep740),
            (r#"{"base64Signature":"","cert":""}"#, Kind::CosignBundle),
            (r#"{"image_summary":{},"provenance_summary":{}}"#, Kind::CloudBuild),
            (r#"{"signed":{},"signatures":[]}"#, Kind::Metablock),
            (r#"{"_type":"https://in-toto.io/Statement/v1"}"#, Kind::Statement),
            (r#"{"format":"custody/record/v1"}"#, Kind::AdmissionRecord),
            (r#"{"bomFormat":"CycloneDX"}"#, Kind::CycloneDx),
            (r#"{"spdxVersion":2}"#, Kind::Spdx),
            (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, Kind::Spdx),
            (r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#, Kind::OpenVex),
            (r#"{"version":"2.1.0","runs":[]}"#, Kind::Sarif),
            ("{}\n{}\n", Kind::JsonLines),
            ("{}", Kind::OtherJson),
            ("[1]", Kind::OtherJson),
            ("c2sp.org/tlog-proof@v1\n", Kind::Receipt),
            ("custody/entry/v1\n", Kind::Entry),
            ("SPDXVersion: SPDX-2.2\n", Kind::OtherSbom),
            ("<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>", Kind::OtherSbom),
            (r#"{"bomFormat":"CycloneDX","#, Kind::CycloneDx),
            (r#"{"payloadType":"t","#, Kind::Dsse),
            ("log\n1\nAA==\n\n\u{2014} log AAAA\n", Kind::SignedNote),
            ("hello", Kind::Unknown),
            ("", Kind::Unknown),
        ] {
            assert_eq!(kind(text.as_bytes()), kind_, "{text}");
        }
        assert_eq!(kind(b"\xff\xfe"), Kind::Unknown);
    }
}
