//! Software bills of materials: which packages a document lists, and what it describes.
//!
//! Read are CycloneDX 1.2 to 1.7 and SPDX 2.2 and 2.3, both in JSON. The rest is recorded, and named as not
//! interpreted. Reading is tolerant where a document is odd in one place: a package URL that does not parse costs that
//! URL, a component that is no object costs that component.

mod cyclonedx;
mod element;
mod place;
mod references;
mod spdx2;
#[cfg(test)]
mod tests;
mod vulnerabilities;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::capped::Listed;
use crate::digest_set::{Digest, DigestError};
use crate::json;
use crate::object::Object;
use crate::purl::{Purl, PurlError};
use crate::text::{Text, TextIn};

use element::{Element, Read};

pub use place::Place;
pub use references::{References, Referent};
pub use vulnerabilities::{Impact, Vulnerability};

/// The most components of a document. Images of whole operating systems have some thousand; at this number the facts
/// of one entry still fit [`crate::fact::EDGES_MAX`].
pub const COMPONENTS_MAX: usize = 50_000;
/// The most elements that a document may say it describes: SPDX documents list each binary of a release, which are
/// subjects too ([`crate::statement::SUBJECTS_MAX`]).
pub const DESCRIBED_MAX: usize = 1024;
/// The most hashes and references that are read of one component: CycloneDX knows 12 hash algorithms.
pub const COMPONENT_DETAILS_MAX: usize = 64;

/// Whether statements with this predicate type carry a bill of materials: `https://cyclonedx.org/bom` and
/// `https://spdx.dev/Document`, bare or with a version behind a slash. Which version it is, the document says itself.
#[must_use]
pub fn is_type(predicate_type: &str) -> bool {
    ["https://cyclonedx.org/bom", "https://spdx.dev/Document"].iter().any(|base| {
        predicate_type.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
    })
}

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// Not JSON, or not of the shape of its format.
    #[error("the document is not what it says it is: {why}")]
    Shape {
        /// What the reader says, with line and column.
        why: String,
    },
    /// More than [`COMPONENTS_MAX`] components.
    #[error("a document has at most {max} components, found {found} or more")]
    TooManyComponents {
        /// [`COMPONENTS_MAX`].
        max: usize,
        /// How many were counted until reading stopped.
        found: usize,
    },
    /// A format that is recorded, but not read.
    #[error("not interpreted: {0}")]
    NotInterpreted(#[from] NotInterpreted),
}

/// A format that is recorded, but not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInterpreted {
    /// CycloneDX in another version than 1.2 to 1.7.
    #[error("CycloneDX {version:?}; 1.2 to 1.7 are read")]
    CycloneDxVersion {
        /// The value of `specVersion`, cut to 80 characters; empty if there is none.
        version: String,
    },
    /// SPDX in another version than 2.2 and 2.3.
    #[error("SPDX {version:?}; SPDX-2.2 and SPDX-2.3 are read")]
    SpdxVersion {
        /// The value of `spdxVersion`, cut to 80 characters; empty if it is no text.
        version: String,
    },
    /// SPDX 3, which is JSON-LD.
    #[error("SPDX 3; SPDX-2.2 and SPDX-2.3 are read")]
    Spdx3,
    /// SPDX in its tag-value form.
    #[error("SPDX as tag-value text; only JSON is read")]
    SpdxTagValue,
    /// XML.
    #[error("XML; only JSON is read")]
    Xml,
    /// Neither CycloneDX nor SPDX.
    #[error("neither CycloneDX (bomFormat) nor SPDX (spdxVersion)")]
    Unknown,
}

/// What a document lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Components<'a> {
    /// The format, with its version: `CycloneDX 1.6`, `SPDX-2.3`.
    pub format: String,
    /// What the document says it describes. In SPDX these are among `components` too.
    pub described: Vec<Component<'a>>,
    /// Every component (CycloneDX, nested ones too) or package (SPDX), in the document's order.
    pub components: Vec<Component<'a>>,
    /// What a CycloneDX document says of vulnerabilities, in its order.
    pub vulnerabilities: Vec<Vulnerability>,
    /// What the document calls itself: the URN of a CycloneDX document, by which others link to what is in it.
    pub serial_number: Option<String>,
    /// When the document says it was made: the path of the member, and its text.
    pub created: Option<(String, String)>,
    /// What was left out, and where.
    pub left_out: Vec<(String, LeftOut)>,
}

