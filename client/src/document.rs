//! What kind of document a file is, told from its bytes and never from its name.
//!
//! Real producers name files as they like: `.intoto.jsonl` holds a bundle, one envelope printed over many lines, or
//! several lines. So the shape decides, and a kind that is not read yet is named, never called malformed.

mod items;
mod list;
mod outline;
#[cfg(test)]
mod tests;

use serde_json::value::RawValue;

use custody_evidence::json::without_mark;
use outline::Outline;

pub use items::{ITEMS_MAX, Item, Place, Problem, items};

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A DSSE envelope.
    Dsse,
    /// A Sigstore bundle.
    SigstoreBundle,
    /// npm's list of attestations of a package version, or GitHub's of an artifact.
    NpmAttestations,
    /// A PEP 740 attestation.
    Pep740,
    /// `PyPI`'s provenance document of several of them.
    Pep740Provenance,
    /// The bundle that cosign 1 and 2 wrote beside a blob.
    CosignBundle,
    /// What cosign signs of an image, without the signature: its digest and reference, in a form that is no statement.
    SimpleSigning,
    /// cosign's signature of an image, with what it signs, in the form in which it is recorded.
    ImageSignature,
    /// A folder or archive of images, envelopes and statements.
    OciLayout,
    /// Google Cloud Build's printed provenance.
    CloudBuild,
    /// A signed message in COSE, which is binary.
    Cose,
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
    /// The report of grype, trivy or OSV-Scanner in their own JSON.
    ScanReport,
    /// Results of tests in `JUnit` XML.
    JUnit,
    /// A receipt.
    Receipt,
    /// An entry of a log.
    Entry,
    /// An admission record.
    AdmissionRecord,
    /// A trust document without its envelope.
    TrustDocument,
    /// An identity token: a JWT (RFC 7519).
    IdentityToken,
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
            Self::Pep740Provenance => "pep740-provenance",
            Self::CosignBundle => "cosign-bundle",
            Self::SimpleSigning => "simple-signing",
            Self::ImageSignature => "image-signature",
            Self::OciLayout => "oci-layout",
            Self::CloudBuild => "cloud-build",
            Self::Cose => "cose",
            Self::Metablock => "in-toto-metablock",
            Self::Statement => "statement",
            Self::CycloneDx | Self::Spdx | Self::OtherSbom => "sbom",
            Self::OpenVex => "openvex",
            Self::Sarif => "sarif",
            Self::ScanReport => "scan-report",
            Self::JUnit => "junit",
            Self::Receipt => "receipt",
            Self::Entry => "entry",
            Self::AdmissionRecord => "admission-record",
            Self::TrustDocument => "trust-document",
            Self::IdentityToken => "identity-token",
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
            Self::NpmAttestations => "a list of attestations, as npm and GitHub answer",
            Self::Pep740 => "a PEP 740 attestation",
            Self::Pep740Provenance => "a PEP 740 provenance document",
            Self::CosignBundle => "a cosign bundle of the old form",
            Self::SimpleSigning => "what cosign signs of an image, without the signature",
            Self::ImageSignature => "a signature of an image",
            Self::OciLayout => "an OCI image layout",
            Self::CloudBuild => "provenance that gcloud printed",
            Self::Cose => "a COSE message",
            Self::Metablock => "an in-toto 0.9 link or layout",
            Self::Statement => "an in-toto statement without a signature",
            Self::CycloneDx => "a CycloneDX document",
            Self::Spdx => "an SPDX document",
            Self::OtherSbom => "an SBOM in XML or tag-value text",
            Self::OpenVex => "an OpenVEX document",
            Self::Sarif => "a SARIF log",
            Self::ScanReport => "a scanner's report",
            Self::JUnit => "results of tests in JUnit XML",
            Self::Receipt => "a receipt",
            Self::Entry => "an entry of a log",
            Self::AdmissionRecord => "an admission record",
            Self::TrustDocument => "a trust document without its envelope",
            Self::IdentityToken => "an identity token",
            Self::SignedNote => "a signed note",
            Self::JsonLines => "several JSON documents, one a line",
            Self::OtherJson => "JSON of no known kind",
            Self::Unknown => "a file of no known kind",
        }
    }
}

/// Tells the kind. Nothing is verified, and a document of a kind can still be malformed.
#[must_use]
pub fn kind(bytes: &[u8]) -> Kind {
    let text = without_mark(bytes).trim_ascii();
    let starts = |prefix: &str| text.starts_with(prefix.as_bytes());
    if starts("c2sp.org/tlog-proof@") {
        return Kind::Receipt;
    }
    if starts("custody/entry/") {
        return Kind::Entry;
    }
    if starts("<") {
        return xml(text);
    }
    if is_tag_value(text) {
        return Kind::OtherSbom;
    }
    if is_cose(bytes) {
        return Kind::Cose;
    }
    if is_token(text) {
        return Kind::IdentityToken;
    }
    match serde_json::from_slice::<Outline<'_>>(text) {
        Ok(outline) => object(&outline),
        Err(_) if is_lines(text) => Kind::JsonLines,
        Err(_) if is_json(text) => Kind::OtherJson,
        Err(_) => damaged(text),
    }
}

