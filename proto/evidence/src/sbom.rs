//! Software bills of materials: which packages a document lists, and what it describes.
//!
//! Read are CycloneDX 1.2 to 1.7 and SPDX 2.2 and 2.3, both in JSON. The rest is recorded, and named as not
//! interpreted. Reading is tolerant where a document is odd in one place: a package URL that does not parse costs that
//! URL, not the document.

use crate::digest_set::Digest;
use crate::purl::{Purl, PurlError};

/// The most components of a document. The largest known one has 30,000; this is the next round number at which the
/// facts of one entry still fit [`crate::fact::EDGES_MAX`].
pub const COMPONENTS_MAX: usize = 50_000;

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
    #[error("a document has at most {max} components, found {found}")]
    TooManyComponents {
        /// [`COMPONENTS_MAX`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A format that is recorded, but not read.
    #[error("not interpreted: {0}")]
    NotInterpreted(NotInterpreted),
}

/// A format that is recorded, but not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInterpreted {
    /// CycloneDX in another version than 1.2 to 1.7.
    #[error("CycloneDX {version:?}; 1.2 to 1.7 are read")]
    CycloneDxVersion {
        /// The value of `specVersion`, cut to 80 characters.
        version: String,
    },
    /// SPDX in another version than 2.2 and 2.3.
    #[error("SPDX {version:?}; SPDX-2.2 and SPDX-2.3 are read")]
    SpdxVersion {
        /// The value of `spdxVersion`, cut to 80 characters.
        version: String,
    },
    /// SPDX 3, which is JSON-LD.
    #[error("SPDX 3")]
    Spdx3,
    /// SPDX in its tag-value form.
    #[error("SPDX as tag-value text; only JSON is read")]
    SpdxTagValue,
    /// XML.
    #[error("XML; only JSON is read")]
    Xml,
    /// JSON that is neither CycloneDX nor SPDX.
    #[error("neither CycloneDX (bomFormat) nor SPDX (spdxVersion)")]
    Unknown,
}

/// What a document lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// The format, with its version: `CycloneDX 1.6`, `SPDX-2.3`.
    pub format: String,
    /// What the document says it describes.
    pub described: Vec<Component>,
    /// What is in it, nested components too, without what it describes.
    pub components: Vec<Component>,
    /// When the document says it was made, as written.
    pub created: Option<String>,
}

/// A package, file or device that a document lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// Where it stands: `components[3]`.
    pub path: String,
    /// The name; may be empty.
    pub name: String,
    /// The version, as written.
    pub version: Option<String>,
    /// The package URL; none if there is none, or if it does not parse.
    pub purl: Option<Purl>,
    /// Why the package URL does not parse.
    pub purl_error: Option<PurlError>,
    /// Digests of its bytes.
    pub hashes: Vec<Digest>,
    /// Where its bytes come from, as written.
    pub fetched_from: Vec<String>,
    /// Whether it is shipped; a component that was only used to build or test is not.
    pub shipped: bool,
}