/// Something in a document that was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// A component that is not of the shape of its format.
    #[error("not a component: {why}")]
    Component {
        /// What the reader says.
        why: String,
    },
    /// A vulnerability that cannot be read, or all of them.
    #[error("not a vulnerability that can be read: {why}")]
    Vulnerability {
        /// What the reader says.
        why: String,
    },
    /// A relationship of SPDX that cannot be read: it could have said what the document describes.
    #[error("not a relationship that can be read")]
    Relationship,
    /// A hash that cannot be kept.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A package URL that does not parse; the component stays.
    #[error(transparent)]
    Purl(#[from] PurlError),
}

/// A package, file, service or device that a document lists. Its texts are those of the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component<'a> {
    /// Where it stands: `components[3].components[0]`.
    pub path: Place,
    /// What a CycloneDX document calls it (`bom-ref`); none if it does not, and in SPDX.
    pub reference: Option<Cow<'a, str>>,
    /// The name with its group; may be empty.
    pub name: Cow<'a, str>,
    /// The version, as written; none if it is missing or empty.
    pub version: Option<Cow<'a, str>>,
    /// The package URL; none if there is none, or if it does not parse.
    pub purl: Option<Purl>,
    /// Digests of its bytes, under in-toto's names of the algorithms.
    pub hashes: Vec<Digest>,
    /// Where its bytes come from, as written.
    pub fetched_from: Vec<Cow<'a, str>>,
    /// Whether it is shipped: not so if CycloneDX gives it the scope `excluded` (for tests, or for building).
    pub shipped: bool,
}

impl Components<'_> {
    /// Copies all texts, so that the components can be kept without their document.
    #[must_use]
    pub fn into_owned(self) -> Components<'static> {
        let owned = |list: Vec<Component<'_>>| list.into_iter().map(Component::into_owned).collect();
        Components {
            described: owned(self.described),
            components: owned(self.components),
            format: self.format,
            vulnerabilities: self.vulnerabilities,
            serial_number: self.serial_number,
            created: self.created,
            left_out: self.left_out,
        }
    }
}

impl Component<'_> {
    fn into_owned(self) -> Component<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Component {
            path: self.path,
            reference: self.reference.map(owned),
            name: owned(self.name),
            version: self.version.map(owned),
            purl: self.purl,
            hashes: self.hashes,
            fetched_from: self.fetched_from.into_iter().map(owned).collect(),
            shipped: self.shipped,
        }
    }
}

/// The members that tell one format from another, and those that list much, in one of two ways ([`Element`]): documents have megabytes,
/// and are not gone through a second time without need.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "C: Deserialize<'de>, P: Deserialize<'de>, R: Deserialize<'de>")]
struct Marks<'a, C, P, R> {
    #[serde(borrow, default)]
    bom_format: TextIn<'a>,
    #[serde(borrow, default)]
    spec_version: TextIn<'a>,
    #[serde(borrow, default)]
    spdx_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "@context", default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, rename = "Data", default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sbom: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    packages: Listed<P, COMPONENTS_MAX>,
    #[serde(borrow, default)]
    creation_info: Option<&'a RawValue>,
    #[serde(borrow, default)]
    document_describes: Option<&'a RawValue>,
    #[serde(default)]
    relationships: Option<R>,
    #[serde(default)]
    components: Listed<C, COMPONENTS_MAX>,
    #[serde(borrow, default)]
    vulnerabilities: Option<&'a RawValue>,
    #[serde(rename = "serialNumber", default)]
    serial_number: Text,
}

/// Of a document whose parts have the shapes that its format says.
type Whole<'a> =
    Marks<'a, Read<cyclonedx::Found<'a>>, Read<spdx2::Package<'a>>, Read<Option<spdx2::Describes>>>;
/// Of any.
type Taken<'a> = Marks<'a, &'a RawValue, &'a RawValue, &'a RawValue>;

