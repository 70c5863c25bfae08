//! Documents that wrap several attestations: npm's, `PyPI`'s (PEP 740), what Google's `gcloud` prints of an image, and the
//! manifests and layers by which cosign keeps them beside an image.
//!
//! Such a document is a list that nobody signed. It is taken apart into the bundles in it, each as its exact bytes, and what
//! the document says beside them is a label at most.

mod cloud_build;
mod cosign;
mod npm;
mod oci;
mod pypi;
#[cfg(test)]
mod tests;

use crate::json::JsonError;

pub use cloud_build::cloud_build_envelopes;
pub use cosign::{CosignAnnotations, CosignError, cosign_envelope};
pub use npm::{NpmAttestation, npm_attestations, npm_keys};
pub use oci::{BlobDigest, BlobKind, Descriptor, MAX_DESCRIPTORS, MAX_MANIFEST, Manifest, ManifestError};
pub use pypi::{pypi_attestation, pypi_provenance};

/// The largest document: 64 MiB, as the largest bundle.
pub const MAX_DOCUMENT: usize = crate::sigstore::MAX_BUNDLE;

/// The most attestations of one document. npm has two a version; GitHub answers with at most 100 at once.
pub const MAX_ATTESTATIONS: usize = 128;

/// Why bytes are not a document of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("a document of attestations is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_DOCUMENT`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not the JSON of such a document.
    #[error("not {kind}: {problem}")]
    Json {
        /// What was expected.
        kind: &'static str,
        /// What is wrong with it.
        problem: JsonError,
    },
    /// Of another version than 1.
    #[error("expected a provenance document of version 1 (PEP 740), found {found}")]
    Version {
        /// The version.
        found: u64,
    },
    /// A list that is too long.
    #[error("the document holds {found} attestations, at most {max} are allowed")]
    TooMany {
        /// [`MAX_ATTESTATIONS`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A window of a key that cannot be read.
    #[error("keys[{index}].publicKey.validFor: {problem}")]
    Window {
        /// The key, 0-based.
        index: usize,
        /// What is wrong with it.
        problem: custody_log::TimestampError,
    },
    /// A key that cannot be used.
    #[error("keys[{index}].publicKey: {problem}")]
    Key {
        /// The key, 0-based.
        index: usize,
        /// Why.
        problem: crate::key::KeyError,
    },
}

fn check_length(bytes: &[u8]) -> Result<(), DocumentError> {
    let found = bytes.len();
    if found > MAX_DOCUMENT { Err(DocumentError::TooLong { max: MAX_DOCUMENT, found }) } else { Ok(()) }
}

fn check_count(found: usize) -> Result<(), DocumentError> {
    let max = MAX_ATTESTATIONS;
    if found > max { Err(DocumentError::TooMany { max, found }) } else { Ok(()) }
}
