//! SBOM documents: CycloneDX and SPDX, embedded byte by byte.

use custody_evidence::{json, sbom};
use serde::Deserialize;

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
            Self::CycloneDx => "https://cyclonedx.org/bom",
            Self::Spdx2 => "https://spdx.dev/Document",
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
        })
    }
}

impl<'a> Sbom<'a> {
    /// Tells the standard from the document, never from the file's name.
    pub fn detect(bytes: &'a [u8]) -> Result<Self, MakeError> {
        let not = |why: &str| MakeError::NotAnSbom { why: why.to_owned() };
        let bytes = json::without_mark(bytes);
        let text = bytes.trim_ascii_start();
        if text.starts_with(b"<") {
            return Err(not(
                "it is XML; convert it, for example with cyclonedx convert --output-format json",
            ));
        }
        if text.starts_with(b"SPDXVersion:") {
            return Err(not("it is SPDX tag-value; convert it to JSON"));
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

    /// Returns the length of the document in bytes, without white space around it.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes.trim_ascii().len()
    }

    /// Makes the statement about the subjects that the SBOM describes.
    pub fn make(&self, subjects: &[Subject]) -> Result<Made, MakeError> {
        statement(self.kind.predicate_type(), subjects, self.bytes)
    }
}
