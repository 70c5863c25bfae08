//! Manifests and indexes of OCI images (opencontainers/image-spec, `manifest.md` and `image-index.md`), and Docker's of the
//! same shape: which blobs they name. Nothing else of them is read.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::cosign::CosignAnnotations;
use crate::capped::Capped;
use crate::json::{self, JsonError};
use crate::object::Object;

/// The largest manifest or index: 4 MiB, the most that a registry must take (distribution-spec, "Pushing manifests").
pub const MAX_MANIFEST: usize = 4 << 20;

/// The most layers of a manifest, and the most manifests of an index. Each takes some 250 bytes and its annotations: 1 MiB,
/// and at most 4 MiB of annotations.
pub const MAX_DESCRIPTORS: usize = 4096;

/// Media types of manifests and indexes.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What a blob is named by: SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(String);

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    blobs: Vec<Descriptor>,
    refers: bool,
}

/// Names a blob that a manifest or index lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    digest: BlobDigest,
    size: u64,
    holds: BlobKind,
    annotations: CosignAnnotations,
}

/// What a blob holds, as its descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// A manifest or an index.
    Manifest,
    /// A DSSE envelope, a Sigstore bundle, an in-toto statement without a signature, or cosign's simple signing payload.
    Evidence,
    /// Something else: a part of a file system, a configuration.
    Other,
}

/// Why bytes are no manifest or index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Longer than [`MAX_MANIFEST`].
    #[error("a manifest or index is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_MANIFEST`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not the JSON of one.
    #[error("not a manifest or index of an OCI image: {0}")]
    Json(#[from] JsonError),
    /// A manifest that is an index, too.
    #[error("it has layers and manifests: a manifest has the one, an index the other")]
    Both,
    /// Neither of them.
    #[error("it has neither layers nor manifests, so it is no manifest and no index of an OCI image")]
    Neither,
    /// A list that is too long.
    #[error("it lists {found} blobs, at most {max} are allowed")]
    TooMany {
        /// [`MAX_DESCRIPTORS`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A blob that is not named by its SHA-256.
    #[error("descriptor {index}: expected sha256:<64 lower-case hexadecimal digits>, found {found:?}")]
    Digest {
        /// The layer or manifest, 0-based.
        index: usize,
        /// The digest, cut to 100 characters.
        found: String,
    },
}

#[derive(Deserialize)]
struct ManifestJson {
    #[serde(default)]
    manifests: Option<Capped<Object<DescriptorJson>, MAX_DESCRIPTORS>>,
    #[serde(default)]
    layers: Option<Capped<Object<DescriptorJson>, MAX_DESCRIPTORS>>,
    #[serde(default)]
    subject: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorJson {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<Object<CosignAnnotations>>,
}

impl Manifest {
    /// Reads a manifest or an index.
    ///
    /// A document that is both would be one thing to one reader and another to the next (CVE-2021-41190), so it is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (max, found) = (MAX_MANIFEST, bytes.len());
        if found > max {
            return Err(ManifestError::TooLong { max, found });
        }
        let Object(document): Object<ManifestJson> = json::from_slice(bytes)?;
        let list = match (document.manifests, document.layers) {
            (Some(list), None) | (None, Some(list)) => list,
            (Some(_), Some(_)) => return Err(ManifestError::Both),
            (None, None) => return Err(ManifestError::Neither),
        };
        let (max, found) = (MAX_DESCRIPTORS, list.total);
        if found > max {
            return Err(ManifestError::TooMany { max, found });
        }
        let items = list.items.into_iter().enumerate();
        let blobs = items.map(|(index, Object(json))| descriptor(index, json)).collect::<Result<_, _>>()?;
        Ok(Self { blobs, refers: document.subject.is_some() })
    }

    /// Returns the manifests of an index, or the layers of a manifest, in its order.
    #[must_use]
    pub fn blobs(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// Whether it says that it belongs to another manifest (`subject`), whose owner need not name it.
    #[must_use]
    pub const fn refers(&self) -> bool {
        self.refers
    }
}

fn descriptor(index: usize, json: DescriptorJson) -> Result<Descriptor, ManifestError> {
    let digest = BlobDigest::parse(&json.digest)
        .ok_or_else(|| ManifestError::Digest { index, found: json.digest.chars().take(100).collect() })?;
    let annotations = json.annotations.map(|Object(annotations)| annotations).unwrap_or_default();
    Ok(Descriptor { digest, size: json.size, holds: BlobKind::of(&json.media_type), annotations })
}

impl BlobDigest {
    /// Reads `sha256:<64 lower-case hexadecimal digits>`; none if it is anything else. So it can stand in a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let digits = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| Self(hex.to_owned()))
    }

    /// Returns the digits, without the algorithm.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }
}

/// Writes `sha256:<hex>`.
impl std::fmt::Display for BlobDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl Descriptor {
    /// Returns the digest of the blob.
    #[must_use]
    pub const fn digest(&self) -> &BlobDigest {
        &self.digest
    }

    /// Returns the length of the blob in bytes, as the list says.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns what the blob holds, as the list says.
    #[must_use]
    pub const fn holds(&self) -> BlobKind {
        self.holds
    }

    /// Returns what cosign noted beside the blob. Nobody signed it.
    #[must_use]
    pub const fn annotations(&self) -> &CosignAnnotations {
        &self.annotations
    }
}

impl BlobKind {
    fn of(media_type: &str) -> Self {
        // in-toto's storage names the predicate in the middle: `application/vnd.in-toto.provenance+dsse` (in-toto/attestation,
        // `spec/v1/envelope.md`).
        let evidence = [
            "application/vnd.dsse.envelope.v1+json",
            "application/vnd.in-toto",
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/vnd.dev.sigstore.bundle",
        ];
        if MANIFESTS.contains(&media_type) {
            Self::Manifest
        } else if evidence.iter().any(|start| media_type.starts_with(start)) {
            Self::Evidence
        } else {
            Self::Other
        }
    }
}