/// Reads a document's bytes.
///
/// cosign's old wrapper `{"Data": .., "Timestamp": ..}` is seen through: its `Data` is the document, or text of it. So is that of
/// GitHub's dependency graph, `{"sbom": ..}` ([`in_answer`]).
pub fn components(bytes: &[u8]) -> Result<Components<'_>, SbomError> {
    let text = document(bytes)?;
    match marks::<Whole<'_>>(text) {
        Ok(marks) => unwrapped(text, marks),
        Err(_) => unwrapped(text, marks::<Taken<'_>>(text)?),
    }
}

/// Reads a document, or what it wraps.
fn unwrapped<'a, C, P, R>(text: &'a str, marks: Marks<'a, C, P, R>) -> Result<Components<'a>, SbomError>
where
    C: Element<'a, cyclonedx::Found<'a>>,
    P: Element<'a, spdx2::Package<'a>>,
    R: Element<'a, Option<spdx2::Describes>>,
{
    let Some(wrapped) = marks.wrapped() else { return read(text, marks) };
    match serde_json::from_str(wrapped.get()) {
        Ok(TextIn(Some(Cow::Borrowed(inner)))) => inside(document(inner.as_bytes())?),
        Ok(TextIn(Some(Cow::Owned(inner)))) => {
            inside(document(inner.as_bytes())?).map(Components::into_owned)
        }
        _ => inside(wrapped.get()),
    }
}

/// Reads a document that was wrapped. It wraps no other.
fn inside(text: &str) -> Result<Components<'_>, SbomError> {
    match marks::<Whole<'_>>(text) {
        Ok(marks) => read(text, marks),
        Err(_) => read(text, marks::<Taken<'_>>(text)?),
    }
}

/// Returns the text of a document that is wrapped as text: `{"Data": "<text>"}`, as `cosign attest` does with what is no JSON; none if it is not.
#[must_use]
pub fn wrapped_text(bytes: &[u8]) -> Option<String> {
    // Nearly all documents are not, and none is read for it.
    let start = bytes.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    if !start.starts_with(b"\"Data\"") {
        return None;
    }
    let Object(marks): Object<Taken<'_>> = serde_json::from_slice(bytes).ok()?;
    serde_json::from_str(marks.data.filter(|_| marks.is_bare())?.get()).ok()
}

/// Returns the document in an answer of GitHub's dependency graph (`GET /repos/OWNER/REPO/dependency-graph/sbom`), as it stands there; none
/// if the bytes are something else, above all a document.
#[must_use]
pub fn in_answer(bytes: &[u8]) -> Option<&[u8]> {
    let Object(marks): Object<Taken<'_>> = serde_json::from_slice(json::without_mark(bytes)).ok()?;
    marks
        .sbom
        .filter(|_| marks.is_bare())
        .map(|raw| raw.get().as_bytes())
        .filter(|text| text.starts_with(b"{"))
}

impl<'a, C, P, R> Marks<'a, C, P, R> {
    /// Whether it says of no format that it is of it.
    fn is_bare(&self) -> bool {
        self.bom_format.is_none() && self.spdx_version.is_none()
    }

    /// Returns what it wraps.
    fn wrapped(&self) -> Option<&'a RawValue> {
        self.data.or(self.sbom).filter(|_| self.is_bare())
    }
}

