//! SBOM documents: CycloneDX and SPDX, embedded byte by byte.
//!
//! A predicate is JSON, so a document that is text of another kind stands in it as `cosign attest` wraps it: `{"Data": "<text>"}`.

use custody_evidence::{json, sbom};
use serde::{Deserialize, Serialize};

use super::{Made, MakeError, Subject, statement};

/// Which standard an SBOM follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomKind {
    /// CycloneDX in JSON.
    CycloneDx,
    /// SPDX 2 in JSON.
    Spdx2,
    /// SPDX 3 in JSON-LD.
    Spdx3,
    /// CycloneDX in XML.
    CycloneDxXml,
    /// SPDX 2 as tag-value text.
    SpdxTagValue,
}

/// An SBOM document. Of an answer of GitHub's dependency graph it is the document in it.
#[derive(Debug, Clone, Copy)]
pub struct Sbom<'a> {
    kind: SbomKind,
    bytes: &'a [u8],
}

#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(rename = "bomFormat", borrow, default)]
    bom_format: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "spdxVersion", borrow, default)]
    spdx_version: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "@context", default)]
    context: Option<serde_json::Value>,
}

impl SbomKind {
    /// Returns the predicate type: without a version, as cosign and BuildKit write it, because the document carries
    /// its own; SPDX 3 has a type of its own, since nothing that reads SPDX 2 can read it.
    #[must_use]
    pub const fn predicate_type(self) -> &'static str {
        match self {
            Self::CycloneDx | Self::CycloneDxXml => "https://cyclonedx.org/bom",
            Self::Spdx2 | Self::SpdxTagValue => "https://spdx.dev/Document",
            Self::Spdx3 => "https://spdx.dev/Document/v3",
        }
    }
}

impl std::fmt::Display for SbomKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CycloneDx => "CycloneDX",
            Self::Spdx2 => "SPDX 2",
            Self::Spdx3 => "SPDX 3",
            Self::CycloneDxXml => "CycloneDX in XML, of which no component is read",
            Self::SpdxTagValue => "SPDX 2 as tag-value text, of which no component is read",
        })
    }
}

impl<'a> Sbom<'a> {
    /// Tells the standard from the document, never from the file's name.
    pub fn detect(bytes: &'a [u8]) -> Result<Self, MakeError> {
        let not = |why: &str| MakeError::NotAnSbom { why: why.to_owned() };
        let (whole, bytes) = (bytes, json::without_mark(bytes));
        if let Some(kind) = text_kind(bytes) {
            return Ok(Self { kind, bytes: whole });
        }
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(not("it is XML, and not of CycloneDX"));
        }
        json::check(bytes)?;
        let bytes = sbom::in_answer(bytes).unwrap_or(bytes);
        let marks: Marks<'_> =
            serde_json::from_slice(bytes).map_err(|_| not("it has no bomFormat, spdxVersion or @context"))?;
        let spdx3 =
            || marks.context.as_ref().is_some_and(|context| context.to_string().contains("spdx.org/rdf/3"));
        let kind = match (marks.bom_format.as_deref(), marks.spdx_version.as_deref()) {
            (Some("CycloneDX"), _) => SbomKind::CycloneDx,
            (_, Some(version)) if version.starts_with("SPDX-2.") => SbomKind::Spdx2,
            _ if spdx3() => SbomKind::Spdx3,
            (Some(other), _) => return Err(not(&format!("its bomFormat is {other:?}"))),
            (_, Some(other)) => return Err(not(&format!("its spdxVersion is {other:?}"))),
            (None, None) => return Err(not("it has no bomFormat, spdxVersion or @context")),
        };
        Ok(Self { kind, bytes })
    }

    /// Returns the standard.
    #[must_use]
    pub const fn kind(&self) -> SbomKind {
        self.kind
    }

    /// Returns the length of the document in bytes; of JSON without white space around it.
    #[must_use]
    pub fn length(&self) -> usize {
        if self.is_text() { self.bytes.len() } else { self.bytes.trim_ascii().len() }
    }

    /// Makes the statement about the subjects that the SBOM describes.
    pub fn make(&self, subjects: &[Subject]) -> Result<Made, MakeError> {
        if !self.is_text() {
            return statement(self.kind.predicate_type(), subjects, self.bytes);
        }
        let not = |why: String| MakeError::NotAnSbom { why };
        let text =
            std::str::from_utf8(self.bytes).map_err(|_| not("it has a byte that is not UTF-8".to_owned()))?;
        let predicate = serde_json::to_vec(&Wrapped { text }).map_err(|error| not(error.to_string()))?;
        statement(self.kind.predicate_type(), subjects, &predicate)
    }

    const fn is_text(&self) -> bool {
        matches!(self.kind, SbomKind::CycloneDxXml | SbomKind::SpdxTagValue)
    }
}

/// As `cosign attest` wraps a predicate that is no JSON.
#[derive(Serialize)]
struct Wrapped<'a> {
    #[serde(rename = "Data")]
    text: &'a str,
}

/// How far the text of a document is looked into for its kind.
const LOOKED_INTO: usize = 4096;

/// Returns the kind of a document that is no JSON; none of one that may be.
fn text_kind(bytes: &[u8]) -> Option<SbomKind> {
    let text = bytes.trim_ascii_start();
    let head = text.get(..LOOKED_INTO.min(text.len()))?;
    let has = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    match text.first()? {
        b'{' => None,
        b'<' => has(b"cyclonedx.org/schema/bom").then_some(SbomKind::CycloneDxXml),
        _ => head
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(b"SPDXVersion:"))
            .then_some(SbomKind::SpdxTagValue),
    }
}
