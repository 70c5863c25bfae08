//! What can be wrong with a layout.

use custody_evidence::registry::{BlobDigest, CosignError, ManifestError};

use super::ArchiveError;

/// Why something of a layout cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutProblem {
    /// Without the file `oci-layout`, or `index.json`.
    #[error("this is no OCI image layout: it has no file {missing}")]
    NoLayout {
        /// The file's name.
        missing: &'static str,
    },
    /// A file `oci-layout` that says something else than version 1.
    #[error(
        "this is no OCI image layout of version 1: its file oci-layout does not say imageLayoutVersion 1.0.0"
    )]
    Version,
    /// An archive that is malformed, or holds what no layout has.
    #[error("tar archive: {0}")]
    Archive(#[from] ArchiveError),
    /// A blob that is named and not there.
    #[error("the blob {digest} is missing")]
    Missing {
        /// Which.
        digest: BlobDigest,
    },
    /// A file that the system does not let us read.
    #[error("{name} cannot be read: {why}")]
    Unreadable {
        /// Its name within the layout.
        name: String,
        /// What the system said.
        why: std::io::ErrorKind,
    },
    /// A folder or device where a file should be.
    #[error("{name} is no file")]
    NoFile {
        /// Its name within the layout.
        name: String,
    },
    /// Longer than what is read of its kind.
    #[error("{name} has {found} bytes or more, at most {max} are read")]
    TooLarge {
        /// Its name within the layout.
        name: String,
        /// The limit.
        max: u64,
        /// The length, as far as it is known.
        found: u64,
    },
    /// A blob of another length than its descriptor says.
    #[error("the blob {digest} should have {expected} bytes, and has another length")]
    Length {
        /// Which.
        digest: BlobDigest,
        /// The length that the descriptor says.
        expected: u64,
    },
    /// A blob of other bytes than its digest says.
    #[error("the blob {expected} holds other bytes: their digest is {found}")]
    OtherBytes {
        /// The digest by which it was named.
        expected: BlobDigest,
        /// The digest of what is there.
        found: String,
    },
    /// A manifest or index that is malformed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A layer and annotations of cosign that make no bundle.
    #[error(transparent)]
    Cosign(#[from] CosignError),
    /// Indexes that are nested too deep; what comes behind them is not read.
    #[error("indexes are nested deeper than {max} levels: the rest is not read")]
    TooDeep {
        /// [`super::DEPTH_MAX`].
        max: usize,
    },
    /// Too many manifests; what comes behind them is not read.
    #[error("a layout holds at most {max} manifests and indexes: the rest is not read")]
    TooManyManifests {
        /// [`super::MANIFESTS_MAX`].
        max: usize,
    },
    /// Too many layers; what comes behind them is not read.
    #[error("a layout holds at most {max} envelopes and statements: the rest is not read")]
    TooManyLayers {
        /// [`super::LAYERS_MAX`].
        max: usize,
    },
    /// All of them together are too long; what comes behind is not read.
    #[error("the envelopes and statements are larger than {max} bytes together: the rest is not read")]
    TooMuch {
        /// The limit that the caller gave.
        max: u64,
    },
}