fn read<'a, C, P, R>(text: &'a str, marks: Marks<'a, C, P, R>) -> Result<Components<'a>, SbomError>
where
    C: Element<'a, cyclonedx::Found<'a>>,
    P: Element<'a, spdx2::Package<'a>>,
    R: Element<'a, Option<spdx2::Describes>>,
{
    if marks.bom_format.as_deref() == Some("CycloneDX") {
        return match marks.spec_version.as_deref() {
            Some(version @ ("1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7")) => {
                let mut found = cyclonedx::read(version, text, marks.metadata, marks.components)?;
                found.serial_number = marks.serial_number.filled();
                if let Some(raw) = marks.vulnerabilities {
                    found.vulnerabilities = vulnerabilities::read(raw, &mut found.left_out);
                }
                Ok(found)
            }
            other => Err(NotInterpreted::CycloneDxVersion { version: cut(other.unwrap_or_default()) }.into()),
        };
    }
    if let Some(version) = marks.spdx_version {
        let version = serde_json::from_str::<Text>(version.get()).unwrap_or_default();
        return match version.as_deref() {
            Some(version @ ("SPDX-2.2" | "SPDX-2.3")) => {
                let parts = spdx2::Parts {
                    packages: marks.packages,
                    creation_info: marks.creation_info,
                    describes: marks.document_describes,
                    relationships: marks.relationships,
                };
                spdx2::read(version, text, parts)
            }
            other => Err(NotInterpreted::SpdxVersion { version: cut(other.unwrap_or_default()) }.into()),
        };
    }
    match marks.context {
        Some(context) if ["spdx.org", "spdx.github.io"].iter().any(|name| context.get().contains(name)) => {
            Err(NotInterpreted::Spdx3.into())
        }
        _ => Err(NotInterpreted::Unknown.into()),
    }
}

/// Returns the text of what may be JSON.
fn document(bytes: &[u8]) -> Result<&str, SbomError> {
    let bytes = json::without_mark(bytes);
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"<") {
        return Err(NotInterpreted::Xml.into());
    }
    let tag = b"SPDXVersion:";
    if !start.starts_with(b"{") && bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(tag)) {
        return Err(NotInterpreted::SpdxTagValue.into());
    }
    let not_text = |error: std::str::Utf8Error| format!("byte {} is not UTF-8", error.valid_up_to());
    std::str::from_utf8(bytes).map_err(|error| SbomError::Shape { why: not_text(error) })
}

fn marks<'a, M: Deserialize<'a>>(text: &'a str) -> Result<M, SbomError> {
    serde_json::from_str(text).map(|Object(marks)| marks).map_err(|error| shape(&error))
}

/// Reads a member that may be absent or null.
fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<Option<T>, serde_json::Error> {
    raw.map_or(Ok(None), |raw| serde_json::from_str(raw.get()))
}

/// Reads a list of hashes; those that cannot be kept go to `left_out`.
fn hashes<'a>(
    found: impl Iterator<Item = (&'a str, &'a str)>,
    left_out: &mut Vec<(&'static str, LeftOut)>,
) -> Vec<Digest> {
    let mut hashes = Vec::with_capacity(found.size_hint().1.unwrap_or_default());
    for (algorithm, value) in found {
        match Digest::read(&algorithm_name(algorithm), value) {
            Ok(digest) if !hashes.contains(&digest) => hashes.push(digest),
            Ok(_) => {}
            Err(error) => left_out.push(("hashes", error.into())),
        }
    }
    hashes
}

/// Reads a package URL; one that does not parse goes to `left_out`.
fn purl(text: Option<&str>, left_out: &mut Vec<(&'static str, LeftOut)>) -> Option<Purl> {
    let text = text.filter(|text| !text.is_empty())?;
    text.parse().map_err(|error: PurlError| left_out.push(("purl", error.into()))).ok()
}

/// Returns in-toto's name of an algorithm: `SHA-256`, `SHA256` -> `sha256`, `SHA3-256` -> `sha3_256`.
pub(crate) fn algorithm_name(name: &str) -> Cow<'static, str> {
    // Nearly all are one of these, and an SBOM has tens of thousands.
    match name {
        "SHA-1" | "SHA1" => return "sha1".into(),
        "SHA-256" | "SHA256" => return "sha256".into(),
        "SHA-512" | "SHA512" => return "sha512".into(),
        "MD5" => return "md5".into(),
        _ => {}
    }
    let name = name.to_ascii_lowercase();
    if let Some(bits) = name.strip_prefix("sha-") {
        return format!("sha{bits}").into();
    }
    if name.starts_with("sha3-") {
        return name.replace('-', "_").into();
    }
    if name.starts_with("blake2b-") {
        return "blake2b".into();
    }
    name.into()
}

fn shape(error: &serde_json::Error) -> SbomError {
    SbomError::Shape { why: why(error) }
}

/// What the reader says, cut, with the place.
fn why(error: &serde_json::Error) -> String {
    format!("{} at line {} column {}", json::problem(error), error.line(), error.column())
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