fn object(outline: &Outline<'_>) -> Kind {
    let has = |name: &str| outline.text(name).is_some();
    let text = |name: &str| outline.text(name).unwrap_or_default();
    // What is a DSSE envelope is one, whatever other members it has: nobody signed those.
    if has("payload") && (has("signatures") || has("payloadType")) {
        Kind::Dsse
    } else if has("verificationMaterial") || text("mediaType").contains("dev.sigstore.bundle") {
        Kind::SigstoreBundle
    } else if has("simpleSigning") {
        Kind::ImageSignature
    } else if has("attestation_bundles") {
        Kind::Pep740Provenance
    } else if has("verification_material") && has("envelope") {
        Kind::Pep740
    } else if names_bundles(text("attestations")) {
        Kind::NpmAttestations
    } else if has("base64Signature") {
        Kind::CosignBundle
    } else if text("critical").contains("docker-manifest-digest") {
        Kind::SimpleSigning
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
    } else if has("spdxVersion")
        || ["spdx.org/rdf/3", "spdx.github.io/spdx-"].iter().any(|name| text("@context").contains(name))
        || text("sbom").contains("\"spdxVersion\"")
    {
        // GitHub's dependency graph answers with the document in a member.
        Kind::Spdx
    } else if text("@context").contains("openvex.dev") {
        Kind::OpenVex
    } else if has("runs") && has("version") {
        Kind::Sarif
    } else if (has("matches") && has("descriptor"))
        || text("SchemaVersion") == "2"
        || text("results").contains("\"packages\"")
        || (has("results") && has("experimental_config"))
    {
        Kind::ScanReport
    } else {
        Kind::OtherJson
    }
}

/// Whether a list of attestations is npm's or GitHub's: one without any says so where it is read.
fn names_bundles(list: &str) -> bool {
    let empty = list.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(']'));
    empty || list.contains("\"bundle\"") || list.contains("\"bundle_url\"")
}

/// Whether the text is several documents, one a line: the first line is a whole object, and others follow. When the first
/// is damaged, all must look like objects, and one must be one: the lines of a single document that is printed over many
/// do not.
fn is_lines(text: &[u8]) -> bool {
    let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let looks = |line: &[u8]| line.starts_with(b"{");
    let first = lines().next().is_some_and(|line| looks(line) && is_json(line));
    lines().nth(1).is_some()
        && (first || (lines().all(|line| looks(line) && line != b"{") && lines().any(is_json)))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}

/// Three parts in base64url, the first of which begins like a JSON object with a member.
fn is_token(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.starts_with(b"eyJ")
        && text.split(|byte| *byte == b'.').count() == 3
        && text.iter().all(|byte| *byte == b'.' || part(byte))
}

/// The first byte of a tagged `COSE_Sign1` or `COSE_Sign` (RFC 9052: tags 18 and 98), and the array of four behind it.
fn is_cose(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xd2, 0x84]) || bytes.starts_with(&[0xd8, 0x62, 0x84])
}

/// How much of a damaged document is searched for the members that tell its kind.
const SEARCHED_MAX: usize = 64 * 1024;

/// What it would be if it were whole: so that the error can say what is wrong with it.
fn damaged(text: &[u8]) -> Kind {
    let has =
        |name: &str| text.windows(name.len()).take(SEARCHED_MAX).any(|window| window == name.as_bytes());
    if !text.starts_with(b"{") {
        let note = std::str::from_utf8(text).is_ok_and(|text| text.contains("\n\n\u{2014} "));
        return if note { Kind::SignedNote } else { Kind::Unknown };
    }
    let members = [
        ("\"verificationMaterial\"", Kind::SigstoreBundle),
        ("dev.sigstore.bundle", Kind::SigstoreBundle),
        ("\"simpleSigning\"", Kind::ImageSignature),
        ("\"attestation_bundles\"", Kind::Pep740Provenance),
        ("\"verification_material\"", Kind::Pep740),
        ("\"provenance_summary\"", Kind::CloudBuild),
        ("\"bomFormat\"", Kind::CycloneDx),
        ("\"spdxVersion\"", Kind::Spdx),
        ("\"payloadType\"", Kind::Dsse),
        ("\"predicateType\"", Kind::Statement),
    ];
    members.into_iter().find(|(name, _)| has(name)).map_or(Kind::Unknown, |(_, kind)| kind)
}

/// Which XML it is, by what its first element names.
fn xml(text: &[u8]) -> Kind {
    let head = text.get(..text.len().min(4096)).unwrap_or_default();
    let names = |name: &str| head.windows(name.len()).any(|window| window == name.as_bytes());
    if names("cyclonedx.org") || names("spdx.org/rdf/terms") {
        Kind::OtherSbom
    } else if names("<testsuite") {
        Kind::JUnit
    } else {
        Kind::Unknown
    }
}

/// Whether it is SPDX in its tag-value form, which may have comments and empty lines in front (SPDX 2.3, section 5.2).
fn is_tag_value(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut said = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    said.next().is_some_and(|line| line.starts_with(b"SPDXVersion:"))
}

/// Whether text is in UTF-16, as some programs of Windows write it: by its byte order mark.
#[must_use]
pub fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])
}
